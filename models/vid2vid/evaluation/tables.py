"""Figures of cases -> tables for people. A result is what evaluate.py writes as JSON: {"model", "cases": [...], "freeze": [...], "drift":
[...]}."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from .gap import GRAPH, gaps
from .metrics import following
from .scoring import mean_figures

# name, unit or reading, +1 where more is better, -1 where less is, 0 where neither (a yardstick)
REGION_NAMES = ("whole", "face", "mouth", "eyes", "mouth interior", "closed lids", "revealed", "revealed person", "stretched", "background")
SELF_ROWS: list[tuple[str, str, int]] = [
    *((f"distance {r}", f"SqueezeNet distance, {r}", -1) for r in REGION_NAMES),
    *((f"psnr {r}", f"PSNR, {r}, dB", 1) for r in ("whole", "face", "mouth", "eyes")),
    *((f"ssim {r}", f"SSIM, {r}", 1) for r in ("whole", "face", "mouth")),
    *((f"l1 {r}", f"L1, {r}", -1) for r in REGION_NAMES),
]
COMMON_ROWS: list[tuple[str, str, int]] = [
    ("akd px", "landmark error (AKD), px at 256", -1),
    ("akd %", "AKD, % of eye distance", -1),
    ("akd floor %", "its floor: the true frames", 0),
    ("second akd %", "by a second network, against the true frames, %", -1),
    ("second akd floor %", "its floor: the same frame, the crop nudged", 0),
    ("face lost %", "frames without a face, %", -1),
    ("identity", "identity: cosine to the portraits", 1),
    ("identity ratio", "identity over that of the true clip", 1),
    ("identity to driver", "cosine to the driver", -1),
    ("identity to driver by chance", "that of the portraits to the driver", 0),
    *((f"following {n}", f"following: {n}, correlation", 1) for n in ("mouth", "eyes", "gaze", "gaze up")),
    *((f"gain {n}", f"following: {n}, gain (1 is right)", 0) for n in ("mouth", "eyes", "gaze", "gaze up")),
    ("flicker ratio", "flicker: warping error over the true clip's", -1),
    ("jitter px", "landmarks' jitter above 5 Hz, px", -1),
    ("true jitter px", "that of the true clip", 0),
    ("freeze", "freeze test: change per frame, levels of 255", -1),
]
GROUP_ROWS = ("distance face", "distance mouth", "psnr face", "akd %", "identity ratio")


def summarise(result: dict, keep: Callable[[dict], bool]) -> tuple[dict[str, float], int]:
    """Mean figures of the cases that `keep` accepts, with following over all of them together, and how many there are."""
    cases = [c for c in result["cases"] if keep(c)]
    figures = mean_figures([c["figures"] for c in cases])
    for name in ("mouth", "eyes", "gaze", "gaze up"):
        pairs = [(np.array(c["series"][name][0]), np.array(c["series"][name][1])) for c in cases if name in c["series"]]
        figures[f"following {name}"], figures[f"gain {name}"] = following(pairs)
    frozen = [f["change"] for f in result["freeze"] if keep({"kind": "self", **f})]
    figures["freeze"] = float(np.mean(frozen)) if frozen else math.nan
    return figures, len(cases)


def write_tables(results: list[dict], folder: Path) -> Path:
    """folder/table.md: sections by kind, source and K, a column per model; then by skin and sex, by K, and drift."""
    groups = list(dict.fromkeys((c["kind"], c["source"], c["k"]) for r in results for c in r["cases"] if c["kind"] == "self"))
    groups += [("cross", None, k) for k in dict.fromkeys(c["k"] for r in results for c in r["cases"] if c["kind"] == "cross")]
    parts = ["# Evaluation", "", f"Held-out people. SqueezeNet distance is not LPIPS. {results[0]['about']}", ""]
    for kind, source, k in groups:
        keep = lambda c, kind=kind, source=source, k=k: c["kind"] == kind and c["k"] == k and source in (None, c["source"])  # noqa: E731
        parts += _section(results, _title(results, kind, source, k, keep), [*(SELF_ROWS if kind == "self" else []), *COMMON_ROWS], keep)
        parts += _gap_section(results, keep) if kind == "self" else []
    parts += _people_section(results) + _portraits_section(results) + _drift_section(results)
    path = folder / "table.md"
    path.write_text("\n".join(parts).rstrip() + "\n")
    return path


def _title(results: list[dict], kind: str, source: str | None, k: int, keep: Callable[[dict], bool]) -> str:
    cases = [c for c in results[0]["cases"] if keep(c)]
    size = f"{len({c['person'] for c in cases})} people, {sum(c['frames'] for c in cases)} frames"
    return (
        f"{source}, K = {k}: self-reenactment ({size})"
        if kind == "self"
        else f"Cross-reenactment, K = {k} ({len(cases)} pairs of all sources)"
    )


def _section(results: list[dict], title: str, rows: list[tuple[str, str, int]], keep: Callable[[dict], bool]) -> list[str]:
    columns = [summarise(r, keep)[0] for r in results]
    lines = [f"## {title}", "", f"| | {' | '.join(r['model'] for r in results)} |", "|---|" + "---|" * len(results)]
    for name, label, better in rows:
        values = [c.get(name, math.nan) for c in columns]
        if any(not math.isnan(v) for v in values):
            lines.append(f"| {label}{' ↑' if better > 0 else ' ↓' if better < 0 else ''} | {' | '.join(_cells(values, better))} |")
    return [*lines, ""]


def _gap_section(results: list[dict], keep: Callable[[dict], bool]) -> list[str]:
    """For each model that was measured both ways."""
    by_name = {r["model"]: r for r in results}
    lines = []
    for name in [n for n in by_name if f"{n}{GRAPH}" in by_name]:
        served, graph = (summarise(by_name[n], keep)[0] for n in (name, f"{name}{GRAPH}"))
        lines += [
            f"| {figure} | {number(graph[figure])} | {number(served[figure])} | {100 * gap:+.1f} % |"
            for figure, gap in gaps(served, graph).items()
        ]
        lines = [
            f"What serving costs `{name}` (worse: above 0):",
            "",
            "| | graph, true landmarks | served | gap |",
            "|---|---|---|---|",
            *lines,
            "",
        ]
    return lines


def _cells(values: list[float], better: int) -> list[str]:
    """The best is bold, where there are others to compare it with."""
    real = [v * better for v in values if not math.isnan(v)]
    best = max(real) if better and len(real) > 1 and max(real) > min(real) else None
    return [f"**{number(v)}**" if best is not None and v * better == best else number(v) for v in values]


def number(value: float) -> str:
    if math.isnan(value):
        return "–"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 1.5 else f"{value:.3f}"


def _people_section(results: list[dict]) -> list[str]:
    """Whom it works worse for: all sources' self-reenactment together, at the smallest K."""
    least = min((c["k"] for c in results[0]["cases"]), default=1)
    lines = [
        f"## By skin and sex (self-reenactment, K = {least})",
        "",
        f"| | | people | {' | '.join(GROUP_ROWS)} |",
        "|---|---|---|" + "---|" * len(GROUP_ROWS),
    ]
    for source in dict.fromkeys(c["source"] for c in results[0]["cases"]):
        for field in ("skin", "sex"):
            for value in sorted({c[field] for c in results[0]["cases"] if c["source"] == source}):
                for result in results:
                    keep = lambda c: c["kind"] == "self" and c["source"] == source and c["k"] == least and c.get(field) == value  # noqa: B023, E731
                    figures, _ = summarise(result, keep)
                    people = len({c["person"] for c in result["cases"] if keep(c)})
                    if people:
                        cells = " | ".join(number(figures.get(n, math.nan)) for n in GROUP_ROWS)
                        lines.append(f"| {source}: {field} {value} | {result['model']} | {people} | {cells} |")
    return [*lines, ""]


def _portraits_section(results: list[dict]) -> list[str]:
    """Whether more portraits help: people who have the largest K, the same ones for every K."""
    ks = sorted({c["k"] for c in results[0]["cases"]})
    if len(ks) < 2:
        return []
    lines = [
        "## By the number of portraits (self-reenactment, the same people)",
        "",
        f"| | | {' | '.join(f'K = {k}' for k in ks)} |",
        "|---|---|" + "---|" * len(ks),
    ]
    for result in results:
        for source in dict.fromkeys(c["source"] for c in result["cases"]):
            shared = people_at_all(result, source, ks)
            for name in ("distance face", "distance mouth", "distance whole") if shared else ():
                values = [summarise(result, of_these(source, k, shared))[0][name] for k in ks]
                lines.append(f"| {result['model']}, {source} | {name} | {' | '.join(map(number, values))} |")
    return [*lines, ""]


def of_these(source: str, k: int, people: set[str]) -> Callable[[dict], bool]:
    """Tells the self-reenactments of these people with k portraits."""
    return lambda c: c["kind"] == "self" and c["source"] == source and c["k"] == k and c["person"] in people


def people_at_all(result: dict, source: str, ks: list[int]) -> set[str]:
    """Who was measured with each of these numbers of portraits."""
    return set.intersection(
        *({c["person"] for c in result["cases"] if c["kind"] == "self" and c["source"] == source and c["k"] == k} for k in ks)
    )


def _drift_section(results: list[dict]) -> list[str]:
    tests = [(r["model"], d) for r in results for d in r["drift"]]
    if not tests:
        return []
    lines = [
        "## Drift: the same pose again and again, driven without a break",
        "",
        "| | person | seconds | identity, first → last | sharpness, last over first | change from the first |",
        "|---|---|---|---|---|---|",
    ]
    for model, d in tests:
        identity = f"{d['identity'][0]:.3f} → {d['identity'][-1]:.3f}" if "identity" in d else "–"
        share = d["sharpness"][-1] / max(d["sharpness"][0], 1e-9)
        lines.append(
            f"| {model} | {d['source']}/{d['person']} | {d['seconds'][-1]:.0f} | {identity} | {share:.2f} "
            f"| {d['change from first, 0..1'][-1]:.4f} |"
        )
    return [*lines, ""]


def read_results(folder: Path) -> list[dict]:
    return [json.loads(f.read_text()) for f in sorted(folder.glob("scores-*.json"))]
