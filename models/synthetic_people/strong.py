"""Strong expressions, which speech never reaches: a shout, a narrow "O", a grin, a tongue, winks, shut eyes."""

from __future__ import annotations

import numpy as np

SIDES = ("Left", "Right")


def _both(**weights: float) -> dict[str, float]:
    return {f"{name}{side}": weight for name, weight in weights.items() for side in SIDES}


def shout(random: np.random.Generator) -> dict[str, float]:
    """Wide open: the jaw as far as it goes, often with both rows of teeth."""
    wide = float(random.uniform(0, 0.8))
    return {"jawOpen": float(random.uniform(0.8, 1.1)), "browInnerUp": float(random.uniform(0, 0.8))} | _both(
        mouthStretch=wide, mouthUpperUp=0.8 * wide, mouthLowerDown=float(random.uniform(0, 0.8)), eyeWide=float(random.uniform(0, 0.7))
    )


def narrow_o(random: np.random.Generator) -> dict[str, float]:
    """Open and narrower than the lips at rest."""
    return {
        "jawOpen": float(random.uniform(0.25, 0.8)),
        "mouthFunnel": float(random.uniform(0.5, 1.0)),
        "mouthPucker": float(random.uniform(0.3, 1.0)),
        "browInnerUp": float(random.uniform(0, 0.6)),
    }


def kiss(random: np.random.Generator) -> dict[str, float]:
    return {"mouthPucker": float(random.uniform(0.7, 1.1))}


def grin(random: np.random.Generator) -> dict[str, float]:
    """Teeth between lips that are drawn wide; the jaw shut or a little open."""
    much = float(random.uniform(0.6, 1.1))
    return {"jawOpen": float(random.uniform(0, 0.3))} | _both(
        mouthSmile=much,
        mouthUpperUp=0.8 * much,
        mouthLowerDown=0.6 * much,
        cheekSquint=0.6 * much,
        mouthStretch=float(random.uniform(0, 0.4)),
    )


def tongue(random: np.random.Generator) -> dict[str, float]:
    return {"jawOpen": float(random.uniform(0.4, 0.9)), "tongueOut": float(random.uniform(0.4, 1.0))}


def wink(random: np.random.Generator) -> dict[str, float]:
    side = SIDES[int(random.integers(2))]
    return {
        f"eyeBlink{side}": float(random.uniform(0.85, 1.0)),
        f"cheekSquint{side}": float(random.uniform(0.2, 0.9)),
        f"mouthSmile{side}": float(random.uniform(0, 0.7)),
    }


def shut(random: np.random.Generator) -> dict[str, float]:
    """Both eyes shut and kept shut."""
    return _both(eyeBlink=float(random.uniform(0.9, 1.0)), eyeSquint=float(random.uniform(0, 0.5)))


ALL = (shout, shout, narrow_o, narrow_o, kiss, grin, grin, tongue, wink, wink, shut)


def strong(random: np.random.Generator) -> dict[str, float]:
    """Weights of one of them."""
    return ALL[int(random.integers(len(ALL)))](random)
