"""Where a head looks, from its landmarks alone: the server's rule (server/landmarker/head-pose.ts), vectorised."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

RIGID = [3, 4, 5, 6, 122, 168, 195, 196, 197, 248, 351, 419, 33, 133, 263, 362]  # hardly move in the skull
CANONICAL_FILE = Path(__file__).parents[3] / "server/landmarker/canonical-face.json"


@dataclass(frozen=True)
class HeadPose:
    """Degrees. yaw > 0: the face turns to the picture's right; pitch > 0: it looks up; roll > 0: clockwise on the screen."""

    yaw: float
    pitch: float
    roll: float
    rotation: np.ndarray  # [3, 3] canonical axes -> the picture's
    face_width: float  # of the face seen from the front, in the unit of the points


@cache
def canonical_face() -> np.ndarray:
    """[478, 3]; 1 wide, its origin in the middle of RIGID."""
    return np.array(json.loads(CANONICAL_FILE.read_text())["points"], np.float64).reshape(-1, 3)


def head_pose(points: np.ndarray) -> HeadPose:
    """`points` [478, 3] in one unit."""
    rotation, scale, _, _ = fit_similarity(canonical_face()[RIGID], np.asarray(points, np.float64)[RIGID])
    look = -rotation[:, 2]
    yaw, pitch = np.arctan2(look[0], -look[2]), np.arcsin(np.clip(-look[1], -1, 1))
    roll = np.arctan2(rotation[1, 0], rotation[1, 1])
    return HeadPose(*(float(np.degrees(a)) for a in (yaw, pitch, roll)), rotation, scale)


def fit_similarity(source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, float, np.ndarray, np.ndarray]:
    """rotation [3, 3], scale and both centres: target ~ scale * rotation (source - source centre) + target centre (Umeyama 1991)."""
    a, b = source.mean(axis=0), target.mean(axis=0)
    u, singular, vt = np.linalg.svd((target - b).T @ (source - a))
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    scale = float((singular * sign).sum() / ((source - a) ** 2).sum())
    return (u * sign) @ vt, scale, a, b
