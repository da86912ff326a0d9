"""The table of what a model must reach: a row holds or fails by its own figure alone."""

from __future__ import annotations

import copy

import pytest

pytest.importorskip("torch", reason="SKIPPED: PyTorch is not installed")

from vid2vid.evaluation.musts import PICTURE, musts, table
from vid2vid.evaluation.tables import write_tables


def result(name: str, quality: float) -> dict:
    """Scores of a model, the better the higher `quality`."""
    figures = {n: quality if better > 0 else 1 - quality for n, better in PICTURE}
    figures |= {
        "distance revealed": 1 - quality,
        "akd %": 1.1,
        "akd floor %": 1.0,
        "identity ratio": 0.99,
        "flicker ratio": 1.1,
        "distance eyes": 1 - quality,
        "distance whole": 1 - quality,
    }
    moves = [float(i % 7) for i in range(40)]
    cases = [
        {"kind": kind, "source": "synthetic", "person": "p", "k": k, "frames": 40, "sex": "unknown", "skin": "unknown",
         "figures": figures | {"identity to driver": 0.85, "identity to driver by chance": 0.85}, "series": {"mouth": [moves, moves]}}
        for kind in ("self", "cross") for k in (1, 4)
    ]  # fmt: skip
    drift = [
        {
            "source": "synthetic",
            "person": "p",
            "seconds": [0, 300],
            "identity": [0.98, 0.975],
            "sharpness": [1, 1],
            "change from first, 0..1": [0, 0],
        }
    ]
    return {
        "model": name,
        "about": "",
        "cases": cases,
        "freeze": [{"source": "synthetic", "person": "p", "k": 1, "change": 0.01}],
        "drift": drift,
    }


@pytest.fixture
def results() -> dict[str, dict]:
    return {name: result(name, quality) for name, quality in (("copy", 0.2), ("warp", 0.5), ("lite", 0.8))}


def failed(results: dict[str, dict]) -> list[str]:
    return [row.what for row in musts(results, "lite") if row.holds is False]


def test_a_model_that_reaches_everything_holds_everything(results):
    assert failed(results) == []
    assert "**no**" not in table(musts(results, "lite"))


@pytest.mark.parametrize(
    ("figure", "value", "row"),
    [
        ("psnr mouth", 0.4, "distance, L1, PSNR"), ("akd %", 1.3, "landmark error"), ("distance revealed", 0.6, "by region"),
        ("identity ratio", 0.8, "identity over"),
        ("flicker ratio", 1.4, "flicker"),
    ],
)  # fmt: skip
def test_each_figure_fails_its_own_row(results, figure, value, row):
    for case in results["lite"]["cases"]:
        case["figures"][figure] = value
    assert failed(results) and all(row in what for what in failed(results))


def test_what_was_not_measured_is_said_and_not_counted(results):
    results["lite"]["drift"] = []
    results["warp"]["cases"] = [c for c in results["warp"]["cases"] if c["k"] == 1]
    rows = musts(results, "lite")
    assert [r.what.split(":")[0] for r in rows if r.holds is None] == ["synthetic, K = 4", "drift in 300 s", "more portraits"]
    assert table(rows).startswith(f"{len(rows) - 3} of {len(rows) - 3} hold, 3 not measured.")


def test_a_still_mouth_and_a_lost_identity_fail(results):
    lame = copy.deepcopy(results)
    for case in lame["lite"]["cases"]:
        case["series"]["mouth"][0] = [0.0] * 40
    assert failed(lame) == ["synthetic: mouth follows, correlation (gain 0.000)"]
    results["lite"]["drift"][0]["identity"] = [0.98, 0.95]
    assert failed(results) == ["drift, synthetic, 300 s: identity lost"]


def test_more_portraits_must_not_hurt(results):
    for r in results.values():
        r["cases"] += [c | {"k": 8} for c in copy.deepcopy(r["cases"]) if c["k"] == 4]
    assert failed(results) == []
    for case in results["lite"]["cases"]:
        if case["k"] == 8:
            case["figures"]["distance mouth"] += 0.05
    assert failed(results) == ["synthetic: distance mouth with K = 1, 4, 8"]


def test_the_served_path_is_held_to_its_graph_in_each_row(results):
    graph = copy.deepcopy(results["lite"]) | {"model": "lite-graph"}
    assert failed(results | {"lite-graph": graph}) == []
    for figure, worse in (("psnr face", 0.9), ("distance mouth", 1.1), ("flicker ratio", 1.06)):
        served = copy.deepcopy(results["lite"])
        for case in served["cases"]:
            case["figures"][figure] *= worse
        rows = [r for r in musts(results | {"lite": served, "lite-graph": graph}, "lite") if "served within" in r.what]
        assert [r.holds for r in rows] == [False]
        assert figure in rows[0].measured


def test_a_served_path_that_is_better_than_its_graph_has_no_gap(results):
    graph = copy.deepcopy(results["lite"]) | {"model": "lite-graph"}
    for case in graph["cases"]:
        case["figures"]["distance face"] *= 1.5
    assert failed(results | {"lite-graph": graph}) == []


def test_the_table_has_the_gap(results, tmp_path):
    graph = copy.deepcopy(results["lite"]) | {"model": "lite-graph"}
    for case in results["lite"]["cases"]:
        case["figures"]["psnr face"] *= 0.9
    text = write_tables([*results.values(), graph], tmp_path).read_text()
    assert "What serving costs `lite`" in text
    assert "| psnr face | 0.800 | 0.720 | +10.0 % |" in text
