"""Measures models on people that none of them has seen:

    python -m vid2vid.evaluate --model copy warp server:lite manifest.json:lite run/last.pt --data DIR --out DIR [--k 1,4] [--sources
    synthetic,webcam,...]

Writes OUT/table.md (all models that OUT has scores of, so that models can be measured one at a time), musts-MODEL.md (what a model must
reach, beside copy and warp), curve-portraits.svg (with three numbers of portraits or more), scores-MODEL.json, sheet-SOURCE.png,
inside-MODEL.png and clips. The same people, stretches and pairs every time. What the models are given: vid2vid/evaluation/animators.py. A
model of the manifest is reported as it is served (server:NAME); its graph with the true landmarks stands beside, and the gap between both
in rows of its own. Cross-reenactment gives every model the driver's landmarks as moved onto the subject by vid2vid/evaluation/retarget.py.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch

from .evaluation.animators import Animator, Checkpoint, Served, animate, load_animator
from .evaluation.cases import Case, cross_cases, open_sources, self_cases
from .evaluation.curves import portraits_curve
from .evaluation.gap import GRAPH
from .evaluation.musts import musts, table
from .evaluation.perceptual import DEFAULT_WEIGHTS
from .evaluation.scoring import Judges, Scorer, drift_test, freeze_test
from .evaluation.sheets import comparison_row, inside_row, write_clip, write_sheet
from .evaluation.tables import read_results, write_tables

SOURCES = ["synthetic", "people", "webcam", "grid", "smiles", "portraits", "openpeople", "valid"]
ROWS_OF_A_SHEET = 8
CLIPS_OF_A_SOURCE = 2
FREEZE_CASES = 2  # of each source


class Evaluation:
    def __init__(self, animators: list[Animator], judges: Judges, out: Path):
        self.animators, self.judges, self.out = animators, judges, out
        self.results = {a.name: {"model": a.name, "about": "", "cases": [], "freeze": [], "drift": []} for a in animators}
        self.rows: dict[str, list] = {}
        self.inside: dict[str, list] = {a.name: [] for a in animators if isinstance(a, Checkpoint)}
        self.clips: dict[str, int] = {}

    def measure(self, case: Case, *, show: bool) -> None:
        """Every model on one case."""
        scorer, outputs = Scorer(case, self.judges), {}
        for animator in self.animators:
            outputs[animator.name] = animate(animator, case.portraits, case.portrait_landmarks, case.landmarks, case.frame_rate)
            figures, series = scorer.score(outputs[animator.name])
            self.results[animator.name]["cases"].append(self._row(case) | {"figures": _rounded(figures), "series": series})
        if show:
            self._show(case, outputs)

    def freeze(self, case: Case) -> None:
        for animator in self.animators:
            self.results[animator.name]["freeze"].append(self._row(case) | {"change": round(freeze_test(animator, case), 4)})

    def drift(self, case: Case, seconds: float) -> None:
        for animator in self.animators:
            self.results[animator.name]["drift"].append(self._row(case) | drift_test(animator, case, self.judges, seconds))

    def _row(self, case: Case) -> dict:
        p = case.person
        return {
            "kind": case.kind,
            "source": case.source,
            "person": p.name,
            "driver": case.driver,
            "k": case.k,
            "frames": len(case.landmarks),
            "sex": p.sex,
            "skin": p.skin,
        }

    def _show(self, case: Case, outputs: dict[str, np.ndarray]) -> None:
        name = case.source if case.kind == "self" else "cross"
        if len(rows := self.rows.setdefault(name, [])) < ROWS_OF_A_SHEET:
            rows.append(comparison_row(case, outputs))
            for animator in self.animators:
                if isinstance(animator, Checkpoint) and len(rows) <= 2:
                    self.inside[animator.name].append(inside_row(case, animator))
        if len(case.landmarks) > 4 and self.clips.setdefault(name, 0) < CLIPS_OF_A_SOURCE:
            write_clip(case, outputs, self.out / f"clip-{name}-{self.clips[name]}.mp4")
            self.clips[name] += 1

    def write(self, about: str) -> Path:
        for name, result in self.results.items():
            (self.out / f"scores-{name}.json").write_text(json.dumps(result | {"about": about}) + "\n")
        for name, rows in self.rows.items():
            write_sheet(rows, self.out / f"sheet-{name}.png")
        for name, rows in self.inside.items():
            if rows:
                write_sheet(rows, self.out / f"inside-{name}.png")
        results = read_results(self.out)
        path = write_tables(results, self.out)
        by_name = {r["model"]: r for r in results}
        if {"copy", "warp"} <= set(by_name):
            for name in [n for n in by_name.keys() - {"copy", "warp"} if not n.endswith(GRAPH)]:
                (self.out / f"musts-{name}.md").write_text(table(musts(by_name, name)))
        portraits_curve(results, self.out / "curve-portraits.svg")
        return path


def _rounded(figures: dict[str, float]) -> dict[str, float]:
    """NaN is left out: JSON has none."""
    return {name: round(value, 6) for name, value in figures.items() if np.isfinite(value)}


def run(evaluation: Evaluation, options: argparse.Namespace) -> None:
    readers = open_sources(options.data, options.sources)
    for k in options.k:
        for reader in readers:
            start, cases = time.monotonic(), self_cases(reader, k, people=options.people, frames=options.frames)
            if not cases:
                print(f"NOT MEASURED: {reader.source.name} at K = {k}: nobody held out has so many portraits and a clip", flush=True)
            for number, case in enumerate(cases):
                evaluation.measure(case, show=k == options.k[0])
                if number < FREEZE_CASES and k == options.k[0] and len(case.landmarks) > 1:
                    evaluation.freeze(case)
                if number == 0 and k == options.k[0] and options.drift_seconds and len(case.landmarks) > 1:
                    evaluation.drift(case, options.drift_seconds)
            print(f"{reader.source.name}, K = {k}: {len(cases)} clips in {time.monotonic() - start:.0f} s", flush=True)
        for case in cross_cases(readers, k, pairs=options.pairs, frames=options.frames):
            evaluation.measure(case, show=k == options.k[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words = lambda text: [w for w in text.split(",") if w]  # noqa: E731
    parser.add_argument(
        "--model",
        nargs="+",
        required=True,
        help="copy, warp, server:NAME[@relative|@unfiltered], CHECKPOINT.pt, MANIFEST.json:NAME (column NAME-graph); "
        "NAME=... before any of them names its column",
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with one folder per source")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sources", type=words, default=SOURCES, help="separated by commas")
    parser.add_argument(
        "--k", type=lambda text: [int(w) for w in words(text)], default=[1, 4], help="numbers of portraits, separated by commas"
    )
    parser.add_argument("--people", type=int, default=12, help="of each source")
    parser.add_argument("--frames", type=int, default=24, help="consecutive ones of a stretch")
    parser.add_argument("--pairs", type=int, default=12, help="of cross-reenactment")
    parser.add_argument("--drift-seconds", type=float, default=0, help="0: no drift test; 300 for the full one")
    parser.add_argument("--perceptual", type=Path, default=DEFAULT_WEIGHTS, help="SqueezeNet weights (.npz)")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    animators = [named(text) for text in options.model]
    if len({a.name for a in animators}) < len(animators):
        parser.error("two models have one name: put NAME= before one of them")
    evaluation = Evaluation(animators, Judges.load(options.perceptual), options.out)
    try:
        run(evaluation, options)
    finally:
        for animator in animators:
            if isinstance(animator, Served):
                animator.close()
    about = f"At most {options.people} people of a source, stretches of {options.frames} frames."
    print(evaluation.write(about).read_text())


def named(text: str) -> Animator:
    """`lite40=runs/x/last.pt`: a column's name before what it is."""
    name, equals, what = text.partition("=")
    animator = load_animator(what if equals else text)
    if equals:
        animator.name = name
    return animator


if __name__ == "__main__":
    main()
