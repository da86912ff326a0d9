"""Batches, losses and the training loop, on a source of flat-coloured people made here."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="SKIPPED: PyTorch is not installed")

import json  # noqa: E402
from dataclasses import replace  # noqa: E402

import numpy as np  # noqa: E402

from vid2vid import checkpoint  # noqa: E402
from vid2vid.config import DataConfig, LossConfig, NetworkConfig, TrainConfig  # noqa: E402
from vid2vid.data.batches import Sampler, nearest_portrait  # noqa: E402
from vid2vid.data.store import ClipRange, PersonEntry, Source, SourceWriter  # noqa: E402
from vid2vid.evaluation.perceptual import DEFAULT_WEIGHTS, SqueezeNetFeatures  # noqa: E402
from vid2vid.losses import Losses, Target, crop, ellipse  # noqa: E402
from vid2vid.train import Trainer, mirror_landmarks  # noqa: E402

SIZE = 128
REFERENCES, CLIP = 3, 5


@pytest.fixture(scope="session")
def features() -> SqueezeNetFeatures:
    if not DEFAULT_WEIGHTS.is_file():
        pytest.skip("SKIPPED: no SqueezeNet weights in the shared data")
    return SqueezeNetFeatures()


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """Two people to train on and one held out; a bright disc that moves with the landmarks over a dark background, by 4 pixels a frame."""
    root = tmp_path_factory.mktemp("data")
    people = [
        PersonEntry(f"p{i}", i * (REFERENCES + CLIP), REFERENCES, [ClipRange(i * (REFERENCES + CLIP) + REFERENCES, CLIP)], i == 2)
        for i in range(3)
    ]
    writer = SourceWriter(root / "discs", Source("discs", SIZE, 25, "made in a test", people), flow=True, head=True)
    random = np.random.default_rng(1)
    shape = random.normal(0, 0.06, (478, 3))
    axis = (np.arange(SIZE) + 0.5) / SIZE
    for person in people:
        colour = random.uniform(120, 255, 3)
        for row in range(REFERENCES + CLIP):
            at = person.start + row
            middle = np.array([0.35 + 4 * row / SIZE, 0.5])
            disc = np.hypot(axis[None, :] - middle[0], axis[:, None] - middle[1]) < 0.2
            writer.arrays["frames"][at] = np.where(disc[..., None], colour, 30)
            writer.arrays["landmarks"][at] = shape + [*middle, 0]
            for reference in range(REFERENCES):
                writer.arrays["flow_reference"][at, reference, ..., 0] = (reference - row) * 4 / SIZE
            writer.arrays["flow_previous"][at, ..., 0] = 0 if row <= REFERENCES else -4 / SIZE
            writer.arrays["seen_reference"][at] = writer.arrays["seen_previous"][at] = 255
            writer.arrays["head"][at] = disc[2::4, 2::4] * 255
    writer.close()
    np.save(root / "discs/plate.npy", np.full((len(people), SIZE, SIZE, 3), 30, np.uint8))
    return root


def settings(**data_changes) -> TrainConfig:
    data = DataConfig(sources={"discs": 1.0}, portraits=(1, 2), frames=2, **data_changes)
    return TrainConfig(network=NetworkConfig(size=SIZE), data=data, batch=2, warmup=5, bfloat16=False)


def sampler(data, config: TrainConfig, **more) -> Sampler:
    return Sampler(data, config.data, seed=config.seed, size=SIZE, mirror=mirror_landmarks(), **more)


def test_a_step_gives_the_same_batch_again_and_held_out_people_never(data):
    plain = settings(colour=0, flip=0)
    first, again, other = (sampler(data, plain).batch(step, 4) for step in (3, 3, 4))
    assert torch.equal(first.frames, again.frames) and torch.equal(first.landmarks, again.landmarks)
    assert first.frames.shape != other.frames.shape or not torch.equal(first.frames, other.frames)
    colours = lambda s: {tuple(f.amax((1, 2)).tolist()) for n in range(12) for f in s.batch(n, 4).frames.flatten(0, 2)}  # noqa: E731
    assert not colours(sampler(data, plain)) & colours(sampler(data, plain, held_out=True))


def test_portraits_warped_by_the_exact_flow_are_the_frame_mirrored_or_not(data):
    from vid2vid.networks.blocks import enlarge, warp
    from vid2vid.networks.geometry import identity_grid

    for flip in (0.0, 1.0):
        batch = sampler(data, settings(colour=0, flip=flip, landmark_noise=0)).batch(1, 2)
        places = identity_grid(SIZE)[None] + enlarge(batch.flow[:, 0, 1, 0], 4)
        assert (warp(batch.portraits[:, 0], places) - batch.frames[:, 0, 1]).abs().mean() < 0.01
        move = batch.landmarks[:, 0, 1] - batch.before_landmarks[:, 0]
        assert torch.allclose(move[..., 0].mean(1), torch.full((2,), 8 / SIZE * (-1 if flip else 1)), atol=1e-4)


def test_the_mirror_is_its_own_inverse():
    mirror = mirror_landmarks()
    assert np.array_equal(mirror[mirror], np.arange(478))


def test_the_nearest_portrait_looks_the_same_way():
    points = torch.randn(1, 478, 3) * 0.1
    turned = points.clone()
    angle = torch.tensor(0.5)
    turned[..., 0], turned[..., 2] = (
        points[..., 0] * angle.cos() - points[..., 2] * angle.sin(),
        points[..., 0] * angle.sin() + points[..., 2] * angle.cos(),
    )
    stack = torch.stack([points, turned], 1)
    assert nearest_portrait(stack, points).tolist() == [0]
    assert nearest_portrait(stack, turned).tolist() == [1]


def truth(data) -> tuple[Target, dict]:
    batch = sampler(data, settings(colour=0, flip=0)).batch(2, 2)
    flat = lambda x: x[:, :, 1].flatten(0, 1)  # noqa: E731
    target = Target(
        flat(batch.frames), flat(batch.landmarks), flat(batch.flow)[:, 0], flat(batch.seen)[:, 0], flat(batch.flow_previous),
        flat(batch.seen_previous), flat(batch.head), batch.exact, torch.ones(2),
    )  # fmt: skip
    masks = torch.zeros(2, 4, SIZE, SIZE)
    head = torch.nn.functional.interpolate(target.head[:, None], size=SIZE, mode="nearest")
    masks[:, :1], masks[:, 1:2] = head, 1 - head
    made = {
        "frame": target.frame,
        "synthesised": target.frame,
        "warped": target.frame,
        "flow": target.flow,
        "flow_previous": target.flow_previous,
        "masks": masks,
    }
    return target, made


def test_nothing_is_wrong_with_the_truth_and_each_fault_raises_its_own_term(data, features):
    target, made = truth(data)
    losses = Losses(LossConfig(), features, SIZE)
    terms = lambda changed: losses(made | changed, target, torch.Generator().manual_seed(0), None)  # noqa: E731
    right = terms({})
    assert all(float(value) < 1e-3 for value in right.values()), right
    wrong = {
        "l1": {"frame": target.frame * 0.5},
        "synthesis": {"synthesised": target.frame * 0.5},
        "flow": {"flow": target.flow + 0.1},
        "warp": {"warped": target.frame * 0.5},
        "mask": {"masks": made["masks"].flip(1)},
    }
    for name, changed in wrong.items():
        raised = {n for n, value in terms(changed).items() if float(value) > 5e-3}
        assert name in raised
        assert raised <= ({name, "perceptual", "fine"} if name in ("l1", "synthesis") else {name})


def test_ellipses_and_crops_lie_where_they_should():
    points = torch.tensor([[[-0.1, 0.2, 0.0], [0.1, 0.4, 0.0]]])
    mask = ellipse(points, 100, 1.0)[0, 0]
    assert mask[65, 50] == 1 and mask[20, 50] == 0 and mask[65, 90] == 0
    picture = torch.arange(10000.0).reshape(1, 1, 100, 100)
    assert crop(picture, torch.tensor([[0.0, 0.0]]), 10)[0, 0, 0, 0] == 45 * 100 + 45
    assert crop(picture, torch.tensor([[5.0, -5.0]]), 10).shape == (1, 1, 10, 10)


def test_training_learns_and_goes_on_where_it_stopped(data, features, tmp_path):
    config = settings()
    make = lambda out: Trainer(config, data, out, device="cpu", features=DEFAULT_WEIGHTS, resident=False)  # noqa: E731
    trainer = make(tmp_path / "run")
    before = sum(trainer.evaluate(batches=2).values())
    for _ in range(30):
        trainer.train_step()
    trainer.average.load_state_dict(trainer.network.state_dict())
    after = sum(trainer.evaluate(batches=2).values())
    assert after < 0.8 * before
    trainer.save()
    resumed = make(tmp_path / "run")
    resumed.resume(tmp_path / "run/last.pt")
    assert resumed.step == 30
    assert resumed.sampler.batch(30, 2).frames.shape == trainer.sampler.batch(30, 2).frames.shape
    checkpoint.lighten(tmp_path / "run/last.pt", tmp_path / "light.pt")
    light = make(tmp_path / "other")
    light.begin_with(tmp_path / "light.pt")
    assert light.step == 0 and light.rate() < 0.5
    weights = zip(light.network.parameters(), trainer.average.parameters())
    assert all(torch.allclose(a, b, atol=1e-3, rtol=1e-3) for a, b in weights)


def test_w_alone_learns_the_exact_flow_and_leaves_the_rest_as_it_is(data, features, tmp_path):
    config = replace(settings(), only_flow=True, batch=4)
    trainer = Trainer(config, data, tmp_path, device="cpu", features=DEFAULT_WEIGHTS, resident=False)
    before = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    errors = [trainer.train_step()["flow"] for _ in range(40)]
    assert np.mean(errors[-5:]) < 0.6 * np.mean(errors[:5])
    changed = {name.split(".")[0] for name, value in trainer.network.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"flow_in", "flow_pose", "flow_pose_out", "flow_wide", "flow_mid", "flow_up", "flow_out"}


def test_a_start_with_another_network_takes_what_fits(data, features, tmp_path, capsys):
    make = lambda out, **shape: Trainer(  # noqa: E731
        replace(settings(), network=NetworkConfig(size=SIZE, **shape)),
        data,
        tmp_path / out,
        device="cpu",
        features=DEFAULT_WEIGHTS,
        resident=False,
    )
    first, second = make("first"), make("second", flow=32)
    with torch.no_grad():
        first.network.to_8.bias += 1
    first.save()
    with pytest.raises(ValueError, match="another network"):
        second.resume(tmp_path / "first/last.pt")
    second.begin_with(tmp_path / "first/last.pt")
    assert torch.equal(first.network.to_8.bias, second.network.to_8.bias)
    said = capsys.readouterr().out
    assert "begins anew" in said and "flow_mid.weight" in said and "to_8" not in said


def test_the_adversarial_part_trains(data, features, tmp_path):
    config = replace(settings(), warmup=1, loss=LossConfig(adversarial=0.02))
    trainer = Trainer(config, data, tmp_path, device="cpu", features=DEFAULT_WEIGHTS, resident=False)
    judged = [p.detach().clone() for p in trainer.judge.parameters()]
    alone = trainer.train_step()  # the judge learns first, so that nobody is told by one who knows nothing
    assert "judge" in alone and "adversarial" not in alone
    assert any(not torch.equal(a, b) for a, b in zip(judged, trainer.judge.parameters()))
    terms = trainer.train_step()
    assert {"adversarial", "matching", "judge"} <= set(terms) and all(np.isfinite(v) for v in terms.values())


def test_what_changes_as_the_truth_does_is_steady(data, features, tmp_path):
    config = replace(settings(), loss=LossConfig(temporal=2.0))
    trainer = Trainer(config, data, tmp_path, device="cpu", features=DEFAULT_WEIGHTS, resident=False)
    batch = trainer.sampler.batch(0, 2)
    with torch.no_grad():
        made, target = trainer.make(
            trainer.network.enrol(batch.portraits, batch.portrait_landmarks, batch.plate), batch, 0, trainer.first_past(batch)
        )
    flicker = torch.rand(made["frame"].shape[2:]) * 0.1
    said = lambda offset: float(trainer.losses(made, target, trainer.random, None, (made["frame"] + offset, target.frame))["temporal"])  # noqa: E731
    assert said(0.0) == pytest.approx(0, abs=1e-6)
    assert said(flicker) == pytest.approx(2 * float(flicker.mean()), rel=1e-3)
    assert "temporal" in trainer.evaluate(batches=1)


def test_the_log_tells_what_was_measured(data, features, tmp_path):
    trainer = Trainer(settings(), data, tmp_path, device="cpu", features=DEFAULT_WEIGHTS, resident=False)
    trainer.run(minutes=0.02, evaluate_every_s=1000, save_every_s=1000)
    line = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])
    assert line["step"] == trainer.step > 0 and line["held_out"]["l1"] > 0
    assert len(list((tmp_path / "sheets").glob("*.png"))) == 1


def test_grey_samples_have_one_tone_everywhere(data):
    batch = sampler(data, settings(grey=1.0, colour=0.0)).batch(0, 3)
    for pictures in (batch.portraits, batch.frames, batch.before, batch.plate):
        assert torch.allclose(pictures, pictures.mean(-3, keepdim=True).expand_as(pictures), atol=1e-5)
    toned = sampler(data, settings(grey=1.0)).batch(0, 1)
    share = (toned.portraits.flatten(0, 1).flatten(2).mean(2) / toned.portraits.mean())[0]
    assert torch.allclose(
        toned.frames.flatten(0, 2).flatten(2).mean(2)[0] / toned.frames.flatten(0, 2)[0].mean(), share / share.mean(), atol=0.05
    )
    coloured = sampler(data, settings(colour=0.0)).batch(0, 3).portraits
    assert not torch.allclose(coloured, coloured.mean(-3, keepdim=True).expand_as(coloured), atol=0.02)
