"""Your own people as a source: python -m vid2vid.data.own_clips --clips DIR --out DIR

DIR has one folder per person with videos of them talking, head and shoulders, from a camera that stays put in each video (any format that
OpenCV reads). Each video gives references and runs of frames of its own; a person of several videos has several entries, trained on or held
out together.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from .landmarker import Landmarker
from .real_clips import REFERENCES, Plan, Shot, away_from, common_square, decode, follow, shots, spread_out, write

VIDEOS = (".mp4", ".mov", ".webm", ".mkv", ".avi", ".m4v")
RUN = 8  # frames
LONGEST = 3000  # frames of a video that are looked at
HELD_OUT_SHARE = 0.15


def plan_of(tracker: Landmarker, file: Path, name: str, held_out: bool, runs: int, random: np.random.Generator) -> Plan | None:
    """None when the face is seen in too little of the video."""
    frames = decode(file, LONGEST)
    points = follow(tracker, frames)
    starts = [s for s in range(0, len(frames) - RUN + 1, RUN) if all(p is not None for p in points[s : s + RUN])]
    if len(starts) < 2:
        return None
    chosen = [int(s) for s in random.permutation(starts)[: min(runs, len(starts) // 2)]]
    references = spread_out([Shot(frames[i], points[i]) for i in free_frames(chosen, points)], REFERENCES)
    clips = [shots(frames[s : s + RUN], points[s : s + RUN]) for s in sorted(chosen)]
    return Plan(name, held_out, "unknown", references, [c for c in clips if c], common_square(references[:1]))


def free_frames(chosen: list[int], points: list[np.ndarray | None]) -> list[int]:
    """Where references come from: two seconds away from every run, as in `webcam`; in a video too short for that, anywhere outside of the
    runs."""
    away = [i for i in away_from(np.array(chosen), RUN, len(points)) if points[i] is not None]
    if len(away) >= REFERENCES:
        return away
    taken = {f for s in chosen for f in range(s, s + RUN)}
    return [i for i in range(0, len(points), 4) if i not in taken and points[i] is not None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, required=True, help="folder with a folder per person")
    parser.add_argument("--out", type=Path, required=True, help="folder of the sources")
    parser.add_argument("--runs", type=int, default=20, help="of 8 frames, from each video")
    parser.add_argument("--licence", default="own recordings", help="kept with the source")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    folders = sorted(f for f in options.clips.iterdir() if f.is_dir())
    if len(folders) < 2:
        parser.error(f"{options.clips} needs a folder for each of at least two people: one to learn from, one to measure on")
    random, tracker, plans = np.random.default_rng(options.seed), Landmarker(), []
    held_out = set(random.permutation(len(folders))[: max(1, round(HELD_OUT_SHARE * len(folders)))].tolist())
    for number, folder in enumerate(folders):
        for file in sorted(f for f in folder.iterdir() if f.suffix.lower() in VIDEOS):
            plan = plan_of(tracker, file, f"{folder.name}-{file.stem}", number in held_out, options.runs, random)
            if plan is None:
                print(f"{file.name}: left out, the tracker sees too little of a face")
            else:
                plans.append(plan)
    for kind, wanted in (("learn from", False), ("measure on", True)):
        if not any(p.held_out == wanted for p in plans):
            parser.error(f"no usable video is left to {kind}")
    write(options.out, "own", options.licence, plans)


if __name__ == "__main__":
    main()
