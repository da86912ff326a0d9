"""Which still portraits can be made to move, cut to the head."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .head_pose import head_pose
from .landmarker import FOUND_FLAG, Landmarker
from .pictures import crop_square, points_in_square, read_rgb, square_of

TEXTURE = 512
MOST_TURNED = {"yaw": 18.0, "pitch": 16.0, "roll": 15.0}
SMALLEST = 300  # pixels of the head's square in the photograph: smaller ones are blurred at TEXTURE


@dataclass
class Portrait:
    name: str
    texture: np.ndarray  # [512, 512, 3] uint8
    landmarks: np.ndarray  # [478, 3] picture widths


def usable_portraits(
    people: dict[str, Path],
    tracker: Landmarker,
    limit: int | None,
    reason_against: Callable[[np.ndarray, np.ndarray], str | None] | None = None,
) -> list[Portrait]:
    """`people`: name -> file; `reason_against` judges a picture and its points in pixels. Says whom it leaves out and why."""
    everyone = list(people.items())
    out = []
    for name, file in everyone[:: 1 if limit is None else max(1, len(everyone) // limit)]:
        image = read_rgb(file)
        points, flag = tracker.track(image)
        if flag < FOUND_FLAG:
            print(f"{name}: left out, the tracker sees no face")
            continue
        pose, square = head_pose(points), square_of(points, image.shape[1], image.shape[0])
        faults = [f"{axis} {getattr(pose, axis):.0f}" for axis, most in MOST_TURNED.items() if abs(getattr(pose, axis)) > most]
        faults += [f"{square[2]} pixels"] if square[2] < SMALLEST else []
        faults += [reason] if reason_against and (reason := reason_against(image, points)) else []
        if faults:
            print(f"{name}: left out, {'; '.join(faults)}")
            continue
        out.append(Portrait(name, crop_square(image, square, TEXTURE), points_in_square(points, square)))
    return out
