"""A driver's motion on another person's face, for cross-reenactment. Simpler than the product's Retargeter: the face at rest is known here."""

from __future__ import annotations

import numpy as np

RIGID = [3, 4, 5, 6, 122, 168, 195, 196, 197, 248, 351, 419, 33, 133, 263, 362]  # move with the skull
WIDTH, HEIGHT = (234, 454), (10, 152)


def move_to(driving: np.ndarray, at_rest: np.ndarray, subject: np.ndarray) -> np.ndarray:
    """driving [T, 478, 3], the driver at rest [478, 3], the subject's portrait [478, 3] -> the subject's landmarks [T, 478, 3].

    The head turns and moves as the driver's does since rest; what the face does in the head's axes is scaled to the subject's face.
    """
    share = extents(subject) / extents(at_rest)
    scale = float(share[:2].mean())
    rest, own = at_rest - at_rest[RIGID].mean(0), subject - subject[RIGID].mean(0)
    out = np.empty_like(driving)
    for t, points in enumerate(driving):
        rotation, growth, centre = fit_similarity(at_rest[RIGID], points[RIGID])
        change = ((points - centre) @ rotation) / growth - rest
        shift = (centre - at_rest[RIGID].mean(0)) * scale
        out[t] = (own + change * share) @ rotation.T * growth + subject[RIGID].mean(0) + shift
    return out


def extents(points: np.ndarray) -> np.ndarray:
    """[3]: the face's width, height, and the mean of both for its depth."""
    width, height = (float(np.linalg.norm(points[a] - points[b])) for a, b in (WIDTH, HEIGHT))
    return np.array([width, height, (width + height) / 2], points.dtype)


def fit_similarity(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    """Rotation R [3, 3], growth s and centre of b, so that s R (a - mean a) is nearest to b - centre (Kabsch, Umeyama)."""
    p, q = a - a.mean(0), b - b.mean(0)
    u, values, vt = np.linalg.svd(q.T @ p)
    sign = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    rotation = u * sign @ vt
    return rotation.astype(a.dtype), float((values * sign).sum() / (p**2).sum()), b.mean(0)
