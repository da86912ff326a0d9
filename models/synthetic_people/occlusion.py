"""Ambient occlusion per vertex from depth maps of many directions."""

from __future__ import annotations

import numpy as np


def _directions(count: int) -> np.ndarray:
    """[count, 3] spread over the sphere by the golden angle, few from straight below (a trunk is there)."""
    k = np.arange(count) + 0.5
    height = 1 - 1.75 * k / count
    angle = np.pi * (1 + 5**0.5) * k
    radius = np.sqrt(1 - height**2)
    return np.stack([radius * np.cos(angle), height, radius * np.sin(angle)], axis=1)


DIRECTIONS = _directions(28)


def mesh_occlusion(positions: np.ndarray, normals: np.ndarray, depths: list[tuple[np.ndarray, np.ndarray]], two_sided: bool) -> np.ndarray:
    """[V] 0..1, cosine-weighted share of the sky that a vertex sees. depths: (world -> clip [4, 4], depth [S, S]) per direction."""
    seen, total = np.zeros(len(positions)), np.full(len(positions), 1e-6)
    lifted = positions + normals * 0.02
    homogeneous = np.c_[lifted, np.ones(len(lifted))]
    for direction, (matrix, depth) in zip(DIRECTIONS, depths):
        cosine = normals @ direction
        weight = np.abs(cosine) * 0.5 + 0.25 if two_sided else np.maximum(cosine, 0)
        size = depth.shape[0]
        clip = homogeneous @ matrix.T
        cell = np.clip(((clip[:, :2] * 0.5 + 0.5) * size).astype(int), 0, size - 1)
        inside = (np.abs(clip[:, :2]) < 1).all(axis=1)
        blocked = inside & (clip[:, 2] * 0.5 + 0.5 > depth[cell[:, 1], cell[:, 0]] + 0.004)
        seen += weight * ~blocked
        total += weight
    return np.clip(seen / total, 0, 1) ** 0.85
