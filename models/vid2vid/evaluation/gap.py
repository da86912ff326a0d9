"""What the served path (retargeting, filter, posing) costs: a model as it is served beside its graph that is given the true landmarks."""

from __future__ import annotations

import math

GRAPH = "-graph"  # ends the name of a column whose graph was given the true landmarks
MOST = 0.05
# figure and +1 where more is better, -1 where less is
ROWS: list[tuple[str, int]] = [
    ("psnr face", 1), ("distance face", -1), ("distance mouth", -1), ("distance eyes", -1), ("second akd %", -1),
    *((f"{what} {n}", 1) for n in ("mouth", "eyes", "gaze") for what in ("following", "gain")),
    ("flicker ratio", -1), ("jitter px", -1),
]  # fmt: skip


def gaps(served: dict[str, float], graph: dict[str, float]) -> dict[str, float]:
    """Of each figure that both have: by what share the served path is worse; below 0 where it is better."""
    out = {}
    for name, better in ROWS:
        a, b = served.get(name, math.nan), graph.get(name, math.nan)
        if math.isfinite(a) and math.isfinite(b) and b != 0:
            out[name] = better * (b - a) / abs(b)
    return out
