"""A portrait as something that is no person of flesh: what statues and paintings make of a model that has only seen people."""

from __future__ import annotations

import cv2
import numpy as np

MARBLE = np.array([236, 232, 224], np.float32)  # its brightest
CANVAS = 0.05  # how much of the light a canvas' threads take away


def marble(picture: np.ndarray) -> np.ndarray:
    """u8 [S, S, 3] as if hewn: no colour but the stone's, shades flattened, faint veins. The same picture size gives the same veins."""
    side = picture.shape[0]
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    even = cv2.createCLAHE(2.0, (4, 4)).apply(cv2.bilateralFilter(grey, 7, 40, 5)).astype(np.float32) / 255
    shade = 0.38 + 0.62 * even**0.8
    random = np.random.default_rng(4)
    rough = sum(cv2.resize(random.normal(0, 1 / n, (n + 1, n + 1)).astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC) * 4 for n in (4, 8, 16))
    veins = np.exp(-((np.sin(rough * 3)) ** 2) * 60)
    return (shade[..., None] * MARBLE * (1 - 0.12 * veins[..., None])).clip(0, 255).astype(np.uint8)


def painting(picture: np.ndarray) -> np.ndarray:
    """u8 [S, S, 3] in patches of paint with darker rims, on canvas."""
    flat = cv2.pyrMeanShiftFiltering(picture, 6, 18)
    paint = cv2.stylization(cv2.addWeighted(picture, 0.4, flat, 0.6, 0), sigma_s=12, sigma_r=0.35).astype(np.float32)
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]]
    threads = 1 - CANVAS * (0.5 + 0.25 * (np.sin(x * 2.1) + np.sin(y * 2.1)))
    warm = paint * np.array([1.06, 1.0, 0.88], np.float32)
    return (warm * threads[..., None]).clip(0, 255).astype(np.uint8)
