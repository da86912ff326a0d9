"""A model by eye: python -m vid2vid.contact_sheet --model manifest.json:lite --data DIR --out DIR [--subjects synthetic] [--drivers
synthetic]

Writes sheet.jpg, held-out people of a source (and one as marble, one as a painting) in six poses of other held-out people: turned to either
side, mouth wide open, smile, blink, look aside; clips/NAME.webp, the same person driven by somebody's clips; film.webp, a driver and three
who are driven; attention.jpg, which portrait serves which part (for a checkpoint and several portraits). Each pose is reached in a run from
rest, as in a call.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from .data.batches import head_direction
from .data.store import PersonEntry, SourceReader
from .evaluation.animators import Animator, Checkpoint, animate, load_animator
from .evaluation.art import marble, painting
from .evaluation.metrics import gaze
from .evaluation.regions import aperture, eye_distance, lid_gaps
from .evaluation.retarget import move_to
from .evaluation.sheets import attention_row, write_sheet

MOUTH_CORNERS = (61, 291)
TURN_DEGREES = 25.0
RUN, HOLD = 9, 3  # frames from rest to a pose, and in it
EASE = (1 - np.cos(np.linspace(0, np.pi, RUN, dtype=np.float32))) / 2  # a run's share of its way: soft start and end
FRAME_RATE = 25.0
SIDE = 192  # of a sheet's pictures


@dataclass
class Subject:
    name: str
    person: str
    portraits: np.ndarray  # u8 [K, S, S, 3]
    landmarks: np.ndarray  # [K, 478, 3] picture widths


@dataclass
class Pose:
    name: str
    rest: np.ndarray  # [478, 3] of its driver
    points: np.ndarray  # [478, 3]
    driver: str


def find_poses(reader: SourceReader) -> list[Pose]:
    """The most telling frame of each kind among the held-out people of a source."""
    people = reader.people(held_out=True)
    owner = np.concatenate([[n] * p.frames for n, p in enumerate(people)])
    points = np.concatenate([np.array(reader.array("landmarks")[p.start : p.start + p.frames]) for p in people])
    rests = np.stack([points[np.argmax(owner == n)] for n in range(len(people))])
    yaw, pitch = (head_direction(torch.from_numpy(points)) - head_direction(torch.from_numpy(rests))[owner]).numpy().T
    frontal = np.hypot(yaw, pitch) < 9
    opened, lids, aside = aperture(points), lid_gaps(points).max(-1), np.abs(gaze(points)[..., 0] - gaze(rests)[owner, ..., 0])
    smile = np.linalg.norm(points[:, MOUTH_CORNERS[0], :2] - points[:, MOUTH_CORNERS[1], :2], axis=-1) / eye_distance(points)
    smile -= np.linalg.norm(rests[:, MOUTH_CORNERS[0], :2] - rests[:, MOUTH_CORNERS[1], :2], axis=-1)[owner] / eye_distance(rests)[owner]
    kinds = {
        f"turned {TURN_DEGREES:.0f} left": -np.abs(yaw + TURN_DEGREES) - 0.5 * np.abs(pitch),
        f"turned {TURN_DEGREES:.0f} right": -np.abs(yaw - TURN_DEGREES) - 0.5 * np.abs(pitch),
        "mouth wide open": np.where(frontal, opened, -1),
        "smile": np.where(frontal & (opened > 0.02) & (opened < 0.15) & (lids > 0.15), smile, -1),
        "blink": np.where(frontal & (opened < 0.05), -lids, -9),
        "look aside": np.where(frontal & (lids > 0.2) & (opened < 0.1), aside, -1),
    }
    best = {name: int(np.argmax(score)) for name, score in kinds.items() if score.max() > score.min()}
    return [Pose(name, rests[owner[i]], points[i], people[owner[i]].name) for name, i in best.items()]


def run_to(pose: Pose) -> np.ndarray:
    """[T, 478, 3] from rest to the pose with a soft start and end."""
    share = np.r_[EASE, np.ones(HOLD, np.float32)]
    return pose.rest + share[:, None, None] * (pose.points - pose.rest)


def subjects_of(reader: SourceReader, count: int, portraits: int, without: set[str]) -> list[Subject]:
    """Evenly chosen held-out people with so many portraits. @raises ValueError when there is none"""
    people = [p for p in reader.people(held_out=True) if p.name not in without and p.references >= portraits]
    if not people:
        raise ValueError(f"{reader.source.name}: nobody held out has {portraits} portraits")
    count = min(count, len(people))
    chosen = [people[int((i + 0.5) * len(people) / count)] for i in range(count)]
    rows = [slice(p.start, p.start + portraits) for p in chosen]
    return [
        Subject(p.name, p.name, np.array(reader.array("frames")[r]), np.array(reader.array("landmarks")[r])) for p, r in zip(chosen, rows)
    ]


def in_art(subjects: list[Subject]) -> list[Subject]:
    """The last but one as marble, the last as a painting: what a face of neither skin nor hair makes of a model."""
    kinds = [None] * (len(subjects) - 2) + [("marble", marble), ("painting", painting)]
    return [
        s if kind is None else replace(s, name=kind[0], portraits=np.stack([kind[1](p) for p in s.portraits]))
        for s, kind in zip(subjects, kinds)
    ]


def sheet_rows(animator: Animator, subjects: list[Subject], poses: list[Pose]) -> list[tuple[list[str], np.ndarray]]:
    rows = []
    for subject in subjects:
        pictures = {"portrait": subject.portraits[0]}
        for pose in poses:
            frames = animate(
                animator, subject.portraits, subject.landmarks, move_to(run_to(pose), pose.rest, subject.landmarks[0]), FRAME_RATE
            )
            pictures[pose.name] = frames[-1]
        small = [cv2.resize(p, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for p in pictures.values()]
        rows.append((list(pictures), np.hstack(small)))
    return rows


def course(reader: SourceReader, driver: PersonEntry, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """A driver's clips one after the other, each to and fro: landmarks [T, 478, 3], and which frame of the person each is [T] (the nearest
    one where two clips are joined)."""
    landmarks = np.array(reader.array("landmarks")[driver.start : driver.start + driver.frames])
    points, rows, wanted = [], [], round(seconds * FRAME_RATE)
    while sum(map(len, points)) < wanted:
        for clip in driver.clips:
            there = np.arange(clip.start - driver.start, clip.start - driver.start + clip.length)
            if points:
                last, first = points[-1][-1], landmarks[there[0]]
                points.append(last + EASE[:, None, None] * (first - last))
                rows.append(np.where(EASE < 0.5, rows[-1][-1], there[0]))
            points.append(landmarks[np.r_[there, there[::-1]]])
            rows.append(np.r_[there, there[::-1]])
    return np.concatenate(points)[:wanted], np.concatenate(rows)[:wanted]


def drive(animator: Animator, subject: Subject, reader: SourceReader, driver: PersonEntry, seconds: float) -> np.ndarray:
    """u8 [T, S, S, 3]: the subject driven by somebody's clips."""
    points, _ = course(reader, driver, seconds)
    return animate(
        animator,
        subject.portraits,
        subject.landmarks,
        move_to(points, np.array(reader.array("landmarks")[driver.start]), subject.landmarks[0]),
        FRAME_RATE,
    )


def film(animator: Animator, subjects: list[Subject], reader: SourceReader, driver: PersonEntry, seconds: float) -> np.ndarray:
    """u8 [T, SIDE, (1 + subjects) * SIDE, 3]: the driver, and everyone who is driven."""
    _, rows = course(reader, driver, seconds)
    shown = [np.array(reader.array("frames")[driver.start + rows]), *(drive(animator, s, reader, driver, seconds) for s in subjects)]
    return np.stack([np.hstack([cv2.resize(p, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for p in pictures]) for pictures in zip(*shown)])


def write_clip(frames: np.ndarray, path: Path, quality: int = 70) -> None:
    """An animated WebP, which a page shows by itself."""
    path.parent.mkdir(parents=True, exist_ok=True)
    first, *others = [Image.fromarray(f) for f in frames]
    first.save(path, save_all=True, append_images=others, duration=round(1000 / FRAME_RATE), loop=0, quality=quality, method=4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="as for vid2vid.evaluate")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--subjects", default="synthetic", help="source of the portraits")
    parser.add_argument("--drivers", default="synthetic", help="source of the poses and clips")
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--k", type=int, default=1, help="portraits of each")
    parser.add_argument("--no-art", action="store_true", help="no marble, no painting")
    parser.add_argument("--clip-seconds", type=float, default=3, help="0: no clips")
    parser.add_argument("--film-seconds", type=float, default=0, help="0: no film")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    animator = load_animator(options.model)
    drivers = SourceReader(options.data / options.drivers)
    poses = find_poses(drivers)
    subjects = subjects_of(SourceReader(options.data / options.subjects), options.count, options.k, {p.driver for p in poses})
    if not options.no_art and len(subjects) > 2:
        subjects = in_art(subjects)
    write_sheet(sheet_rows(animator, subjects, poses), options.out / "sheet.jpg")
    if isinstance(animator, Checkpoint) and options.k > 1:
        write_sheet(
            [
                attention_row(animator, s.portraits, s.landmarks, move_to(p.points[None], p.rest, s.landmarks[0])[0], SIDE)
                for s, p in zip(subjects, poses)
            ],
            options.out / "attention.jpg",
        )
    people = [p for p in drivers.people(held_out=True) if p.clips]
    for number, subject in enumerate(subjects if options.clip_seconds > 0 else []):
        driver = next(p for p in people[number % len(people) :] + people if p.name != subject.person)
        write_clip(drive(animator, subject, drivers, driver, options.clip_seconds), options.out / "clips" / f"{subject.name}.webp")
    if options.film_seconds > 0:
        driver = next(p for p in people if p.name not in [s.person for s in subjects])
        write_clip(film(animator, subjects[:3], drivers, driver, options.film_seconds), options.out / "film.webp", quality=60)


if __name__ == "__main__":
    main()
