"""Which tiles of SFHQ-T2I (AI-generated faces) become pseudo-clips: portraits.py --source sfhq.

Figures leave out small, blurred, colourless and far turned faces and those that fill more than the picture; sfhq_excluded.json, chosen by
eye, children and whoever looks like one, eyes behind dark glasses or shut, hidden mouths, paint and drawings.
"""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from .head_pose import head_pose
from .pictures import square_of

EXCLUDED = Path(__file__).with_name("sfhq_excluded.json")
LEAST_FACE = 160.0  # pixels
MOST_SQUARE = 1.125  # of the picture's side: more would be made of repeated border
LEAST_COLOUR = 6.0  # mean distance of the colours from grey, levels of 255
LEAST_DETAIL = 60.0  # variance of the Laplacian of the face at DETAIL_SIDE
DETAIL_SIDE = 160


def people(data: Path) -> dict[str, Path]:
    """Name -> tile of everyone who was not excluded by eye."""
    left_out = {name for names in json.loads(EXCLUDED.read_text()).values() for name in names}
    tiles = {f"sfhq-{f.stem}": f for f in sorted((data / "portraits/sfhq").glob("*.jpg"))}
    return {name: file for name, file in tiles.items() if name not in left_out}


def reason_against(image: np.ndarray, points: np.ndarray) -> str | None:
    """`image` [H, W, 3] uint8 RGB, `points` [478, 3] in its pixels. None where the tile can be used."""
    height, width = image.shape[:2]
    pose, side = head_pose(points), square_of(points, width, height)[2]
    low, high = np.clip(points[:468, :2].min(axis=0), 0, None).astype(int), points[:468, :2].max(axis=0).astype(int)
    face = image[low[1] : high[1], low[0] : high[0]]
    if pose.face_width < LEAST_FACE or min(face.shape[:2], default=0) < 8:
        return f"a face of {pose.face_width:.0f} pixels"
    if side > MOST_SQUARE * min(width, height):
        return "the head leaves the picture"
    if np.abs(face - face.mean(axis=-1, keepdims=True)).mean() < LEAST_COLOUR:
        return "no colours"
    grey = cv2.resize(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), (DETAIL_SIDE, DETAIL_SIDE), interpolation=cv2.INTER_AREA)
    return "blurred" if cv2.Laplacian(grey, cv2.CV_32F).var() < LEAST_DETAIL else None
