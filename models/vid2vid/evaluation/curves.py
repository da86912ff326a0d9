"""Curves over the number of portraits and of training people (the paper's figure 7, a and b), as SVG."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from .tables import summarise

REGIONS = ("whole", "face", "mouth", "eyes", "revealed")


def portraits_curve(results: list[dict], path: Path, source: str = "synthetic") -> bool:
    """SqueezeNet distance over K, each model's own; the same people at every K. False, and no file, when only one K was measured."""
    panels = {}
    for result in results:
        own = [c for c in result["cases"] if c["kind"] == "self" and c["source"] == source]
        ks = sorted({c["k"] for c in own})
        if len(ks) < 3:
            continue
        shared = set.intersection(*({c["person"] for c in own if c["k"] == k} for k in ks))
        panels[result["model"]] = (ks, lambda k, result=result, shared=shared: summarise(result, lambda c: c["kind"] == "self" and c["source"] == source and c["k"] == k and c["person"] in shared)[0])
    if panels:
        draw(panels, "portraits (K)", path)
    return bool(panels)


def people_curve(results: dict[float, dict], path: Path, *, source: str, k: int) -> bool:
    """The same over the share of the training people, by it."""
    shares = sorted(results)
    if len(shares) < 3:
        return False
    keep = lambda c: c["kind"] == "self" and c["source"] == source and c["k"] == k  # noqa: E731
    draw({f"{source}, K = {k}": (shares, lambda share: summarise(results[share], keep)[0])}, "training people, %", path)
    return True


def draw(panels: dict[str, tuple[list, Callable[[float], dict[str, float]]]], across: str, path: Path) -> None:
    """A panel for each title: (where, figures there). Distances are drawn over the first one's, for regions differ by more than what moves them."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams |= {"svg.hashsalt": "gioconda", "svg.fonttype": "none"}  # the same file each time
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(panels), figsize=(4.2 * len(panels), 3.2), squeeze=False, sharey=True, layout="constrained")
    for axis, (title, (places, figures)) in zip(axes[0], panels.items()):
        found = [figures(place) for place in places]
        for region in REGIONS:
            values = [f.get(f"distance {region}", math.nan) for f in found]
            if not math.isnan(values[0]):
                axis.plot(range(len(places)), [v / values[0] for v in values], marker="o", markersize=4, label=region)
        axis.set(title=title, xlabel=across, xticks=range(len(places)), xticklabels=[f"{p:g}" for p in places])
        axis.grid(alpha=0.3)
    axes[0][0].set_ylabel(f"SqueezeNet distance over that at {panels[next(iter(panels))][0][0]:g}")
    axes[0][-1].legend(fontsize=8)
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    pyplot.close(figure)
