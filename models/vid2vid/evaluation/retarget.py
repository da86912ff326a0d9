"""A driver's motion on another person's face, for cross-reenactment. Simpler than the product's Retargeter: the face at rest is known
here."""

from __future__ import annotations

import numpy as np

from ..data.head_pose import RIGID, fit_similarity
from ..networks.topology import HEIGHT, WIDTH


def move_to(driving: np.ndarray, at_rest: np.ndarray, subject: np.ndarray) -> np.ndarray:
    """driving [T, 478, 3], the driver at rest [478, 3], the subject's portrait [478, 3] -> the subject's landmarks [T, 478, 3].

    The head turns and moves as the driver's does since rest; what the face does in the head's axes is scaled to the subject's face.
    """
    share = extents(subject) / extents(at_rest)
    scale = float(share[:2].mean())
    rest, own = at_rest - at_rest[RIGID].mean(0), subject - subject[RIGID].mean(0)
    out = np.empty_like(driving)
    for t, points in enumerate(driving):
        rotation, growth, _, centre = fit_similarity(at_rest[RIGID], points[RIGID])
        change = ((points - centre) @ rotation) / growth - rest
        shift = (centre - at_rest[RIGID].mean(0)) * scale
        out[t] = (own + change * share) @ rotation.T * growth + subject[RIGID].mean(0) + shift
    return out


def extents(points: np.ndarray) -> np.ndarray:
    """[3]: the face's width, height, and the mean of both for its depth."""
    width, height = (float(np.linalg.norm(points[a] - points[b])) for a, b in (WIDTH, HEIGHT))
    return np.array([width, height, (width + height) / 2], points.dtype)
