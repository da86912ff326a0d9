"""Photographs: reading, the head's square, landmarks in it, and the skin's class."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from .crop import head_square
from .head_pose import head_pose

CHEEKS = ([50, 101, 118, 205], [280, 330, 347, 425])  # patches of plain skin, left and right
LIGHT_ITA, DARK_ITA = 38.0, 20.0  # degrees; set by eye on the portraits: sunlight and white balance lower the angle


def read_rgb(file: Path) -> np.ndarray:
    image = cv2.imread(str(file))
    if image is None:
        raise FileNotFoundError(f"cannot read the picture {file}")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def square_of(points: np.ndarray, width: int, height: int) -> tuple[int, int, int]:
    """The head's square (x, y, side) for landmarks [478, 3] in pixels."""
    pose = head_pose(points)
    return head_square(points, width, height, pose.yaw, pose.face_width)


def crop_square(image: np.ndarray, square: tuple[int, int, int], size: int) -> np.ndarray:
    """[size, size, 3]; the picture's border goes on outside of it. Shrinks by area, enlarges by cubic interpolation."""
    x, y, side = square
    height, width = image.shape[:2]
    left, top, right, bottom = max(0, x), max(0, y), min(width, x + side), min(height, y + side)
    margins = (top - y, y + side - bottom, left - x, x + side - right)
    cut = cv2.copyMakeBorder(image[top:bottom, left:right], *margins, cv2.BORDER_REPLICATE)
    return cv2.resize(cut, (size, size), interpolation=cv2.INTER_AREA if side >= size else cv2.INTER_CUBIC)


def points_in_square(points: np.ndarray, square: tuple[int, int, int]) -> np.ndarray:
    """Pixels of the picture -> widths of the square; z keeps the scale of x."""
    x, y, side = square
    return ((points - np.array([x, y, 0], np.float32)) / side).astype(np.float32)


def skin_angle(picture: np.ndarray, landmarks: np.ndarray) -> float:
    """Individual typology angle of the cheeks, degrees: atan((L* - 50) / b*) of the median colour; low is dark.

    A photograph's light and white balance go into it (tanned faces in the sun pass as dark): for reports over groups, never over one
    person."""
    size = picture.shape[0]
    mask = np.zeros(picture.shape[:2], np.uint8)
    for patch in CHEEKS:
        cv2.fillConvexPoly(mask, cv2.convexHull(np.round(landmarks[patch, :2] * size).astype(np.int32)), 1)
    lab = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[mask > 0]
    lightness, _, yellow = np.median(lab, axis=0)
    return float(np.degrees(np.arctan2(lightness - 50, max(yellow, 1e-3))))


def skin_class(picture: np.ndarray, landmarks: np.ndarray) -> str:
    """light, medium or dark by `skin_angle`; for reporting only."""
    angle = skin_angle(picture, landmarks)
    return "light" if angle > LIGHT_ITA else "medium" if angle > DARK_ITA else "dark"
