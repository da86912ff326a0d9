"""A portrait taken apart: the person with a soft edge, and the background as it would be without the person."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

from .landmarker import model_file

MATTE_SIZE = 256
FAINT = 0.04  # less of the person than this is none
HAIR_REACH = 5  # pixels of 256 beyond the matte in which a strand may lie: not background either


class Matting:
    """The product's segmentation network; its edge is found again from the colours beside it."""

    def __init__(self, folder: Path | str | None = None):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(model_file("matte", folder)), options, providers=["CPUExecutionProvider"])

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """[S, S, 3] uint8 -> [S, S] float32 0..1."""
        small = cv2.resize(picture, (MATTE_SIZE, MATTE_SIZE), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        matte = self._session.run(None, {"image": np.ascontiguousarray(small.transpose(2, 0, 1))[None]})[0].reshape(MATTE_SIZE, MATTE_SIZE)
        return refine(picture.astype(np.float32) / 255, cv2.resize(matte, picture.shape[:2], interpolation=cv2.INTER_LINEAR))


def refine(picture: np.ndarray, matte: np.ndarray) -> np.ndarray:
    """A guided filter (He et al. 2013) with the colours as guide, kept to the neighbourhood of the matte's own edge."""
    radius = max(2, picture.shape[0] // 32)
    fine = guided_filter(picture, matte, radius, 1e-3)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)
    sure = cv2.erode((matte > 0.5).astype(np.float32), kernel)
    maybe = cv2.dilate((matte > 0.5).astype(np.float32), kernel)
    soft = lambda m: cv2.GaussianBlur(m, (0, 0), radius / 3)  # noqa: E731
    alpha = np.clip((fine - 0.12) / 0.76, 0, 1)
    alpha = np.minimum(np.maximum(alpha, soft(sure) * sure), soft(maybe))
    return np.where(alpha < FAINT, 0, np.where(alpha > 1 - FAINT, 1, alpha)).astype(np.float32)


def guided_filter(guide: np.ndarray, plane: np.ndarray, radius: int, softness: float) -> np.ndarray:
    """`guide` [H, W, 3], `plane` [H, W]: in each window the plane is fitted as a linear function of the colours."""
    mean = lambda x: cv2.blur(x, (2 * radius + 1,) * 2)  # noqa: E731
    colour, value = mean(guide), mean(plane)
    covariance = np.stack([mean(guide[..., i] * guide[..., j]) - colour[..., i] * colour[..., j] for i in range(3) for j in range(3)], -1)
    covariance = covariance.reshape(*plane.shape, 3, 3) + softness * np.eye(3, dtype=np.float32)
    cross = mean(guide * plane[..., None]) - colour * value[..., None]
    slope = np.linalg.solve(covariance, cross[..., None])[..., 0].astype(np.float32)
    offset = value - (slope * colour).sum(-1)
    return (mean(slope) * guide).sum(-1) + mean(offset)


@dataclass
class Layers:
    alpha: np.ndarray  # [S, S] float32, the person's share
    person: np.ndarray  # [S, S, 3] float32, what the person adds: picture = person + (1 - alpha) * plate
    plate: np.ndarray  # [S, S, 3] float32 0..255, the background alone

    def presence(self) -> np.ndarray:
        """[S, S] bool: where the person adds anything, single strands beyond the edge included."""
        return (self.alpha > 0) | (np.abs(self.person).max(axis=-1) > 1)


def separate(picture: np.ndarray, alpha: np.ndarray) -> Layers:
    """`picture` [S, S, 3] uint8."""
    plate = background_plate(picture, alpha)
    image = picture.astype(np.float32)
    return Layers(alpha, image - (1 - alpha[..., None]) * plate, plate)


def background_plate(picture: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """The picture where the person is not, inpainted behind (Telea 2004, at half resolution: only a seam of it is ever seen)."""
    side = picture.shape[0]
    hidden = (alpha > 0).astype(np.uint8)
    reach = round(HAIR_REACH * side / 256)
    wide = cv2.dilate(hidden, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2))
    half = (side // 2, side // 2)
    small = cv2.resize(picture, half, interpolation=cv2.INTER_AREA)
    filled = cv2.inpaint(
        small, (cv2.resize(wide.astype(np.float32), half, interpolation=cv2.INTER_AREA) > 0).astype(np.uint8), 5, cv2.INPAINT_TELEA
    )
    filled = cv2.resize(cv2.GaussianBlur(filled, (0, 0), 1.2), (side, side), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    deep = cv2.GaussianBlur(cv2.dilate(hidden, np.ones((3, 3), np.uint8)).astype(np.float32), (0, 0), reach / 2)
    share = np.where(hidden > 0, 1, np.clip(2 * deep - 0.1, 0, 1))[..., None]
    return picture + share * (filled - picture)
