"""What is measured: a held-out person's portraits, and a clip of that person (self-reenactment) or of another one (cross-reenactment)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..data.store import ClipRange, PersonEntry, SourceReader
from .animators import choose_references
from .retarget import move_to

RUNS_OF_A_SOURCE = 6  # of sources with few people, so many stretches at least
LEAST_DRIVER_FRAMES = 8
ONE_PERSON_SOURCES = ("grid", "webcam")  # whatever their entries are called
SEED = 20


@dataclass
class Case:
    """`truth` is None in cross-reenactment; the driver's own frames are there in both."""

    source: str
    person: PersonEntry
    driver: str
    frame_rate: float
    portraits: np.ndarray  # u8 [K, S, S, 3]
    portrait_landmarks: np.ndarray  # [K, 478, 3]
    landmarks: np.ndarray  # [T, 478, 3] what the model is given
    driver_frames: np.ndarray  # u8 [T, S, S, 3]
    driver_landmarks: np.ndarray  # [T, 478, 3]
    chosen: list[int]  # [T] the portrait in use
    seen: np.ndarray | None = None  # bool [T, K, F, F]
    flow: np.ndarray | None = None  # [T, F, F, 2] to the portrait in use, picture widths
    head: np.ndarray | None = None  # bool [T, F, F]

    @property
    def truth(self) -> np.ndarray | None:
        return self.driver_frames if self.driver == self.person.name else None

    @property
    def k(self) -> int:
        return len(self.portraits)

    @property
    def kind(self) -> str:
        return "cross" if self.truth is None else "self"


def self_cases(reader: SourceReader, k: int, *, people: int, frames: int) -> list[Case]:
    """Evenly chosen held-out people who have K portraits and a clip; none where the source has no such people.

    Of each person so many `frames`, in several clips where they are shorter, and more where the source has few people.
    """
    fit = [p for p in reader.people(held_out=True) if p.references >= k and p.clips]
    fit = [fit[i] for i in evenly(len(fit), people)]
    runs = max(1, -(-RUNS_OF_A_SOURCE // max(1, len(fit))))
    return [
        _case(reader, person, k, run) for person in fit for run in _stretches(person, max(runs, -(-frames // _longest(person))), frames)
    ]


def cross_cases(readers: list[SourceReader], k: int, *, pairs: int, frames: int) -> list[Case]:
    """Fixed pairs over all sources, subjects in turn from each; every other driver is of the other sex where that is known."""
    random = np.random.default_rng(SEED)
    subjects = [[(r, p) for p in r.people(held_out=True) if p.references >= k and not p.name.endswith("-back")] for r in readers]
    drivers = [(r, p) for r in readers for p in r.people(held_out=True) if p.clips and _longest(p) >= LEAST_DRIVER_FRAMES]
    subjects = [s for s in subjects if s]
    out: list[Case] = []
    taken: set[tuple[str, str]] = set()
    for i in range(pairs if subjects and drivers else 0):
        pool = subjects[i % len(subjects)]
        reader, person = pool[int(random.integers(len(pool)))]
        others = [(r, p) for r, p in drivers if who(r, p) != who(reader, person)]
        wanted = [(r, p) for r, p in others if "unknown" in (p.sex, person.sex) or (p.sex == person.sex) == bool(i % 2)]
        if not (wanted or others):
            continue
        choice = wanted or others
        driver_reader, driver = choice[int(random.integers(len(choice)))]
        if (person.name, driver.name) not in taken:
            taken.add((person.name, driver.name))
            out.append(_cross(reader, person, driver_reader, driver, k, frames))
    return out


def who(reader: SourceReader, person: PersonEntry) -> str:
    """The human being: some sources hold one under several names."""
    return reader.source.name if reader.source.name in ONE_PERSON_SOURCES else re.sub("-(back|even|odd)$", "", person.name)


def _case(reader: SourceReader, person: PersonEntry, k: int, run: ClipRange) -> Case:
    frames, landmarks = reader.array("frames"), reader.array("landmarks")
    rows, references = slice(run.start, run.start + run.length), slice(person.start, person.start + k)
    points, chosen = np.array(landmarks[rows]), choose_references(landmarks[references], landmarks[rows])
    case = Case(
        reader.source.name, person, person.name, reader.source.frame_rate, np.array(frames[references]), np.array(landmarks[references]),
        points, np.array(frames[rows]), points, chosen,
    )  # fmt: skip
    if (seen := reader.array("seen_reference")) is not None:
        case.seen = np.array(seen[rows, :k]) > 127
        flow = reader.array("flow_reference")
        case.flow = np.stack([flow[run.start + i, index].astype(np.float32) for i, index in enumerate(chosen)])
        case.head = None if (head := reader.array("head")) is None else np.array(head[rows]) > 127
    return case


def _cross(reader: SourceReader, person: PersonEntry, driver_reader: SourceReader, driver: PersonEntry, k: int, frames: int) -> Case:
    (run,) = _stretches(driver, 1, frames)
    rows, references = slice(run.start, run.start + run.length), slice(person.start, person.start + k)
    portrait_landmarks = np.array(reader.array("landmarks")[references])
    driving, at_rest = np.array(driver_reader.array("landmarks")[rows]), driver_reader.array("landmarks")[driver.start]
    moved = move_to(driving, at_rest, portrait_landmarks[0])
    return Case(
        reader.source.name, person, f"{driver_reader.source.name}/{driver.name}", driver_reader.source.frame_rate,
        np.array(reader.array("frames")[references]), portrait_landmarks, moved, np.array(driver_reader.array("frames")[rows]), driving,
        choose_references(portrait_landmarks, moved),
    )  # fmt: skip


def _stretches(person: PersonEntry, count: int, frames: int) -> list[ClipRange]:
    """`count` stretches of at most so many consecutive frames, from different clips as far as there are; the longest clips first."""
    clips = sorted(person.clips, key=lambda c: -min(c.length, frames))
    clips = [clips[i] for i in evenly(len(clips), count)] if clips[-1].length >= frames else clips[:count]
    return [ClipRange(c.start + (c.length - min(c.length, frames)) // 2, min(c.length, frames)) for c in clips]


def _longest(person: PersonEntry) -> int:
    return max(c.length for c in person.clips)


def evenly(count: int, wanted: int) -> list[int]:
    """At most `wanted` numbers below `count`, spread over it."""
    return list(range(count)) if count <= wanted else [int((i + 0.5) * count / wanted) for i in range(wanted)]


def open_sources(root: Path, names: list[str]) -> list[SourceReader]:
    """Those that are there; the others are named aloud."""
    readers = []
    for name in names:
        if (Path(root) / name / "index.json").is_file():
            readers.append(SourceReader(Path(root) / name))
        else:
            print(f"NOT MEASURED: no source {name} in {root}", flush=True)
    return readers
