"""Where a picture is judged: masks of the face and its parts from the true landmarks, and of what a turn reveals from exact visibility."""

from __future__ import annotations

import cv2
import numpy as np

from ..networks import topology as t

MOUTH_MARGIN, EYE_MARGIN = 0.05, 0.04  # around lips and lids, as a share of the face's height
OPEN_LIPS = 0.06  # gap over the distance of the eyes' outer corners from which a mouth's inside is seen
CLOSED_LIDS = 0.12  # gap over the eye's width up to which lids are shut, as the tracker sees them
STRETCH = 0.5  # a cell made from less than this share of its own area in the portrait is stretched
LEAST_CELLS = 6  # a smaller region says nothing
CORNERS = (33, 263)
LIP_GAPS = ((82, 87), (13, 14), (312, 317))
LID_GAPS = (((160, 144), (159, 145), (158, 153)), ((385, 380), (386, 374), (387, 373)))
EYE_CORNERS = ((33, 133), (362, 263))

ALWAYS = ("whole", "face", "mouth", "eyes")
REGIONS = (*ALWAYS, "mouth interior", "closed lids", "revealed", "revealed person", "stretched", "background")


def aperture(points: np.ndarray) -> np.ndarray:
    """Lip gap over the distance of the eyes: landmarks [..., 478, 3] -> [...]."""
    gaps = [np.linalg.norm(points[..., a, :2] - points[..., b, :2], axis=-1) for a, b in LIP_GAPS]
    return np.mean(gaps, 0) / eye_distance(points)


def lid_gaps(points: np.ndarray) -> np.ndarray:
    """Lid gap over eye width: [..., 478, 3] -> [..., 2]."""
    out = []
    for pairs, (outer, inner) in zip(LID_GAPS, EYE_CORNERS):
        gaps = [np.linalg.norm(points[..., a, :2] - points[..., b, :2], axis=-1) for a, b in pairs]
        out.append(np.mean(gaps, 0) / np.linalg.norm(points[..., outer, :2] - points[..., inner, :2], axis=-1))
    return np.stack(out, -1)


def eye_distance(points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points[..., CORNERS[0], :2] - points[..., CORNERS[1], :2], axis=-1)


def region_masks(points: np.ndarray, size: int, exact: tuple[np.ndarray, np.ndarray, np.ndarray | None] | None) -> dict[str, np.ndarray]:
    """One frame's regions [size, size] float32 0..1, those that it has. `exact`: seen [K, F, F], flow [F, F, 2] to the portrait in use,
    head [F, F]."""
    pixels = points[:, :2] * size
    height = float(np.linalg.norm(pixels[10] - pixels[152]))
    eyes = [[*upper, *lower] for upper, lower in zip(t.UPPER_LIDS, t.LOWER_LIDS)]
    masks = {
        "whole": np.ones((size, size), np.float32),
        "face": _hull(pixels[t.FACE_OVAL], size, 0),
        "mouth": _hull(pixels[t.OUTER_LIPS], size, MOUTH_MARGIN * height),
        "eyes": np.maximum(*(_hull(pixels[ring], size, EYE_MARGIN * height) for ring in eyes)),
    }
    if aperture(points) > OPEN_LIPS:
        masks["mouth interior"] = _polygon(pixels[[*t.INNER_UPPER_LIP, *reversed(t.INNER_LOWER_LIP[1:-1])]], size)
    shut = [ring for ring, gap in zip(eyes, lid_gaps(points)) if gap < CLOSED_LIDS]
    if shut:
        masks["closed lids"] = np.max([_hull(pixels[ring], size, EYE_MARGIN * height) for ring in shut], 0)
    if exact is not None:
        masks |= {name: _enlarge(cells, size) for name, cells in _exact_cells(*exact).items() if cells.sum() >= LEAST_CELLS}
    return masks


def _exact_cells(seen: np.ndarray, flow: np.ndarray, head: np.ndarray | None) -> dict[str, np.ndarray]:
    """Cells [F, F] bool: seen in no portrait; seen in the one in use, but spread over much more area; far from the person."""
    none = ~seen.any(0)
    cells = {"revealed": none}
    if head is not None:
        cells |= {"revealed person": none & head, "background": ~_grow(head, 2)}
        cells["stretched"] = head & ~none & (area_in_portrait(flow) < STRETCH)
    return cells


def area_in_portrait(flow: np.ndarray) -> np.ndarray:
    """How much of the portrait's area each cell is made from, 1 where nothing is stretched: flow [F, F, 2] in picture widths -> [F, F]."""
    side = flow.shape[0]
    smooth = cv2.blur(flow.astype(np.float32), (3, 3))
    (dx_y, dx_x), (dy_y, dy_x) = (np.gradient(smooth[..., axis] * side) for axis in (0, 1))
    return (1 + dx_x) * (1 + dy_y) - dx_y * dy_x


def _grow(cells: np.ndarray, by: int) -> np.ndarray:
    return cv2.dilate(cells.astype(np.uint8), np.ones((2 * by + 1, 2 * by + 1), np.uint8)) > 0


def _enlarge(cells: np.ndarray, size: int) -> np.ndarray:
    return cv2.resize(cells.astype(np.float32), (size, size), interpolation=cv2.INTER_NEAREST)


def _hull(pixels: np.ndarray, size: int, margin: float) -> np.ndarray:
    """Convex hull, `margin` pixels larger."""
    mask = _polygon(cv2.convexHull(pixels.astype(np.float32))[:, 0], size)
    side = 2 * round(margin) + 1
    return cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))) if side > 1 else mask


def _polygon(pixels: np.ndarray, size: int) -> np.ndarray:
    mask = np.zeros((size, size), np.float32)
    fixed = np.round((pixels - 0.5) * 16).astype(np.int32)  # pixel centres lie at .5
    cv2.fillPoly(mask, [fixed], 1.0, shift=4)
    return mask
