"""Real appearance and motion: the head's square, portraits made to move, their flow, and the packed form. No shared data is needed."""

import cv2
import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="SKIPPED: ONNX Runtime is not installed")

from vid2vid.data import motions, own_clips, pack, real_clips, splits
from vid2vid.data.donors import Speech
from vid2vid.data.head_mesh import HeadMesh, Motion, turn_matrix
from vid2vid.data.head_pose import canonical_face, head_pose
from vid2vid.data.layers import background_plate, separate
from vid2vid.data.pictures import crop_square, points_in_square, skin_class, square_of
from vid2vid.data.pseudo_frames import Mouth, Stage, flow_between, head_cells, in_light
from vid2vid.data.stills import TEXTURE, Portrait
from vid2vid.data.store import ClipRange, PersonEntry, Source, SourceReader, SourceWriter
from vid2vid.networks.topology import INNER_LOWER_LIP, INNER_UPPER_LIP, LOWER_LIDS, UPPER_LIDS

# (yaw, pitch, roll), pixels per face width, place, picture -> x, y, side as server/portraits/crop.ts gives them
SERVER_SQUARES = [
    ((0, 0, 0), 100, (300, 300), (600, 600), (177, 196, 246)),
    ((0, 0, 0), 100, (110, 120), (215, 600), (0, 31, 215)),
    ((22, 0, 0), 150, (400, 380), (800, 700), (177, 225, 368)),
    ((-25, 6, 4), 120, (90, 300), (640, 480), (-6, 177, 295)),
    ((5, -9, -12), 200, (300, 260), (640, 480), (52, 25, 480)),
]


@pytest.mark.parametrize("turn, scale, place, picture, expected", SERVER_SQUARES)
def test_the_square_and_the_pose_are_the_servers(turn, scale, place, picture, expected):
    points = canonical_face() @ turn_matrix(*turn).T * scale + [*place, 0]
    assert square_of(points, *picture) == expected
    pose = head_pose(points)
    assert np.allclose([pose.yaw, pose.pitch, pose.roll, pose.face_width], [*turn, scale], atol=1e-3)


def test_a_square_beyond_the_picture_is_cut_in_place():
    picture = np.dstack([*np.meshgrid(np.arange(120), np.arange(80)), np.full((80, 120), 7)]).astype(np.uint8)
    cut = crop_square(picture, (-20, 10, 100), 50)
    assert cut.shape == (50, 50, 3) and cut[20, 30].tolist() == pytest.approx([41, 51, 7], abs=1)
    assert (cut[:, :10, 0] == 0).all()  # the left border goes on
    assert points_in_square(np.array([[40.0, 50, 8]], np.float32), (-20, 10, 100))[0].tolist() == pytest.approx([0.6, 0.4, 0.08])


def test_skin_classes_follow_lightness():
    landmarks = canonical_face() * 0.4 + [0.5, 0.5, 0]
    classes = [
        skin_class(np.full((256, 256, 3), colour, np.uint8), landmarks) for colour in ((236, 200, 180), (190, 145, 115), (95, 62, 45))
    ]
    assert classes == ["light", "medium", "dark"]


# -- real clips


def shot(yaw: float, opening: float = 0.0, place=(0.5, 0.5), colour=(90, 90, 90)) -> real_clips.Shot:
    points = canonical_face() @ turn_matrix(yaw, 0, 0).T * 0.4 + [*place, 0]
    points[14, 1] += opening
    return real_clips.Shot(np.full((8, 8, 3), colour, np.uint8), points)


def test_references_begin_with_the_calm_one_and_differ():
    candidates = [shot(12), shot(0, 0.08), shot(0.5), shot(1), shot(-14), shot(11.5)]
    chosen = [next(i for i, c in enumerate(candidates) if c is s) for s in real_clips.spread_out(candidates, 4)]
    assert chosen[0] in (2, 3) and {1, 4} <= set(chosen) and len({0, 5} & set(chosen)) == 1


def test_references_lie_two_seconds_away_from_what_is_to_be_made():
    free = real_clips.away_from(np.array([100, 400]), 60, 700)
    assert free and all(i <= 49 or 210 <= i <= 349 or i >= 510 for i in free) and {45, 210, 345, 510} <= set(free)


def test_references_of_own_videos_lie_two_seconds_away_where_the_video_is_long_enough():
    seen = [np.zeros((478, 3))] * 400
    long = own_clips.free_frames([0, 104], seen)
    assert len(long) >= own_clips.REFERENCES and all(
        abs(i - f) >= real_clips.GAP for i in long for s in (0, 104) for f in range(s, s + own_clips.RUN)
    )
    short = own_clips.free_frames([0, 16], seen[:40])
    assert short and not set(short) & {*range(8), *range(16, 24)}
    assert all(i >= 200 for i in own_clips.free_frames([0], [None] * 200 + seen[:200]))


def test_clips_are_grouped_by_framing_and_tinted_ones_left_out():
    places = np.random.default_rng(1).permutation(np.linspace(0.3, 0.7, 12))
    groups = real_clips.same_framing([shot(0, place=(x, 0.5)) for x in places], 3)
    assert [len(g) for g in groups] == [4, 4, 4] and max(places[groups[0]]) < min(places[groups[1]]) < max(places[groups[1]]) < min(
        places[groups[2]]
    )
    probed = [(i, shot(0, colour=(200, 120, 20) if i == 3 else (90, 90 + i, 90)), None) for i in range(8)]
    assert [entry[0] for entry in real_clips.without_odd_colours(probed)] == [0, 1, 2, 4, 5, 6, 7]


def test_clips_are_written_after_their_references_with_one_square(tmp_path):
    picture = lambda i: real_clips.Shot(smooth_noise(512, i), (canonical_face() * 160 + [250, 240, 0]).astype(np.float32))  # noqa: E731
    plans = [real_clips.Plan(n, n == "b", "male", [picture(0)], [[picture(1), picture(2)], [picture(3)]], (40, 20, 400)) for n in "ab"]
    real_clips.write(tmp_path, "webcam", "none", plans)
    reader = SourceReader(tmp_path / "webcam")
    assert [(c.start, c.length) for p in reader.source.people for c in p.clips] == [(1, 2), (3, 1), (5, 2), (7, 1)]
    assert [p.name for p in reader.people(held_out=True)] == ["b"] and reader.array("flow_reference") is None
    assert np.array_equal(reader.array("frames")[6], crop_square(smooth_noise(512, 2), (40, 20, 400), 256))
    assert reader.array("landmarks")[6, 4, 0] == pytest.approx((canonical_face()[4, 0] * 160 + 250 - 40) / 400, abs=1e-5)


# -- pseudo-frames


def smooth_noise(side: int, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).uniform(0, 255, (side // 16, side // 16, 3)).astype(np.float32)
    return np.clip(cv2.resize(noise, (side, side), interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def stage() -> Stage:
    """The average face with a random texture, in an oval that stands for a person."""
    from vid2vid.data.surface_renderer import SurfaceRenderer

    alpha = np.zeros((TEXTURE, TEXTURE), np.float32)
    cv2.ellipse(alpha, (256, 250), (130, 190), 0, 0, 360, 1, -1)
    cv2.rectangle(alpha, (90, 420), (420, 511), 1, -1)
    alpha = cv2.GaussianBlur(alpha, (0, 0), 2)
    alpha = np.where(alpha < 0.04, 0, alpha)
    texture = smooth_noise(TEXTURE, 3)
    landmarks = canonical_face() * 0.4 + [0.5, 0.45, 0]
    try:
        renderer = SurfaceRenderer(TEXTURE)
    except Exception as error:  # whatever moderngl raises where there is no EGL
        pytest.skip(f"SKIPPED: no OpenGL here ({error})")
    return Stage(renderer, texture, separate(texture, alpha), HeadMesh(landmarks, alpha))


TURNED = Motion(turn=np.array([9.0, -5.0, 6.0]), shift=np.array([0.04, -0.03]), zoom=1.03)


def test_no_motion_gives_the_photograph(stage):
    photograph = cv2.resize(smooth_noise(TEXTURE, 3), (256, 256), interpolation=cv2.INTER_AREA)
    assert np.abs(stage.view(Motion()).picture.astype(int) - photograph).max() <= 2
    assert np.abs(stage.view(TURNED).picture.astype(int) - photograph).mean() > 10


def test_the_face_stands_where_the_motion_puts_it(stage):
    pose = head_pose(stage.view(Motion(turn=np.array([10.0, 6.0, -5.0]))).posed.points)
    assert [pose.yaw, pose.pitch, pose.roll] == pytest.approx([10, 6, -5], abs=1.0)


def at(picture: np.ndarray, place: np.ndarray) -> np.ndarray:
    x = (place * picture.shape[0] - 0.5).astype(np.float32)
    return cv2.remap(picture, x[..., 0], x[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(float)


@pytest.mark.parametrize("there_motion", [Motion(), Motion(turn=np.array([-8.0, 6.0, 0.0]))])
def test_flow_finds_what_a_frame_shows_in_another(stage, there_motion):
    here, there = stage.view(TURNED), stage.view(there_motion)
    flow, seen = flow_between(here, there)
    place = np.stack(np.meshgrid(*[(np.arange(64) + 0.5) / 64] * 2), -1)
    person = (head_cells(here) == 255) & seen
    error = np.abs(at(here.picture, place) - at(there.picture, place + flow.astype(float))).mean(-1)
    unmoved = np.abs(at(here.picture, place) - at(there.picture, place)).mean(-1)
    assert person.sum() > 600 and error[person].mean() < 6 < 0.25 * unmoved[person].mean()
    background = (head_cells(here) == 0) & seen
    assert background.sum() > 800 and not flow[background].any()


def test_what_a_turn_hides_is_not_called_seen(stage):
    front, aside = stage.view(Motion()), stage.view(Motion(turn=np.array([30.0, 0.0, 0.0])))
    _, seen = flow_between(front, aside)
    hidden = (head_cells(front) == 255) & ~seen
    assert hidden.sum() > 20
    columns = np.flatnonzero(hidden[15:40].any(axis=0))
    assert np.median(np.nonzero(hidden[15:40])[1]) > 32, columns  # a turn to the picture's right hides the right side


def test_shut_lids_meet_and_lips_do_not_cross(stage):
    mesh = stage.mesh
    shut = mesh.pose(Motion(closure=np.ones(2))).points
    for eye in (0, 1):
        assert np.abs(shut[UPPER_LIDS[eye][1:-1], 1] - shut[LOWER_LIDS[eye][1:-1], 1]).max() < 1e-6
    pressed = np.zeros((468, 3))
    pressed[INNER_LOWER_LIP[1:-1], 1] = -0.2
    lips = mesh.pose(Motion(deltas=pressed)).points
    assert (lips[INNER_LOWER_LIP[1:-1], 1] >= lips[INNER_UPPER_LIP[1:-1], 1] - 1e-9).all()


def test_a_borrowed_mouth_fills_the_opening_only(stage):
    deltas = np.zeros((468, 3))
    line = (canonical_face()[13, 1] + canonical_face()[14, 1]) / 2
    below = canonical_face()[:468, 1] > line  # the jaw drops
    deltas[below, 1] = 0.12
    opened = canonical_face() * 0.4 + [0.5, 0.45, 0]
    opened[:468][below, 1] += 0.06
    donor = Mouth(np.full((256, 256, 3), (20, 200, 20), np.uint8), opened)
    own, lent = stage.view(Motion(deltas=deltas)), stage.view(Motion(deltas=deltas), donor)
    changed = np.abs(own.picture.astype(int) - lent.picture).max(axis=-1) > 8
    lips = lent.posed.points[INNER_UPPER_LIP + INNER_LOWER_LIP, :2] * 256
    low, high = np.floor(lips.min(axis=0)) - 3, np.ceil(lips.max(axis=0)) + 3
    y, x = np.nonzero(changed)
    assert len(y) > 60 and (x >= low[0]).all() and (x <= high[0]).all() and (y >= low[1]).all() and (y <= high[1]).all()
    _, seen = flow_between(lent, stage.view(Motion()))
    middle = np.floor(lips.mean(axis=0) / 4).astype(int)
    assert not seen[middle[1], middle[0]]
    again = stage.view(Motion(deltas=deltas), donor)
    in_run, apart = (flow_between(lent, again, neighbours=n)[1] for n in (True, False))
    assert in_run[middle[1], middle[0]] and not apart[middle[1], middle[0]]


def test_teeth_do_not_outshine_the_face():
    white = np.full((2, 2, 3), 250.0)
    dim, bright = (in_light(white, np.full(3, light), np.full(3, 200.0)).max() for light in (90.0, 220.0))
    assert dim < 0.85 * 90 and bright < 220 and dim < bright


def test_borrowed_teeth_are_never_cold_and_flesh_lies_in_shade():
    light = np.full(3, 200.0)
    cold, warm, tongue = (
        in_light(np.full((1, 1, 3), colour, float), light, light)[0, 0] for colour in ((120, 132, 138), (130, 130, 130), (190, 90, 110))
    )
    assert cold[0] >= cold[1] >= cold[2]
    assert cold.mean() == pytest.approx(warm.mean(), rel=0.02), "warmer, not darker"
    assert tongue.mean() < 0.75 * warm.mean() and tongue[0] > 1.3 * tongue[2]


def test_the_plate_hides_the_person_and_keeps_the_rest():
    picture = np.full((TEXTURE, TEXTURE, 3), (40, 90, 140), np.uint8)
    alpha = np.zeros((TEXTURE, TEXTURE), np.float32)
    cv2.circle(alpha, (256, 256), 120, 1, -1)
    picture[alpha > 0] = (230, 30, 30)
    assert (
        np.abs(background_plate(picture, alpha) - [40, 90, 140]).max() < 10
    )  # a fast-marching fill is off by some grey levels, not by a colour


# -- motions


class FakeDonors:
    def speech(self, random, length, least_opening=0.0):
        landmarks = canonical_face() * 0.4 + 0.5
        return Speech(np.full((length, 468, 3), 0.01), [Mouth(np.zeros((8, 8, 3), np.uint8), landmarks)] * length, np.full(length, 0.05))


def test_a_lead_up_ends_in_the_photograph_and_the_first_reference_is_it():
    random, limits = np.random.default_rng(0), motions.Limits(yaw=0, at_top=False, open_mouth=False)
    for shown in (motions.lead_up(random, limits, FakeDonors())[-1], motions.references(random, limits, FakeDonors())[0]):
        assert shown.mouth is None and shown.motion.zoom == 1
        assert not any(
            v.any() for v in (shown.motion.turn, shown.motion.shift, shown.motion.deltas, shown.motion.closure, shown.motion.gaze)
        )


def test_limits_hold_what_a_portrait_cannot_show():
    random, limits = np.random.default_rng(0), motions.Limits(yaw=12, at_top=True, open_mouth=True)
    runs = [f for _ in range(30) for f in motions.free_run(random, limits, FakeDonors())]
    assert all(f.motion.turn[1] >= 0 and f.motion.shift[1] <= 0 and f.motion.zoom >= 1 for f in runs)
    assert min(f.motion.turn[0] for f in runs) > -4 and max(f.motion.turn[0] for f in runs) > 9
    assert all(f.mouth is None and f.motion.deltas.max() < 0.005 for f in runs)


# -- splits and packing


def test_enough_people_of_every_source_are_held_out_and_nobody_is_on_both_sides(tmp_path):
    portraits, smiles = splits.held_out("portraits"), splits.held_out("smiles")
    of = lambda prefix: sum(name.startswith(prefix) for name in portraits)  # noqa: E731
    assert of("faker-f") >= 0.15 * 90 and of("faker-m") >= 0.15 * 90 and of("london") >= 0.15 * 82 and of("canada") >= 0.15 * 40
    assert {name.removesuffix("-back") for name in smiles} == {name for name in portraits if name.startswith("london")}
    with pytest.raises(KeyError):
        splits.held_out("nobody")


def small_source(folder) -> Source:
    people = [
        PersonEntry("a", 0, 2, [ClipRange(2, 3)], False),
        PersonEntry("b", 5, 1, [ClipRange(6, 2)], True),
        PersonEntry("c", 8, 1, [ClipRange(9, 1)], False),
    ]
    source = Source("small", 64, 25.0, "none", people)
    writer = SourceWriter(folder / "small", source, flow=False)
    for i in range(source.frames):
        writer.arrays["frames"][i] = smooth_noise(64, i)
        writer.arrays["landmarks"][i] = canonical_face() * 0.4 + 0.5 + 0.001 * i
    writer.close()
    return source


@pytest.mark.parametrize("everyone, kept", [(True, list(range(10))), (False, [0, 1, 2, 3, 4, 8, 9])])
def test_packing_gives_the_source_back(tmp_path, everyone, kept):
    source = small_source(tmp_path)
    packed = pack.pack_source(tmp_path / "small", 92, everyone)
    assert sum(v.nbytes for v in packed.values()) < 0.5 * source.frames * 64 * 64 * 3
    pack.unpack_source(packed, tmp_path / "out")
    before, after = SourceReader(tmp_path / "small"), SourceReader(tmp_path / "out/small")
    assert [p.name for p in after.source.people] == [p.name for p in source.people if everyone or not p.held_out]
    last = after.source.people[-1]
    assert last.clips[0].start + last.clips[0].length == after.source.frames == len(kept)
    assert np.abs(after.array("landmarks") - before.array("landmarks")[kept]).max() < 1e-4
    assert np.abs(after.array("frames").astype(int) - before.array("frames")[kept]).mean() < 4


def test_packed_photographs_come_back_with_names_and_landmarks(tmp_path):
    portraits = [
        Portrait(name, smooth_noise(TEXTURE, i), (canonical_face() * 0.4 + 0.5).astype(np.float32)) for i, name in enumerate(("x", "y"))
    ]
    np.savez(tmp_path / "pack.npz", **{f"stills/{k}": v for k, v in pack.pack_stills(portraits, 92).items()})
    back = pack.stills_of(tmp_path / "pack.npz")
    assert [p.name for p in back] == ["x", "y"]
    assert all(
        np.abs(a.texture.astype(int) - b.texture).mean() < 4 and np.allclose(a.landmarks, b.landmarks, atol=1e-4)
        for a, b in zip(portraits, back)
    )


def test_a_source_with_flow_is_not_packed(tmp_path):
    source = Source("flowing", 16, 25.0, "none", [PersonEntry("a", 0, 1, [ClipRange(1, 1)], False)])
    SourceWriter(tmp_path / "flowing", source, flow=True).close()
    with pytest.raises(ValueError, match="flow"):
        pack.pack_source(tmp_path / "flowing", 92, True)
