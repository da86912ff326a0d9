import cv2
import numpy as np
import pytest

from synthetic_people.person import Person, PersonSpec, Pose
from synthetic_people.scene import Camera, Lighting
from synthetic_people.surface import Surface, coverage

SIZE, CELLS = 128, 32
LIGHT = (0.9, 0.9, 0.9)
EVEN = Lighting(shadow_strength=0.0, rim_colour=(0, 0, 0), key_colour=(0.2, 0.2, 0.2), sky=LIGHT, ground=LIGHT)
CALM = Pose()
TURNED = Pose({"jawOpen": 0.7, "eyeBlinkLeft": 1.0}, yaw=14, pitch=4, roll=-6, shift=(0.1, 0.05, 0.1))


@pytest.fixture(scope="module")
def shots(assets):
    """Pictures and views of one person in two poses."""
    module = pytest.importorskip("synthetic_people.renderer")
    try:
        renderer = module.Renderer(SIZE, SIZE, supersample=2, shadow_size=256)
    except Exception as error:  # no EGL on this machine
        pytest.skip(f"SKIPPED: OpenGL does not start here: {error}")
    person = Person(assets, PersonSpec(hair="hair/short01"))
    surface = Surface(person)
    camera = Camera(target=(0, float(person.eye_centres[0][1]) - 0.4, 0.6), field_of_view=26)
    backdrop = np.full((SIZE, SIZE, 3), 90, np.uint8)
    taken = []
    for pose in (CALM, TURNED):
        image = renderer.render([(person, pose)], camera, EVEN, backdrop)
        taken.append((image, surface.view(renderer.posed(person), camera, renderer.surface_numbers())))
    return surface, taken


def cell_means(image: np.ndarray) -> np.ndarray:
    return image.reshape(CELLS, SIZE // CELLS, CELLS, SIZE // CELLS, 3).mean(axis=(1, 3))


def test_flow_of_a_picture_to_itself_is_zero_and_all_is_seen(shots):
    surface, [(_, view), _] = shots
    flow, seen = surface.flow(view, [view], CELLS)
    assert np.abs(flow).max() < 1e-3
    assert (seen == 255).mean() > 0.999


def test_warping_by_the_flow_makes_the_other_picture_where_it_is_seen(shots):
    surface, [(calm, calm_view), (turned, turned_view)] = shots
    flow, seen = surface.flow(turned_view, [calm_view], CELLS)
    person = (seen[0] > 0) & (coverage(turned_view, CELLS) == 255)
    assert 0.5 < person.sum() / (coverage(turned_view, CELLS) == 255).sum() < 0.99
    assert np.abs(flow[0][person].astype(np.float32)).mean() > 0.02
    centres = (np.indices((CELLS, CELLS))[::-1].transpose(1, 2, 0) + 0.5) / CELLS + flow[0]
    blurred = cv2.blur(calm, (4, 4)).astype(np.float32)
    at = (centres * SIZE - 0.5).astype(np.float32)
    warped = cv2.remap(blurred, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    truth, still = cell_means(turned), cell_means(calm)
    assert np.abs(warped - truth)[person].mean() < 0.4 * np.abs(still - truth)[person].mean()


def test_what_is_covered_is_not_seen(shots):
    surface, [(_, calm_view), (_, turned_view)] = shots
    _, seen = surface.flow(turned_view, [calm_view], CELLS)
    within = [surface.layers.index(name) for name in ("teeth", "tongue")]
    inside = np.isin(surface.kinds[turned_view.numbers], within)
    cells = inside.reshape(CELLS, -1, CELLS, len(inside) // CELLS).mean(axis=(1, 3)) > 0.9
    assert cells.sum() >= 2 and (seen[0][cells] == 0).mean() > 0.9  # behind closed lips
    revealed = (coverage(turned_view, CELLS) == 0) & (coverage(calm_view, CELLS) == 255)
    assert revealed.any() and not seen[0][revealed].any()  # background behind the head


def test_a_window_is_a_cut_of_the_view():
    points = np.random.default_rng(2).uniform([-1, 6, 0], [1, 8, 1], (20, 3))
    whole, cut = Camera(height=0.7), Camera(height=0.7, window=(0.2, 0.3, 0.4))
    assert np.allclose((whole.project(points, 100, 100) / 100 - [0.2, 0.3]) / 0.4, cut.project(points, 100, 100) / 100, atol=1e-4)
