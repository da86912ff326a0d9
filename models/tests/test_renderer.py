import shutil

import numpy as np
import pytest

from synthetic_people.person import Person, PersonSpec, Pose
from synthetic_people.scene import Camera, Lighting, room_backdrop


@pytest.fixture(scope="module")
def renderer():
    module = pytest.importorskip("synthetic_people.renderer")
    try:
        return module.Renderer(128, 128, supersample=1, shadow_size=256)
    except Exception as error:  # no EGL on this machine
        pytest.skip(f"SKIPPED: OpenGL does not start here: {error}")


def test_a_face_is_drawn_where_the_camera_projects_it(assets, renderer):
    person = Person(assets, PersonSpec(hair=None))
    camera = Camera(target=(0, float(person.eye_centres[0][1]), 0.6))
    backdrop = np.zeros((128, 128, 3), np.uint8)
    empty = renderer.render([], camera, Lighting(), backdrop)
    image = renderer.render([(person, Pose())], camera, Lighting(), backdrop)
    assert not empty.any()
    x, y = camera.project(np.array([person.eye_centres[0] + [0, -0.5, 0.2]]), 128, 128)[0].astype(int)
    assert image[y, x].sum() > 150 and image[y, x, 0] > image[y, x, 2]  # lit skin is warm
    again = renderer.render([(person, Pose())], camera, Lighting(), backdrop)
    assert np.array_equal(image, again)
    moved = renderer.render([(person, Pose({"jawOpen": 1.0}))], camera, Lighting(), backdrop)
    assert np.abs(moved.astype(int) - image).mean() > 0.3
    renderer.forget(person)


def test_backdrops_repeat_with_their_seed():
    assert np.array_equal(room_backdrop(4, 64, 48), room_backdrop(4, 64, 48))
    assert not np.array_equal(room_backdrop(4, 64, 48), room_backdrop(5, 64, 48))


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="SKIPPED: espeak-ng is not installed")
def test_speech_comes_with_its_phoneme_times_and_mouth_shapes():
    from synthetic_people.speech import speak, viseme_of, viseme_track

    speech = speak("A map of Bombay.")
    names = [p.name for p in speech.phonemes]
    assert names.count("m") == 2 and names.count("b") == 2
    assert all(viseme_of(n) for n in names if n != "_")
    assert all(a.end_s <= b.start_s + 1e-9 for a, b in zip(speech.phonemes, speech.phonemes[1:]))
    times = np.arange(0, speech.duration_s, 1 / 60)
    closed = viseme_track(speech, times)["visemes01/p_b_m_21"]
    first_m = next(p for p in speech.phonemes if p.name == "m")
    assert closed[np.abs(times - (first_m.start_s + first_m.end_s) / 2 + 0.03).argmin()] > 0.4
