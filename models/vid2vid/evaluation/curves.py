"""Curves over the number of portraits and of training people (the paper's figure 7, a and b), as SVG."""

from __future__ import annotations

import math
from pathlib import Path

from .tables import people_at_all, summarise

REGIONS = ("whole", "face", "mouth", "eyes", "revealed")


def portraits_curve(results: list[dict], path: Path, source: str = "synthetic") -> bool:
    """SqueezeNet distance over K, a panel for each model; one source's people, the same at every K. False, and no file, when there is
    nothing to draw: fewer than three K, or nobody who has so many portraits."""
    path.unlink(missing_ok=True)
    panels = {}
    for result in results:
        ks = sorted({c["k"] for c in result["cases"] if c["kind"] == "self" and c["source"] == source})
        if len(ks) >= 3 and (shared := people_at_all(result, source, ks)):
            keep = lambda c, k: c["kind"] == "self" and c["source"] == source and c["k"] == k and c["person"] in shared  # noqa: E731
            panels[result["model"]] = {k: summarise(result, lambda c, k=k: keep(c, k))[0] for k in ks}  # noqa: B023
    return bool(panels) and draw(panels, "portraits (K)", path)


def people_curve(results: dict[float, dict], path: Path, *, source: str, k: int) -> bool:
    """The same over the share of the training people, by it."""
    shares = sorted(results)
    if len(shares) < 3:
        return False
    keep = lambda c: c["kind"] == "self" and c["source"] == source and c["k"] == k  # noqa: E731
    return draw({f"{source}, K = {k}": {share: summarise(results[share], keep)[0] for share in shares}}, "training people, %", path)


def draw(panels: dict[str, dict[float, dict[str, float]]], across: str, path: Path) -> bool:
    """A panel for each title: the figures at each place. Distances are drawn over the first one's, for regions differ by more than what
    moves them."""
    try:
        import matplotlib
    except ImportError:  # hours of measuring are not to be lost for a picture
        print(f"NOT DRAWN: {path}: matplotlib is not installed", flush=True)
        return False

    matplotlib.use("svg")
    matplotlib.rcParams |= {"svg.hashsalt": "gioconda", "svg.fonttype": "none"}  # the same file each time
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(panels), figsize=(4.2 * len(panels), 3.2), squeeze=False, sharey=True, layout="constrained")
    for axis, (title, places) in zip(axes[0], panels.items()):
        for region in REGIONS:
            values = [figures.get(f"distance {region}", math.nan) for figures in places.values()]
            if not math.isnan(values[0]):
                axis.plot(range(len(places)), [v / values[0] for v in values], marker="o", markersize=4, label=region)
        axis.set(title=title, xlabel=across, xticks=range(len(places)), xticklabels=[f"{p:g}" for p in places])
        axis.grid(alpha=0.3)
    axes[0][0].set_ylabel(f"SqueezeNet distance over that at {next(iter(next(iter(panels.values())))):g}")
    axes[0][-1].legend(fontsize=8)
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    pyplot.close(figure)
    return True
