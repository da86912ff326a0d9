"""Vertex normals, posing and other mesh arithmetic, vectorised."""

from __future__ import annotations

import numpy as np


def smoothstep(low: float, high: float, x):
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


class NormalBuilder:
    """Area-weighted vertex normals for a fixed topology: triangles are sorted by vertex once, then only added up."""

    def __init__(self, triangles: np.ndarray, vertex_count: int):
        self._triangles = triangles
        corners = triangles.ravel()
        self._order = np.argsort(corners, kind="stable") // 3
        used, self._starts = np.unique(np.sort(corners), return_index=True)
        self._used = used
        self._count = vertex_count

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        """[V, 3] unit normals; unused vertices get zeros."""
        a, b, c = (positions[self._triangles[:, k]] for k in range(3))
        u, v = b - a, c - a
        faces = np.empty_like(u)  # their cross product; numpy's own takes three times as long
        for x, y, z in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
            faces[:, x] = u[:, y] * v[:, z] - u[:, z] * v[:, y]
        normals = np.zeros((self._count, 3), np.float32)
        normals[self._used] = np.add.reduceat(faces[self._order], self._starts, axis=0)
        return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """[3, 3], degrees. Yaw > 0 turns to the person's left, pitch > 0 nods down, roll > 0 tilts to the person's right ear... seen
    from the camera: clockwise. Order: roll, then pitch, then yaw."""
    y, p, r = np.radians([yaw, pitch, roll])
    turn = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    nod = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    tilt = np.array([[np.cos(r), np.sin(r), 0], [-np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return turn @ nod @ tilt


def axis_angle(matrix: np.ndarray) -> np.ndarray:
    """[3] rotation vector (axis * radians) of a rotation matrix well below 180 degrees."""
    angle = np.arccos(np.clip((np.trace(matrix) - 1) / 2, -1, 1))
    if angle < 1e-8:
        return np.zeros(3)
    vector = np.array([matrix[2, 1] - matrix[1, 2], matrix[0, 2] - matrix[2, 0], matrix[1, 0] - matrix[0, 1]])
    return vector * angle / (2 * np.sin(angle))


def rotate_by_share(points: np.ndarray, share: np.ndarray, vector: np.ndarray, pivot: np.ndarray) -> np.ndarray:
    """Turns each point about `pivot` by its share (0..1) of the rotation vector (Rodrigues' formula, vectorised)."""
    full = float(np.linalg.norm(vector))
    if full < 1e-8:
        return points
    axis = (vector / full).astype(np.float32)
    moving = np.flatnonzero(share > 0)
    arms = points[moving] - pivot.astype(np.float32)
    angle = (share[moving] * full)[:, None].astype(np.float32)
    sine, cosine = np.sin(angle), np.cos(angle)
    x, y, z = axis
    across = arms @ np.array([[0, z, -y], [-z, 0, x], [y, -x, 0]], np.float32)  # axis x arms
    along = (arms @ axis)[:, None] * axis
    turned = points.copy()
    turned[moving] = pivot.astype(np.float32) + arms * cosine + across * sine + along * (1 - cosine)
    return turned


def split_seams(triangles: np.ndarray, uv_triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One render vertex per (position, texture vertex) pair: (position numbers, uv numbers, triangles over the pairs)."""
    pairs = np.stack([triangles.ravel(), uv_triangles.ravel()], axis=1)
    unique, inverse = np.unique(pairs, axis=0, return_inverse=True)
    return unique[:, 0], unique[:, 1], inverse.reshape(-1, 3).astype(np.int32)
