"""What people would need before they used a model, as a table: each row's demand, what was measured, whether it holds."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from .gap import GRAPH, MOST, gaps
from .tables import number, summarise

REAL_CLIPS = ("people", "webcam", "grid")
PICTURE = (
    ("distance face", -1),
    ("distance mouth", -1),
    ("l1 face", -1),
    ("l1 mouth", -1),
    ("psnr face", 1),
    ("psnr mouth", 1),
    ("ssim whole", 1),
)
REGIONS = ("mouth interior", "closed lids", "revealed", "stretched", "background")
AKD_OVER_FLOOR, IDENTITY, MOUTH, EYES, GAZE = 1.2, 0.9, 0.95, 0.9, 0.5
FLICKER, STILL_LEVELS, DRIFT = 1.3, 0.5, 0.02
CHANCE = 0.01  # a cosine's difference that says nothing
NOTICEABLE = 0.001  # of a distance, in "more portraits help"


@dataclass
class Row:
    what: str
    must: str
    measured: str
    holds: bool | None  # None: not measured


def musts(results: dict[str, dict], model: str) -> list[Row]:
    """`results` by model name, "copy" and "warp" among them."""
    sources = dict.fromkeys(c["source"] for c in results[model]["cases"] if c["kind"] == "self")
    ks = sorted({c["k"] for c in results[model]["cases"] if c["kind"] == "self"})

    def figures(name: str, kind: str, source: str | None, k: int) -> dict[str, float]:
        return summarise(results[name], lambda c: c["kind"] == kind and c.get("k", k) == k and source in (None, c["source"]))[0]

    rows: list[Row] = []
    for k in [k for k in ks if k in (1, 4)]:
        for source in [s for s in sources if s in ("synthetic", *REAL_CLIPS)]:
            own, others = figures(model, "self", source, k), [figures(n, "self", source, k) for n in ("warp", "copy")]
            what, must = f"{source}, K = {k}: distance, L1, PSNR on face and mouth, SSIM", "better than `warp` and the portrait"
            if any(PICTURE[0][0] not in figures for figures in (own, *others)):
                rows.append(Row(what, must, "not measured", None))
                continue
            worse = [name for name, better in PICTURE if not all(own[name] * better > other[name] * better for other in others)]
            count = f"{len(PICTURE) - len(worse)} of {len(PICTURE)}"
            rows.append(Row(what, must, count + (f", not {', '.join(worse)}" if worse else ""), not worse))
    for source in sources if f"{model}{GRAPH}" in results else ():
        shares = gaps(figures(model, "self", source, 1), figures(f"{model}{GRAPH}", "self", source, 1))
        wide = {name: share for name, share in shares.items() if share > MOST}
        count = f"{len(shares) - len(wide)} of {len(shares)}" + "".join(f", {name} {100 * share:+.0f} %" for name, share in wide.items())
        rows.append(
            Row(
                f"{source}: served within {100 * MOST:.0f} % of the graph with true landmarks",
                "each row",
                count,
                not wide if shares else None,
            )
        )
    for source in sources:
        own, warp = figures(model, "self", source, 1), figures("warp", "self", source, 1)
        rows.append(
            _within(
                f"{source}: landmark error, % of eye distance",
                own.get("akd %", math.nan),
                AKD_OVER_FLOOR * own.get("akd floor %", math.nan),
                f"≤ {AKD_OVER_FLOOR} × the floor",
            )
        )
        rows.append(
            _within(
                f"{source}: by a second network, %",
                own.get("second akd %", math.nan),
                AKD_OVER_FLOOR * own.get("second akd floor %", math.nan),
                f"≤ {AKD_OVER_FLOOR} × the floor",
            )
        )
        seen = [r for r in REGIONS if not math.isnan(own.get(f"distance {r}", math.nan) + warp.get(f"distance {r}", math.nan))]
        if seen:
            said = ", ".join(f"{r} {number(own[f'distance {r}'])} / {number(warp[f'distance {r}'])}" for r in seen)
            rows.append(
                Row(
                    f"{source}: distance by region, `{model}` / `warp`",
                    "below `warp` in each",
                    said,
                    all(own[f"distance {r}"] < warp[f"distance {r}"] for r in seen),
                )
            )
        rows.append(_above(f"{source}: identity over the true clip's", own.get("identity ratio", math.nan), IDENTITY))
        for name, least in (("mouth", MOUTH), ("eyes", EYES), ("gaze", GAZE)):
            rows.append(
                _above(
                    f"{source}: {name} follows, correlation (gain {number(own.get(f'gain {name}', math.nan))})",
                    own.get(f"following {name}", math.nan),
                    least,
                )
            )
        rows.append(_within(f"{source}: flicker over the true clip's", own.get("flicker ratio", math.nan), FLICKER))
        rows.append(_within(f"{source}: a still driver, levels of 255 a frame", own.get("freeze", math.nan), STILL_LEVELS))
    for k in [k for k in ks if k in (1, 4)]:
        cross = figures(model, "cross", None, k)
        away = cross.get("identity to driver", math.nan) - cross.get("identity to driver by chance", math.nan)
        rows.append(_within(f"cross-reenactment, K = {k}: cosine to the driver above chance", away, CHANCE))
    for d in results[model]["drift"]:
        lost = d["identity"][0] - d["identity"][-1] if "identity" in d else math.nan
        rows.append(_within(f"drift, {d['source']}, {d['seconds'][-1]:.0f} s: identity lost", lost, DRIFT))
    if not results[model]["drift"]:
        rows.append(Row("drift in 300 s: identity lost", f"≤ {number(DRIFT)}", "not measured", None))
    if len(ks) > 2:
        rows += [
            _monotone(model, figures, ks, name)
            for name in ("distance face", "distance mouth", "distance eyes", "distance revealed", "distance whole")
        ]
    else:
        rows.append(Row("more portraits: distances with K = 1, 2, 4, 8", "do not rise", "not measured", None))
    return [r for r in rows if r.holds is not None or r.measured == "not measured"]


def _within(what: str, value: float, most: float, must: str | None = None) -> Row:
    return Row(
        what,
        must or f"≤ {number(most)}",
        number(value) + (f" (limit {number(most)})" if must else ""),
        None if math.isnan(value) or math.isnan(most) else value <= most,
    )


def _above(what: str, value: float, least: float) -> Row:
    return Row(what, f"≥ {number(least)}", number(value), None if math.isnan(value) else value >= least)


def _monotone(model: str, figures: Callable[..., dict[str, float]], ks: list[int], name: str) -> Row:
    values = [figures(model, "self", "synthetic", k).get(name, math.nan) for k in ks]
    falls = all(b <= a + NOTICEABLE for a, b in zip(values, values[1:]))
    return Row(
        f"synthetic: {name} with K = {', '.join(map(str, ks))}",
        "does not rise",
        " → ".join(map(number, values)),
        None if any(map(math.isnan, values)) else falls,
    )


def table(rows: list[Row]) -> str:
    known = [r.holds for r in rows if r.holds is not None]
    open_rows = len(rows) - len(known)
    lines = [
        f"{sum(known)} of {len(known)} hold" + (f", {open_rows} not measured." if open_rows else "."),
        "",
        "| | must | measured | |",
        "|---|---|---|---|",
    ]
    return (
        "\n".join(
            [
                *lines,
                *(f"| {r.what} | {r.must} | {r.measured} | {'–' if r.holds is None else 'holds' if r.holds else '**no**'} |" for r in rows),
            ]
        )
        + "\n"
    )
