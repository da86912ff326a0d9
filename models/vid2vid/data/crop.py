"""The square that a portrait is cut to: the same rule as the server's headSquare (server/portraits/crop.ts)."""

from __future__ import annotations

import numpy as np

WIDTHS, HEIGHTS = 2.4, 2.0  # side over the face's width and height
MIN_SHRINK, MAX_SHIFT = 0.82, 0.06  # rather smaller and shifted than beyond the picture
FACE_LEVEL = 0.48  # middle of the face, from the top
BACK_OF_HEAD = 0.35  # a turned head has its back on the other side


def head_square(
    points: np.ndarray, width: int, height: int, yaw_degrees: float = 0.0, face_width: float | None = None
) -> tuple[int, int, int]:
    """(x, y, side) in pixels, possibly beyond the picture. `points` [478, 3] in pixels; yaw and width as head_pose.py has them.

    Without `face_width` it is the distance of the face's sides, up to 5 % less than the server's."""
    face_width = float(np.linalg.norm(points[234] - points[454])) if face_width is None else face_width
    face_height = float(np.linalg.norm(points[152] - points[10]))
    wanted = max(WIDTHS * face_width, HEIGHTS * face_height)
    side = round(max(MIN_SHRINK * wanted, min(wanted, width, height)))
    middle_x = float(points[[10, 152, 234, 454], 0].mean()) - np.sin(np.radians(yaw_degrees)) * BACK_OF_HEAD * face_width
    middle_y = float(points[[10, 152], 1].mean())
    return _inside(middle_x - side / 2, side, width), _inside(middle_y - FACE_LEVEL * side, side, height), side


def _inside(start: float, side: int, length: int) -> int:
    room = MAX_SHIFT * side
    if side > length:
        return round(start)
    if start < 0:
        return round(start + min(room, -start))
    return round(start - min(room, start + side - length)) if start + side > length else round(start)
