"""Which still portraits can be made to move, cut to the head."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .head_pose import head_pose
from .landmarker import FOUND_FLAG, Landmarker
from .pictures import crop_square, points_in_square, read_rgb, square_of
from .splits import portrait_people

TEXTURE = 512
MOST_TURNED = {"yaw": 18.0, "pitch": 16.0, "roll": 15.0}
SMALLEST = 300  # pixels of the head's square in the photograph: smaller ones are blurred at TEXTURE


@dataclass
class Portrait:
    name: str
    texture: np.ndarray  # [512, 512, 3] uint8
    landmarks: np.ndarray  # [478, 3] picture widths


def usable_portraits(data: Path, tracker: Landmarker, limit: int | None) -> list[Portrait]:
    """Says whom it leaves out and why."""
    everyone = list(portrait_people(data).items())
    out = []
    for name, file in everyone[:: 1 if limit is None else max(1, len(everyone) // limit)]:
        image = read_rgb(file)
        points, flag = tracker.track(image)
        if flag < FOUND_FLAG:
            print(f"{name}: left out, the tracker sees no face")
            continue
        pose, square = head_pose(points), square_of(points, image.shape[1], image.shape[0])
        turned = [f"{axis} {getattr(pose, axis):.0f}" for axis, most in MOST_TURNED.items() if abs(getattr(pose, axis)) > most]
        if turned or square[2] < SMALLEST:
            print(f"{name}: left out, {'; '.join(turned) or f'{square[2]} pixels'}")
            continue
        out.append(Portrait(name, crop_square(image, square, TEXTURE), points_in_square(points, square)))
    return out
