"""Random but plausible faces: symmetric mixtures of MakeHuman's paired face targets, a little asymmetry on top."""

from __future__ import annotations

import numpy as np

from .assets import Assets

FOLDERS = ("head", "forehead", "eyebrows", "neck", "eyes", "nose", "mouth", "ears", "chin", "cheek")
OPPOSITES = (
    ("decr", "incr"), ("down", "up"), ("in", "out"), ("backward", "forward"), ("concave", "convex"), ("compress", "uncompress"),
)  # fmt: skip
# Not a trait of a face but a shift of it, or a caricature at small weights already.
EXCLUDED = ("head-trans", "head-age", "head-angle", "neck-trans", "neck-back", "trans-in", "trans-out", "ear-shape-pointed", "double-incr")


def face_axes(assets: Assets) -> list[tuple[list[str], list[str]]]:
    """Each axis: (targets of the negative side, targets of the positive side), left and right together."""
    names = [n for n in assets.target_names if n.split("/")[0] in FOLDERS and not any(x in n for x in EXCLUDED)]
    known = set(names)
    axes = []
    for name in names:
        for low, high in OPPOSITES:
            if name.endswith(f"-{low}") and f"{name[: -len(low)]}{high}" in known and "/r-" not in name:
                pair = (name, f"{name[: -len(low)]}{high}")
                axes.append(tuple([n, n.replace("/l-", "/r-")] if "/l-" in n else [n] for n in pair))
    return axes


def random_face(assets: Assets, seed: int, amplitude: float = 0.3, asymmetry: float = 0.12) -> dict[str, float]:
    """target -> weight; `amplitude` is the standard deviation along each axis, cut at 2.2 of it."""
    random = np.random.default_rng(seed)
    weights: dict[str, float] = {}
    for negative, positive in face_axes(assets):
        value = float(np.clip(random.normal(0, amplitude), -2.2 * amplitude, 2.2 * amplitude))
        for name in positive if value > 0 else negative:
            weights[name] = abs(value)
    for name in assets.target_names:
        if name.startswith("asym/") and random.random() < 0.15:
            weights[name] = float(abs(random.normal(0, asymmetry)))
    return weights
