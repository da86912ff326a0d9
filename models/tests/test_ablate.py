"""The ablation's bookkeeping: what is trained again, what is refused, what the table says."""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="SKIPPED: PyTorch is not installed")

from vid2vid import ablate, checkpoint
from vid2vid.config import TrainConfig, override
from vid2vid.evaluation.curves import portraits_curve
from vid2vid.evaluation.perceptual import SqueezeNetFeatures


def options(tmp_path: Path, **more) -> argparse.Namespace:
    return argparse.Namespace(
        **{"data": tmp_path / "data", "out": tmp_path, "steps": 10, "config": None, "set": [], "perceptual": None} | more
    )


def write_checkpoint(folder: Path, steps: int) -> None:
    folder.mkdir(exist_ok=True)
    checkpoint.save(folder / "last.pt", TrainConfig(), {"step": steps})


@pytest.mark.parametrize("name", ablate.VARIANTS)
def test_each_variant_differs_from_the_full_model_in_just_its_settings(name):
    settings, _ = ablate.VARIANTS[name]
    assert len(settings) == (name != "full")
    assert (override(TrainConfig(), settings) == TrainConfig()) == (name == "full")


def test_a_variant_that_has_its_steps_is_not_trained_again(tmp_path, monkeypatch):
    write_checkpoint(tmp_path / "adain", 10)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("trained again"))
    assert ablate.train("adain", options(tmp_path), []) == tmp_path / "adain/last.pt"


def test_a_variant_goes_on_from_where_it_stopped_with_its_own_settings(tmp_path, monkeypatch):
    write_checkpoint(tmp_path / "mean", 4)
    commands = []

    def run(command, **_):
        commands.append(command)
        write_checkpoint(tmp_path / "mean", 10)

    monkeypatch.setattr(subprocess, "run", run)
    ablate.train("mean", options(tmp_path), ["--threads", "1"])
    (command,) = commands
    assert command[command.index("--set") + 1 :] == ["steps=10", "network.attention=mean", "--threads", "1"]


def test_training_and_evaluation_judge_with_the_same_weights(tmp_path, monkeypatch):
    commands = []

    def run(command, **_):
        commands.append(command)
        write_checkpoint(tmp_path / "full", 10)

    monkeypatch.setattr(subprocess, "run", run)
    chosen = options(tmp_path, perceptual=tmp_path / "w.npz", sources="grid", k="1", people=2, frames=8)
    ablate.evaluate({"full": ablate.train("full", chosen, [])}, chosen)
    assert [c[c.index("--perceptual") + 1] for c in commands] == [str(tmp_path / "w.npz")] * 2


def test_missing_weights_are_named_with_what_to_set(tmp_path):
    with pytest.raises(FileNotFoundError, match="SQUEEZENET"):
        SqueezeNetFeatures(tmp_path / "none.npz")


def test_a_training_that_stops_early_is_not_measured_as_if_it_had_not(tmp_path, monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: write_checkpoint(tmp_path / "full", 7))
    with pytest.raises(RuntimeError, match="7 of 10"):
        ablate.train("full", options(tmp_path), [])


def test_the_table_has_a_row_per_model_in_a_fixed_order(tmp_path):
    row = {
        "kind": "self",
        "source": "synthetic",
        "person": "a",
        "driver": "a",
        "k": 4,
        "frames": 3,
        "sex": "female",
        "skin": "dark",
        "series": {},
    }
    for name, distance in (("adain", 0.3), ("warp", 0.25), ("full", 0.125)):
        result = {"model": name, "about": "", "cases": [row | {"figures": {"distance mouth": distance}}], "freeze": [], "drift": []}
        (tmp_path / f"scores-{name}.json").write_text(json.dumps(result))
    rows = [
        line.split(" | ")[0] for line in ablate.write_table(tmp_path, options(tmp_path)).read_text().splitlines() if line.startswith("| ")
    ]
    assert [r.removeprefix("| ").split(":")[0] for r in rows[1:]] == ["warp", "full", "adain"]
    assert "0.125" in (tmp_path / "ablation.md").read_text()


def test_curves_need_three_points_and_say_what_was_measured(tmp_path):
    pytest.importorskip("matplotlib", reason="SKIPPED: matplotlib is not installed")
    row = {"kind": "self", "source": "synthetic", "person": "a", "driver": "a", "frames": 3, "sex": "female", "skin": "dark", "series": {}}

    def result(name: str, by_k: dict[int, float]) -> dict:
        cases = [row | {"k": k, "figures": {"distance mouth": d}} for k, d in by_k.items()]
        return {"model": name, "about": "", "freeze": [], "drift": [], "cases": cases}

    assert not portraits_curve([result("lite", {1: 0.2, 4: 0.1})], tmp_path / "k.svg") and not (tmp_path / "k.svg").exists()
    assert portraits_curve([result("lite", {1: 0.2, 2: 0.15, 4: 0.1})], tmp_path / "k.svg")
    drawn = (tmp_path / "k.svg").read_text()
    assert ">mouth<" in drawn and ">lite<" in drawn and ">face<" not in drawn
    portraits_curve([result("lite", {1: 0.2, 2: 0.15, 4: 0.1})], tmp_path / "again.svg")
    assert (tmp_path / "again.svg").read_bytes() == (tmp_path / "k.svg").read_bytes()
    for name, distance in (("people-10", 0.3), ("people-40", 0.25), ("full", 0.2)):
        (tmp_path / f"scores-{name}.json").write_text(json.dumps(result(name, {4: distance})))
    ablate.write_table(tmp_path, options(tmp_path))
    assert all(f">{share}<" in (tmp_path / "curve-people.svg").read_text() for share in (10, 40, 100))
