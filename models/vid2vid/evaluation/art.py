"""A portrait as something that is no person of flesh: what statues and paintings make of a model that has only seen people."""

from __future__ import annotations

import cv2
import numpy as np

MARBLE = np.array([236, 232, 224], np.float32)  # its brightest
CANVAS = 0.08  # how much of the light a canvas' threads take away
STEP = 12  # between two shades of paint


def marble(picture: np.ndarray) -> np.ndarray:
    """u8 [S, S, 3] as if hewn: no colour but the stone's, shades flattened, faint veins. The same picture size gives the same veins."""
    side = picture.shape[0]
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    even = cv2.createCLAHE(2.0, (4, 4)).apply(cv2.bilateralFilter(grey, 7, 40, 5)).astype(np.float32) / 255
    shade = 0.38 + 0.62 * even**0.8
    random = np.random.default_rng(4)
    rough = sum(
        cv2.resize(random.normal(0, 1 / n, (n + 1, n + 1)).astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC) * 4
        for n in (4, 8, 16)
    )
    veins = np.exp(-((np.sin(rough * 3)) ** 2) * 60)
    return (shade[..., None] * MARBLE * (1 - 0.07 * veins[..., None])).clip(0, 255).astype(np.uint8)


def painting(picture: np.ndarray) -> np.ndarray:
    """u8 [S, S, 3] in patches of paint on canvas, warmer than it was."""
    flat = cv2.pyrMeanShiftFiltering(picture, 5, 24)
    paint = cv2.edgePreservingFilter(cv2.addWeighted(picture, 0.35, flat, 0.65, 0), flags=1, sigma_s=14, sigma_r=0.3)
    steps = np.round(paint.astype(np.float32) / STEP) * STEP  # a palette has not so many shades
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]]
    threads = 1 - CANVAS * (0.5 + 0.25 * (np.sin(x * 2.1) + np.sin(y * 2.1)))
    warm = cv2.medianBlur(steps.clip(0, 255).astype(np.uint8), 3) * np.array([1.05, 1.0, 0.86], np.float32)
    return (warm * threads[..., None]).clip(0, 255).astype(np.uint8)
