from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="SKIPPED: ONNX Runtime is not installed")

from synthetic_people.motion import PITCH, ROLL, YAW, reference_poses, talking_clip
from synthetic_people.subject import random_subject
from vid2vid.data.store import SourceReader
from vid2vid.data.synthetic import Job, build, held_out_seeds, layout


def test_a_seed_makes_the_same_person_again_and_another_one_another(assets):
    first, again, other = (random_subject(assets, seed, 64) for seed in (5, 5, 11))
    assert first.spec == again.spec and first.camera == again.camera and first.photo == again.photo
    assert np.array_equal(first.backdrop, again.backdrop)
    assert first.spec.sex == other.spec.sex and first.skin == other.skin
    assert first.spec.face != other.spec.face and first.lighting != other.lighting
    assert random_subject(assets, 5, 64, variant=1).spec != first.spec


def test_looks_are_balanced_and_dark_skin_is_darker(assets):
    subjects = [random_subject(assets, seed, 16) for seed in range(60)]
    assert sum(s.spec.sex == "female" for s in subjects) == 30
    brightness = {kind: [] for kind in ("light", "medium", "dark")}
    for s in subjects:
        mean = assets.texture(assets.root / "skins" / f"{s.spec.skin}.jpg")[::16, ::16, :3].mean() / 255
        brightness[s.skin].append(mean**2.2 * np.mean(s.spec.skin_gain))
    light, medium, dark = (np.median(brightness[kind]) for kind in ("light", "medium", "dark"))
    assert len(brightness["dark"]) == 20 and light > 1.3 * medium > 1.5 * dark


def test_portraits_and_clips_move_as_people_do():
    random = np.random.default_rng(1)
    calm, *varied = reference_poses(random)
    assert abs(calm.yaw) < 4 and not calm.expression and max(abs(p.yaw) for p in varied) > 10
    clips = [talking_clip(random, 8, 25) for _ in range(200)]
    angles = np.array([[(p.yaw, p.pitch, p.roll) for p in clip] for clip in clips])
    assert (np.abs(angles) <= [YAW, PITCH, ROLL]).all() and np.abs(angles[..., 0]).max() > 20
    assert np.abs(np.diff(angles, axis=1)).max() < 8 and np.abs(np.diff(angles[..., 0], axis=1)).mean() > 0.1
    blinking = np.mean([max(p.expression.get("eyeBlinkLeft", 0) for p in clip) > 0.8 for clip in clips])
    opening = np.mean([max(p.expression.get("jawOpen", 0) for p in clip) > 0.15 for clip in clips])
    assert 0.2 < blinking < 0.5 and opening > 0.5


def test_held_out_people_are_never_training_people():
    people = layout([3, 4], held_out_seeds()[:2], 3, 8, 60)
    assert [p.held_out for p in people] == [False, False, True, True]
    assert len(set(held_out_seeds())) >= 40 and min(held_out_seeds()) >= 100000
    assert [c.length for c in people[0].clips] == [8, 8, 8] and [c.length for c in people[3].clips] == [8, 8, 8, 60]
    ends = [p.clips[-1].start + p.clips[-1].length for p in people]
    assert [p.start for p in people] == [0, *ends[:-1]]


def test_a_person_is_written_whole_and_again_the_same(assets, tmp_path: Path):
    pytest.importorskip("onnxruntime")
    landmarker = pytest.importorskip("vid2vid.data.landmarker")
    try:
        landmarker.model_file("mesh")
        pytest.importorskip("synthetic_people.renderer").Renderer(16, 16, 1, 16)
    except Exception as error:
        pytest.skip(f"SKIPPED: no tracker or no OpenGL here: {error}")
    people = layout([7], [], 1, 3, 0)
    for name in ("one", "two"):
        build(Job(assets.root, tmp_path / name, 128, 1.5, None), people, 1, flow=True)
    one, two = SourceReader(tmp_path / "one"), SourceReader(tmp_path / "two")
    assert one.source.frames == 11 and one.source.people[0].sex == "female"
    for name in ("frames", "landmarks", "flow_reference", "seen_reference", "flow_previous", "seen_previous", "head"):
        assert np.array_equal(one.array(name), two.array(name)), name
    landmarks, head = one.array("landmarks"), one.array("head")
    assert (np.abs(landmarks[0, :, :2].mean(axis=0) - 0.5) < 0.15).all() and 0.25 < np.ptp(landmarks[0, :, 0]) < 0.6
    assert 0.2 < (head == 255).mean() < 0.9
    assert not one.array("seen_previous")[8].any() and (one.array("seen_previous")[9] == 255).mean() > 0.8
    assert (one.array("seen_reference")[0, 0] == 255).mean() > 0.99 and np.abs(one.array("flow_reference")[0, 0]).max() < 2e-3
