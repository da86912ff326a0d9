"""Talking people who only judge, as source `people`: python -m vid2vid.data.judge_clips --clips DIR --out DIR

DIR has one video of each person, head and shoulders, without cuts, which no head in a call does (any format that OpenCV reads). Nobody in
it is ever trained on. Of each video one run of frames is measured; the portraits lie two seconds or more away from it. All are played at
the source's frame rate, whatever their own was.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from .landmarker import Landmarker
from .own_clips import VIDEOS
from .real_clips import GAP, REFERENCES, Plan, Shot, common_square, decode, follow, shots, spread_out, write

LONGEST = 400  # frames of a video that are looked at
LEAST_REFERENCES = 4


def plan_of(tracker: Landmarker, file: Path, run: int) -> Plan | None:
    """The last whole run in which the face is always seen; None where that, or portraits two seconds before it, are missing."""
    frames = decode(file, LONGEST)
    points = follow(tracker, frames)
    for start in range(len(frames) - run, GAP, -5):
        if any(p is None for p in points[start : start + run]):
            continue
        free = [Shot(frames[i], points[i]) for i in range(0, start - GAP, 3) if points[i] is not None]
        if len(free) < LEAST_REFERENCES:
            return None
        references = spread_out(free, REFERENCES)
        references += references[: REFERENCES - len(references)]
        return Plan(
            file.stem,
            True,
            "unknown",
            references,
            [shots(frames[start : start + run], points[start : start + run])],
            common_square(references[:1]),
        )
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, required=True, help="folder with a video of each person")
    parser.add_argument("--out", type=Path, required=True, help="folder of the sources")
    parser.add_argument("--run", type=int, default=50, help="frames measured of each video")
    parser.add_argument("--licence", default="for measurements only", help="kept with the source")
    options = parser.parse_args()
    tracker, plans = Landmarker(), []
    for file in sorted(f for f in options.clips.iterdir() if f.suffix.lower() in VIDEOS):
        plan = plan_of(tracker, file, options.run)
        if plan is None:
            print(f"{file.name}: left out, too little of a face is seen")
        else:
            plans.append(plan)
    write(options.out, "people", options.licence, plans)


if __name__ == "__main__":
    main()
