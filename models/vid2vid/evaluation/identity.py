"""Who a picture shows: cosine of face embeddings, by a network that had no part in making it (face_networks.FaceEmbedding)."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch

from .face_networks import FaceEmbedding, weights_folder

# Outer and inner corner of either eye and the base of the nose, and where the network's training pictures have them (dlib's mean face
# with a quarter of its size around it), as shares of the picture.
ANCHORS = [263, 362, 33, 133, 2]
MEAN_FACE = np.array([[0.8596, 0.2135], [0.6461, 0.2290], [0.1206, 0.2137], [0.3341, 0.2291], [0.4901, 0.6278]])
PADDING = 0.25


class Identity:
    """Embeds faces that have landmarks. Raises RuntimeError where the network's weights cannot be had."""

    def __init__(self, folder: Path | None = None):
        self._embed = FaceEmbedding(folder or weights_folder())

    def embed(self, frames: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """`frames` [T, S, S, 3] uint8, `landmarks` [T, 478, 3] picture widths -> [T, 128] of length 1."""
        faces = np.stack([aligned_face(frame, points) for frame, points in zip(frames, landmarks, strict=True)])
        return self._embed(torch.from_numpy(faces).permute(0, 3, 1, 2).float() / 255).numpy()


def aligned_face(frame: np.ndarray, points: np.ndarray, size: int = FaceEmbedding.SIZE) -> np.ndarray:
    """The face, upright and of one size: [size, size, 3] uint8."""
    place = (MEAN_FACE + PADDING) / (1 + 2 * PADDING) * size
    matrix = similarity(points[ANCHORS, :2] * frame.shape[1], place)
    return cv2.warpAffine(frame, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def similarity(points: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """[2, 3], the turn, scale and shift that bring points [N, 2] nearest to targets, by least squares (Umeyama)."""
    a, b = points - points.mean(0), targets - targets.mean(0)
    z = (a[:, 0] - 1j * a[:, 1]) @ (b[:, 0] + 1j * b[:, 1]) / (a**2).sum()  # scale and turn as one complex number
    linear = np.array([[z.real, -z.imag], [z.imag, z.real]])
    return np.column_stack([linear, targets.mean(0) - linear @ points.mean(0)])


def cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Of rows of length 1: [T, D], [D] or [T, D] -> [T]."""
    return (a * b).sum(-1)
