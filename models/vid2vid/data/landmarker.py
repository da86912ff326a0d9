"""The product's landmark tracker in Python: the same networks and the same regions as server/landmarker, for training frames.

Everything here is in pixels of the picture (a pixel's centre lies at .5). The networks are ONNX files that the server makes out of npm
packages (`npm run setup`); they are looked for in `folder`, LANDMARKER_CACHE or ~/.cache/gioconda/landmarker.

    tracker = Landmarker()
    points, flag = tracker.track(image)                    # a still: the largest face, settled
    points, flag = tracker.track(image, (x, y, w, h))      # a face known to be about there, settled
    points, flag = tracker.track(image, previous_points)   # a video's next frame: one look, as the live tracker does
    points / image.shape[1]                                # picture widths, as store.py keeps them
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

MESH_SIZE, DETECTOR_SIZE = 192, 128
ENLARGEMENT = 1.5
LEFT_EYE, RIGHT_EYE = 33, 263  # outer corners, on the picture's left and right
# The mesh's face flag is a logit; see Landmarker.ts for what was measured.
FOUND_FLAG, KEPT_FLAG, REJECTED_FLAG = 9.0, 3.0, -6.0
DETECTOR_SCORE, SAME_FACE_OVERLAP = 0.25, 0.3
MIN_ROUNDS, MAX_ROUNDS, SETTLED_CHANGE = 3, 6, 0.004
MAX_CANDIDATES = 8
MAX_SAMPLES_PER_SIDE = 8
TILE_STEP = 0.8
NONE_FOUND = -np.inf


@dataclass(frozen=True)
class Region:
    """A turned square; `angle` in radians, clockwise on the screen."""

    centre_x: float
    centre_y: float
    side: float
    angle: float = 0.0


@dataclass(frozen=True)
class Detection:
    score: float
    box: np.ndarray  # [4] x, y, width, height
    keypoints: np.ndarray  # [6, 2]; the first two are the eyes


def model_file(part: str, folder: Path | str | None = None) -> Path:
    """The newest ONNX file of `part` (mesh, detector). @raises FileNotFoundError where the product has not made it yet."""
    place = Path(folder or os.environ.get("LANDMARKER_CACHE") or Path.home() / ".cache/gioconda/landmarker")
    files = sorted(place.glob(f"landmarker-{part}-*.onnx"), key=lambda f: int(f.stem.rsplit("-v", 1)[1]))
    if not files:
        raise FileNotFoundError(f"no landmarker-{part} network in {place}: run `npm run setup` in the repository, or set LANDMARKER_CACHE")
    return files[-1]


class Landmarker:
    """Detector and mesh on one thread of onnxruntime."""

    def __init__(self, folder: Path | str | None = None):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._mesh, self._detector = (
            onnxruntime.InferenceSession(str(model_file(part, folder)), options, providers=["CPUExecutionProvider"])
            for part in ("mesh", "detector")
        )

    def track(self, image: np.ndarray, start: np.ndarray | tuple | None = None) -> tuple[np.ndarray, float]:
        """`image` [H, W, 3] uint8 RGB; `start` None, a box (x, y, w, h), or the previous frame's points [478, 3].

        Returns points [478, 3] float32 in pixels (z away, in the scale of x) and the flag: a face where it is FOUND_FLAG or more
        (KEPT_FLAG after a frame that had one). With no face at all: zeros and -inf.
        """
        if start is None:
            faces = self.detect(image)
            return faces[0] if faces else (np.zeros((478, 3), np.float32), NONE_FOUND)
        start = np.asarray(start, np.float64)
        if start.ndim == 2:
            return self._run_mesh(image, region_of_points(start))
        x, y, width, height = start
        return self._settle(image, Region(x + width / 2, y + height / 2, ENLARGEMENT * max(width, height)))

    def detect(self, image: np.ndarray) -> list[tuple[np.ndarray, float]]:
        """(points, flag) of each face of the first search that finds any, the largest first; close portraits need no finer one."""
        for regions in _search_passes(image.shape[1], image.shape[0]):
            found = suppress([d for region in regions for d in self._run_detector(image, region)])
            faces: list[tuple[np.ndarray, float]] = []
            for detection in found[:MAX_CANDIDATES]:
                points, flag = self._settle(image, region_of_detection(detection))
                if flag >= FOUND_FLAG and not any(_same_face(points, other) for other, _ in faces):
                    faces.append((points, flag))
            if faces:
                return sorted(faces, key=lambda face: -float(np.prod(np.ptp(face[0][:, :2], axis=0))))
        return []

    def _settle(self, image: np.ndarray, region: Region) -> tuple[np.ndarray, float]:
        """Repeats the mesh on its own region until that stays: the first one is off by up to 2 % in size."""
        for turn in range(1, MAX_ROUNDS + 1):
            points, flag = self._run_mesh(image, region)
            if flag < (REJECTED_FLAG if turn == 1 else KEPT_FLAG):
                break
            following = region_of_points(points)
            if turn >= MIN_ROUNDS and region_change(following, region) < SETTLED_CHANGE:
                break
            region = following
        return points, flag

    def _run_mesh(self, image: np.ndarray, region: Region) -> tuple[np.ndarray, float]:
        crop = sample_region(image, region, MESH_SIZE) * np.float32(1 / 255)
        points, flag = self._mesh.run(["points", "presence"], {"image": _planes(crop)})
        return project_points(points, region, MESH_SIZE), float(flag[0])

    def _run_detector(self, image: np.ndarray, region: Region) -> list[Detection]:
        crop = sample_region(image, region, DETECTOR_SIZE, black_border=True) * np.float32(2 / 255) - 1
        boxes, scores = self._detector.run(["boxes", "scores"], {"image": _planes(crop)})
        return decode_detections(boxes, scores, region)


def _planes(crop: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(crop.transpose(2, 0, 1))[None]


def sample_region(image: np.ndarray, region: Region, size: int, *, black_border: bool = False) -> np.ndarray:
    """[size, size, 3] float32 0..255, bilinear; a shrunk pixel is the mean of samples less than two pixels apart."""
    samples = min(MAX_SAMPLES_PER_SIDE, max(1, int(np.ceil(region.side / size / 2))))
    count = size * samples
    step = region.side / count
    cos, sin, half = np.cos(region.angle) * step, np.sin(region.angle) * step, (count - 1) / 2
    matrix = np.array([[cos, -sin, region.centre_x - 0.5 - half * (cos - sin)], [sin, cos, region.centre_y - 0.5 - half * (sin + cos)]])
    source = image.astype(np.float32)
    crop = cv2.warpAffine(source, matrix, (count, count), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE)
    if black_border:
        u, v = np.meshgrid(np.arange(count), np.arange(count))
        x, y = (matrix[k, 0] * u + matrix[k, 1] * v + matrix[k, 2] for k in range(2))
        crop[(x < -0.5) | (y < -0.5) | (x > image.shape[1] - 0.5) | (y > image.shape[0] - 0.5)] = 0
    return crop if samples == 1 else crop.reshape(size, samples, size, samples, 3).mean(axis=(1, 3))


def project_points(crop: np.ndarray, region: Region, size: int) -> np.ndarray:
    """Points [478, 3] of a crop of `size` pixels → pixels of the picture."""
    scale = region.side / size
    cos, sin = np.cos(region.angle) * scale, np.sin(region.angle) * scale
    u, v = crop[:, 0] - size / 2, crop[:, 1] - size / 2
    return np.stack([region.centre_x + u * cos - v * sin, region.centre_y + u * sin + v * cos, crop[:, 2] * scale], axis=1).astype(
        np.float32
    )


def region_of_points(points: np.ndarray) -> Region:
    """The upright box of the mesh (without the irises), half as large again, turned to the eyes."""
    low, high = points[:468, :2].min(axis=0), points[:468, :2].max(axis=0)
    across = points[RIGHT_EYE, :2] - points[LEFT_EYE, :2]
    centre = (low + high) / 2
    return Region(float(centre[0]), float(centre[1]), ENLARGEMENT * float((high - low).max()), float(np.arctan2(across[1], across[0])))


def region_of_detection(detection: Detection) -> Region:
    x, y, width, height = detection.box
    across = detection.keypoints[1] - detection.keypoints[0]
    return Region(x + width / 2, y + height / 2, ENLARGEMENT * max(width, height), float(np.arctan2(across[1], across[0])))


def region_change(a: Region, b: Region) -> float:
    """Shift, growth and turn together, as a share of the side."""
    return (np.hypot(a.centre_x - b.centre_x, a.centre_y - b.centre_y) + abs(a.side - b.side)) / b.side + abs(a.angle - b.angle)


def _anchors() -> np.ndarray:
    """[896, 2] cell centres: two in each cell of the 16x16 map, six in each of the 8x8 map."""
    maps = []
    for cells, per_cell in ((16, 2), (8, 6)):
        y, x = np.mgrid[:cells, :cells]
        maps.append(np.repeat((np.stack([x, y], -1).reshape(-1, 2) + 0.5) / cells, per_cell, axis=0))
    return np.concatenate(maps)


ANCHORS = _anchors()


def decode_detections(boxes: np.ndarray, scores: np.ndarray, region: Region) -> list[Detection]:
    """`boxes` [896, 16] pixels of the detector's input relative to the anchor, `scores` [896] logits."""
    scale = region.side / DETECTOR_SIZE
    corner = np.array([region.centre_x, region.centre_y]) - region.side / 2
    chance = 1 / (1 + np.exp(-np.clip(scores.astype(np.float64), -100, 100)))
    found = []
    for i in np.flatnonzero(chance >= DETECTOR_SCORE):
        anchor, raw = corner + ANCHORS[i] * region.side, boxes[i] * scale
        found.append(Detection(float(chance[i]), np.r_[anchor + raw[:2] - raw[2:4] / 2, raw[2:4]], raw[4:].reshape(6, 2) + anchor))
    return found


def suppress(detections: list[Detection]) -> list[Detection]:
    """Weighted non-maximum suppression: neighbours of a peak are averaged by score. Best first."""
    rest = sorted(detections, key=lambda d: -d.score)
    kept = []
    while rest:
        peak = rest[0]
        group = [d for d in rest if d is peak or _overlap(peak.box, d.box) > SAME_FACE_OVERLAP]
        rest = [d for d in rest if not any(d is member for member in group)]
        weights = np.array([d.score for d in group]) / sum(d.score for d in group)
        kept.append(
            Detection(peak.score, np.tensordot(weights, [d.box for d in group], 1), np.tensordot(weights, [d.keypoints for d in group], 1))
        )
    return kept


def _common(a: np.ndarray, b: np.ndarray) -> float:
    sides = np.minimum(a[:2] + a[2:], b[:2] + b[2:]) - np.maximum(a[:2], b[:2])
    return float(np.prod(np.maximum(sides, 0)))


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union."""
    common = _common(a, b)
    return common / (a[2] * a[3] + b[2] * b[3] - common)


def _same_face(a: np.ndarray, b: np.ndarray) -> bool:
    boxes = [np.r_[p[:, :2].min(axis=0), np.ptp(p[:, :2], axis=0)] for p in (a, b)]
    return _common(*boxes) > 0.5 * min(box[2] * box[3] for box in boxes)


def _search_passes(width: int, height: int):
    """Lists of squares: the whole picture, further out for a face that leaves it, then overlapping tiles for small faces."""
    long = max(width, height)
    yield [Region(width / 2, height / 2, long)]
    yield [Region(width / 2, height / 2, 1.6 * long)]
    for share in (0.56, 0.3):
        side = share * long
        yield [Region(x, y, side) for y in _tile_centres(height, side) for x in _tile_centres(width, side)]


def _tile_centres(length: float, side: float) -> list[float]:
    count = max(1, int(np.ceil((length - side) / (TILE_STEP * side))) + 1)
    return [length / 2] if count == 1 else [side / 2 + i * (length - side) / (count - 1) for i in range(count)]
