"""Speech and mouths to borrow: short runs of other sources' clips as displacements of the face, relative to its rest, with the pictures
they come from."""

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
HELD = (0.8, 1.0)  # of a single picture's expression is shown at a run's begin; all of it at its end
SHUT = 0.02  # face sizes: a single picture's expression counts from lips that are no further apart
WIDEST = 0.35  # opening in face sizes: a shout


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


def opening_of(shape: np.ndarray) -> float:
    """Mean gap between the lips [468, 3] -> face sizes."""
    return float((shape[INNER_LOWER_LIP[1:-1], 1] - shape[INNER_UPPER_LIP[1:-1], 1]).mean())


class Donors:
    """Clips of the people that are trained on."""

    def __init__(self, folders: list[Path]):
        self._sources = [SourceReader(folder) for folder in folders]
        self._clips = [[(p.start, c.start, c.length) for p in s.people(held_out=False) for c in p.clips] for s in self._sources]
        self._known: dict[int, list[np.ndarray]] = {}

    def speech(self, random: np.random.Generator, length: int, least_opening: float = 0.0) -> Speech:
        """A run at random, each source as likely as another where it has one that opens by `least_opening` (face sizes); where none has,
        the widest run.

        @raises RuntimeError where there is no run at all"""
        runs = self._runs(length)
        widest = max((r[:, 2].max() for r in runs if len(r)), default=None)
        if widest is None:
            raise RuntimeError(f"no donor has a run of {length} frames that is turned less than {MOST_TURNED} degrees")
        fitting = [r[r[:, 2] >= min(least_opening, widest)] for r in runs]
        source = int(random.choice([i for i, r in enumerate(fitting) if len(r)]))
        rest, first, last = fitting[source][int(random.integers(len(fitting[source]))), [0, 1, 3]].astype(int)
        reader = self._sources[source]
        indices = np.minimum(first + np.arange(length), last)
        share = np.ones(length) if last > first or length == 1 else np.linspace(random.uniform(*HELD), 1, length)
        return self._relative(reader, rest, indices, share)

    def _runs(self, length: int) -> list[np.ndarray]:
        """For each source [runs, 4]: rest frame, first frame, widest opening, last frame; those that are turned too far or too wide are
        left out.

        A clip of one frame is an expression that is held as long as is wanted."""
        if length not in self._known:
            self._known[length] = [self._runs_of(s, clips, length) for s, clips in zip(self._sources, self._clips)]
        return self._known[length]

    @staticmethod
    def _runs_of(reader: SourceReader, clips: list[tuple[int, int, int]], length: int) -> np.ndarray:
        points, out = reader.array("landmarks"), []
        for rest, start, frames in clips:
            turned = np.array([abs(head_pose(points[i]).yaw) for i in range(start, start + frames)])
            opening = np.array([opening_of(in_head_axes(points[i])) for i in range(start, start + frames)])
            run = length
            if frames == 1 and length > 1:
                run = 1 if opening_of(in_head_axes(points[rest])) < SHUT else length
            for i in range(frames - run + 1):
                if turned[i : i + run].max() <= MOST_TURNED and opening[i : i + run].max() <= WIDEST:
                    out.append((rest, start + i, opening[i : i + run].max(), start + i + run - 1))
        return np.array(out, float).reshape(-1, 4)

    @staticmethod
    def _relative(reader: SourceReader, rest: int, indices: np.ndarray, share: np.ndarray) -> Speech:
        points, frames = (reader.array(name) for name in ("landmarks", "frames"))
        still = in_head_axes(points[rest])
        shapes = still + share[:, None, None] * (np.stack([in_head_axes(points[i]) for i in indices]) - still)
        deltas = shapes - still
        deltas -= deltas[:, RIGID].mean(axis=1, keepdims=True)
        deltas *= expressive() * [1, 1, 0.6]
        opening = np.array([opening_of(shape) for shape in shapes])
        return Speech(deltas, [Mouth(np.asarray(frames[i]), np.asarray(points[i])) for i in indices], opening)
