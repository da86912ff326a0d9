"""What each part of the method is worth: trains variants with equal budgets and measures them on the same people.

    python -m vid2vid.ablate --data DIR --out DIR --steps 3000 [--variants full,adain,...] [--config FILE] [-- OPTIONS OF vid2vid.train]

Every variant takes the same steps with the same seed and the same batches (fewer people: the same number of batches from fewer), so all
differ in one setting only. A variant that has its steps is not trained again: the command can be stopped and repeated, and more variants
added. Writes OUT/VARIANT/last.pt, OUT/scores/ (evaluate.py's files), OUT/ablation.md and OUT/curve-people.svg.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from . import checkpoint
from .config import TrainConfig, override
from .evaluation.curves import people_curve
from .evaluation.tables import number, read_results, summarise

# name -> the settings that differ, and what they do
VARIANTS: dict[str, tuple[list[str], str]] = {
    "full": ([], "everything"),
    "adain": (["network.modulation=adain"], "scale and shift from the portraits instead of generated weights"),
    "mean": (["network.attention=mean"], "mean over the portraits instead of attention"),
    "no-previous": (["network.previous=false"], "without the previous frame"),
    "no-reference": (["network.reference=false"], "without the warped portrait"),
    "no-prior": (["network.prior=false"], "without the landmarks' flow: W alone finds it"),
    "no-residual": (["network.residual=false"], "the landmarks' flow without W's correction"),
    "people-10": (["data.people=0.1"], "10 % of the training people"),
    "people-40": (["data.people=0.4"], "40 % of the training people"),
}
COLUMNS = {
    "distance whole": "distance", "distance face": "face", "distance mouth": "mouth", "distance eyes": "eyes",
    "distance revealed person": "revealed",
    "distance background": "background", "psnr face": "PSNR face", "akd %": "AKD %", "following mouth": "mouth follows",
    "following eyes": "eyes follow",
    "identity": "identity", "flicker ratio": "flicker",
}  # fmt: skip


def train(name: str, options: argparse.Namespace, more: list[str]) -> Path:
    """The variant's checkpoint after `steps` steps. Raises CalledProcessError when training fails, RuntimeError when it stops early."""
    settings, _ = VARIANTS[name]
    folder = options.out / name
    last = folder / "last.pt"
    if steps_of(last) < options.steps:
        command = [sys.executable, "-m", "vid2vid.train", "--data", str(options.data), "--out", str(folder)]
        command += ["--config", str(options.config)] if options.config else []
        command += _perceptual(options)
        command += ["--set", f"steps={options.steps}", *options.set, *settings, *more]
        print(f"{name}: {' '.join(settings) or 'no change'}", flush=True)
        subprocess.run(command, check=True)
    if (done := steps_of(last)) < options.steps:
        raise RuntimeError(f"{name} stopped after {done} of {options.steps} steps; the same command goes on with it")
    return last


def _perceptual(options: argparse.Namespace) -> list[str]:
    return ["--perceptual", str(options.perceptual)] if options.perceptual else []


def steps_of(path: Path) -> int:
    return int(checkpoint.read(path)[1]["step"]) if path.exists() else 0


def evaluate(models: dict[str, Path], options: argparse.Namespace) -> Path:
    """Every variant beside copy and warp, in the same run."""
    out = options.out / "scores"
    command = [
        sys.executable,
        "-m",
        "vid2vid.evaluate",
        "--data",
        str(options.data),
        "--out",
        str(out),
        "--sources",
        options.sources,
        "--k",
        options.k,
    ]
    command += [
        *_perceptual(options),
        "--people",
        str(options.people),
        "--frames",
        str(options.frames),
        "--model",
        "copy",
        "warp",
        *(f"{name}={path}" for name, path in models.items()),
    ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return out


def write_table(scores: Path, options: argparse.Namespace) -> Path:
    results = {r["model"]: r for r in read_results(scores)}
    order = [name for name in ("copy", "warp", *VARIANTS) if name in results]
    groups = list(dict.fromkeys((c["source"], c["k"]) for c in results[order[0]]["cases"] if c["kind"] == "self"))
    lines = [
        "# Ablation",
        "",
        f"{options.steps} steps each, seed and batches alike; held-out people. `distance` is the SqueezeNet distance (less is better).",
        "",
    ]
    for source, k in groups:
        keep = lambda c: c["kind"] == "self" and (c["source"], c["k"]) == (source, k)  # noqa: B023, E731
        lines += [f"## {source}, K = {k}", "", f"| | {' | '.join(COLUMNS.values())} |", "|---|" + "---|" * len(COLUMNS)]
        for name in order:
            figures, _ = summarise(results[name], keep)
            label = f"{name}: {VARIANTS[name][1]}" if name in VARIANTS else name
            lines.append(f"| {label} | {' | '.join(number(figures.get(c, float('nan'))) for c in COLUMNS)} |")
        lines.append("")
    path = options.out / "ablation.md"
    path.write_text("\n".join(lines))
    by_share = {
        100 * override(TrainConfig(), VARIANTS[n][0]).data.people: results[n] for n in ("people-10", "people-40", "full") if n in results
    }
    if groups:
        people_curve(by_share, options.out / "curve-people.svg", source=groups[0][0], k=groups[-1][1])
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, required=True, help="of each variant")
    parser.add_argument("--variants", default=",".join(VARIANTS), help="separated by commas")
    parser.add_argument("--config", type=Path, help="of the full model")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="for all variants")
    parser.add_argument("--sources", default="synthetic,webcam,grid,smiles,portraits", help="to measure on")
    parser.add_argument("--k", default="1,4")
    parser.add_argument("--people", type=int, default=12, help="to measure on, of each source")
    parser.add_argument("--frames", type=int, default=24, help="to measure on, of each stretch")
    parser.add_argument("--perceptual", type=Path, help="SqueezeNet weights (.npz), to train and to measure with")
    arguments, more = sys.argv[1:], []
    if "--" in arguments:
        arguments, more = arguments[: arguments.index("--")], arguments[arguments.index("--") + 1 :]
    options = parser.parse_args(arguments)
    names = options.variants.split(",")
    if unknown := set(names) - set(VARIANTS):
        parser.error(f"no such variant: {', '.join(sorted(unknown))}; there are {', '.join(VARIANTS)}")
    options.out.mkdir(parents=True, exist_ok=True)
    models = {name: train(name, options, more) for name in names}
    print(write_table(evaluate(models, options), options).read_text())


if __name__ == "__main__":
    main()
