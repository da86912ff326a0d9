"""Speech and mouths to borrow: short runs of other sources' clips as displacements of the face, relative to its rest, with the pictures they come from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..networks.topology import BROWS, INNER_LOWER_LIP, INNER_UPPER_LIP
from .head_mesh import smoothstep
from .head_pose import RIGID, canonical_face, head_pose
from .mesh_topology import FACE_POINTS
from .pseudo_frames import Mouth
from .store import SourceReader

MOST_TURNED = 18.0  # degrees: a mouth seen from further aside is of no use
WIDEST = 0.2  # opening in face sizes; beyond it the skin of a closed mouth does not stretch well


@dataclass
class Speech:
    """T consecutive frames of a donor."""

    deltas: np.ndarray  # [T, 468, 3] head axes, face sizes
    mouths: list[Mouth]
    opening: np.ndarray  # [T] face sizes


def in_head_axes(landmarks: np.ndarray) -> np.ndarray:
    """[478, 3] -> [468, 3] in the head's own axes from the rigid points, in face sizes."""
    points = np.asarray(landmarks, np.float64)
    pose = head_pose(points)
    return (points[:FACE_POINTS] - points[RIGID].mean(axis=0)) @ pose.rotation / pose.face_width


def expressive() -> np.ndarray:
    """[468, 1] how far a point's displacement is believed to be expression: all around mouth and jaw, little on temples and nose,
    where a tracker's points move with the head's turn instead."""
    y = canonical_face()[:FACE_POINTS, 1]
    weight = 0.12 + 0.88 * smoothstep(0.12, 0.3, y)
    weight[[v for line in BROWS for v in line]] = 0.7
    return weight[:, None]


class Donors:
    """Clips of the people that are trained on."""

    def __init__(self, folders: list[Path]):
        self._clips: list[tuple[SourceReader, int, int, int]] = []  # reader, rest frame, start, length
        self._per_source: list[np.ndarray] = []
        for folder in folders:
            reader, first = SourceReader(folder), len(self._clips)
            self._clips += [(reader, p.start, c.start, c.length) for p in reader.people(held_out=False) for c in p.clips]
            self._per_source.append(np.arange(first, len(self._clips)))

    def speech(self, random: np.random.Generator, length: int, least_opening: float = 0.0) -> Speech:
        """A run at random, each source as likely as another; `least_opening` in face sizes must be reached. @raises RuntimeError"""
        for _ in range(200):
            source = self._per_source[int(random.integers(len(self._per_source)))]
            reader, rest, start, frames = self._clips[int(random.choice(source))]
            if frames < length:
                continue
            first = start + int(random.integers(frames - length + 1))
            landmarks = np.asarray(reader.array("landmarks")[first : first + length])
            if max(abs(head_pose(p).yaw) for p in landmarks) > MOST_TURNED:
                continue
            speech = self._relative(reader, rest, first, landmarks)
            if least_opening <= speech.opening.max() <= WIDEST:
                return speech
        raise RuntimeError("no donor clip has such a mouth")

    @staticmethod
    def _relative(reader: SourceReader, rest: int, first: int, landmarks: np.ndarray) -> Speech:
        still = in_head_axes(reader.array("landmarks")[rest])
        shapes = np.stack([in_head_axes(p) for p in landmarks])
        deltas = shapes - still
        deltas -= deltas[:, RIGID].mean(axis=1, keepdims=True)
        deltas *= expressive() * [1, 1, 0.6]
        opening = (shapes[:, INNER_LOWER_LIP[1:-1], 1] - shapes[:, INNER_UPPER_LIP[1:-1], 1]).mean(axis=1)
        frames = reader.array("frames")
        return Speech(deltas, [Mouth(np.asarray(frames[first + i]), p) for i, p in enumerate(landmarks)], opening)
