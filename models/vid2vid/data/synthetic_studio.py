"""One synthetic person drawn, tracked and measured: frames, landmarks, flow. synthetic.py lays them out on disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from synthetic_people.assets import Assets
from synthetic_people.motion import reference_poses, talking_clip
from synthetic_people.person import Person, Pose
from synthetic_people.renderer import Renderer
from synthetic_people.scene import Camera
from synthetic_people.subject import Subject, random_subject
from synthetic_people.surface import Points, Surface, View, coverage

from .crop import head_square
from .landmarker import FOUND_FLAG, Landmarker
from .store import FLOW_STRIDE

REFERENCES = 8
SUBJECT_TRIES, POSE_TRIES = 6, 8
FAR_OFF = 0.025  # picture widths, median: the tracker sees something else than the drawn head
SCALE_JITTER, SHIFT_JITTER = 0.12, 0.05
SHADOW_SIZE = 384
BELOW_EYES = 3.4  # decimetres: what lies lower is below the picture


def name_of(seed: int) -> str:
    return f"seed-{seed}"


def seed_of(name: str) -> int:
    return int(name.removeprefix("seed-"))


class NotSeen(Exception):
    """The tracker does not see this person well enough."""


@dataclass
class Shot:
    """One frame; flow is made when its clip is accepted."""

    image: np.ndarray  # [S, S, 3] uint8
    points: np.ndarray  # [478, 3] float32 pixels
    view: View


@dataclass
class Counts:
    """How often something had to be drawn again."""

    frames: int = 0
    redrawn_frames: int = 0
    redrawn_subjects: int = 0

    def add(self, other: Counts) -> None:
        for name in self.__dict__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class Studio:
    """Renderer and tracker of one process."""

    def __init__(self, assets: Assets, size: int, supersample: float, landmarker: str | None):
        self.assets, self.size = assets, size
        self._renderer = Renderer(size, size, supersample, shadow_size=SHADOW_SIZE)
        self._tracker = Landmarker(landmarker)

    def sittings_of(self, name: str) -> Iterator[Sitting]:
        """Variants of a person, until the caller has what it wants of one."""
        seed = seed_of(name)
        for variant in range(SUBJECT_TRIES):
            subject = random_subject(self.assets, seed, self.size, variant)
            sitting = Sitting(self, subject, Person(self.assets, subject.spec, BELOW_EYES))
            yield sitting
            sitting.close()

    def draw(self, person: Person, subject: Subject, camera: Camera, pose: Pose) -> np.ndarray:
        return self._renderer.render([(person, pose)], camera, subject.lighting, subject.backdrop)

    def view(self, surface: Surface, person: Person, camera: Camera) -> View:
        return surface.view(self._renderer.posed(person), camera, self._renderer.surface_numbers())

    def track(self, image: np.ndarray, start) -> tuple[np.ndarray, float]:
        return self._tracker.track(image, start)

    def forget(self, person: Person) -> None:
        self._renderer.forget(person)


class Sitting:
    """A person before a fixed camera."""

    def __init__(self, studio: Studio, subject: Subject, person: Person):
        self._studio, self.subject, self._person = studio, subject, person
        self._surface = Surface(self._person)
        self._random = np.random.default_rng([2203, subject.seed])
        eyes = np.mean(self._person.eye_centres, axis=0)
        self._camera = replace(subject.camera, target=(0.0, float(eyes[1]) - 0.3, 0.6))
        self._anchors: tuple[np.ndarray, Points] | None = None
        self.counts = Counts()

    def close(self) -> None:
        self._studio.forget(self._person)

    def frame(self) -> None:
        """Cuts the camera's view to the head's square, as a portrait is cut. @raises NotSeen"""
        size = self._studio.size
        image = self._studio.draw(self._person, self.subject, self._camera, Pose())
        points, flag = self._studio.track(image, None)
        if flag < FOUND_FLAG:
            raise NotSeen(f"seed {self.subject.seed}: no face is seen")
        view = self._studio.view(self._surface, self._person, self._camera)
        self._anchors = self._anchored(view, points[:, :2] / size)
        x, y, side = head_square(points, size, size)
        grown = side * (1 + self._random.uniform(-SCALE_JITTER, SCALE_JITTER))
        x, y = np.array([x, y]) + (side - grown) / 2 + self._random.uniform(-SHIFT_JITTER, SHIFT_JITTER, 2) * side
        self._camera = replace(self._camera, window=(x / size, y / size, grown / size))

    def _anchored(self, view: View, places: np.ndarray) -> tuple[np.ndarray, Points]:
        """Which landmarks lie on the drawn person [n], and where on its surface."""
        drawn = len(view.numbers)
        column, row = np.clip((places * drawn).astype(int), 0, drawn - 1).T
        triangles = view.numbers[row, column]
        known = np.flatnonzero(triangles)
        return known, self._surface.points(view, triangles[known], places[known].T.astype(np.float32))

    def _shoot(self, pose: Pose, start: np.ndarray | None) -> Shot | None:
        """None where the tracker sees no face or another one. `start`: points of the frame before, pixels."""
        size = self._studio.size
        drawn = self._studio.draw(self._person, self.subject, self._camera, pose)
        view = self._studio.view(self._surface, self._person, self._camera)
        image = self.subject.photo.apply(drawn, self._random)
        landmarks, on_surface = self._anchors
        expected = on_surface.places(view).T
        low, high = expected.min(axis=0) * size, expected.max(axis=0) * size
        points, flag = self._studio.track(image, start if start is not None else np.r_[low, high - low])
        self.counts.frames += 1
        off = np.median(np.linalg.norm(points[landmarks, :2] / size - expected, axis=1))
        if flag < FOUND_FLAG or off > FAR_OFF:
            self.counts.redrawn_frames += 1
            return None
        return Shot(image, points, view)

    def references(self) -> list[Shot]:
        shots: list[Shot] = []
        poses = reference_poses(self._random)
        for index in range(REFERENCES):
            for _ in range(POSE_TRIES):
                shot = self._shoot(poses[index], None)
                if shot is not None:
                    break
                poses = reference_poses(self._random)
            else:
                raise NotSeen(f"seed {self.subject.seed}: reference {index} is not seen as a face")
            shots.append(shot)
        return shots

    def clip(self, frames: int, frame_rate: float) -> list[Shot]:
        """Consecutive frames, tracked as a live video is: settled at the first, one look at each further one."""
        for _ in range(POSE_TRIES):
            shots: list[Shot] = []
            for pose in talking_clip(self._random, frames, frame_rate):
                shot = self._shoot(pose, shots[-1].points if shots else None)
                if shot is None:
                    break
                shots.append(shot)
            if len(shots) == frames:
                return shots
        raise NotSeen(f"seed {self.subject.seed}: no clip is followed by the tracker")

    def write(self, arrays: dict[str, np.ndarray], frame: int, shot: Shot, references: list[Shot], previous: Shot | None) -> None:
        """`previous` None: no frame before it (flow zero, nothing seen)."""
        size = self._studio.size
        cells = size // FLOW_STRIDE
        arrays["frames"][frame] = shot.image
        arrays["landmarks"][frame] = shot.points / size
        if "flow_reference" in arrays:
            flow, seen = self._surface.flow(shot.view, [r.view for r in references] + ([previous.view] if previous else []), cells)
            many = len(references)
            arrays["flow_reference"][frame], arrays["seen_reference"][frame] = flow[:many], seen[:many]
            if previous:
                arrays["flow_previous"][frame], arrays["seen_previous"][frame] = flow[many], seen[many]
        if "head" in arrays:
            arrays["head"][frame] = coverage(shot.view, cells)
