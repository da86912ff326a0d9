"""Figures of pictures and clips. Pictures are u8 [T, S, S, 3] RGB, landmarks [T, 478, 3] in picture widths; nothing here knows of
models."""

from __future__ import annotations

import cv2
import numpy as np

from ..networks import topology as t
from .regions import EYE_CORNERS, aperture, eye_distance, lid_gaps

BEST_PSNR = 60.0  # of equal pictures, so that means stay finite
PIXELS = 256  # landmark errors are told in pixels of a picture of this width
JITTER_HZ = 5.0
LEAST_JITTER_FRAMES = 12
TRACKER_NOISE = 0.002  # standard deviation of apertures and gaze on a still face, as shares of the eyes' distance and width
MESH = slice(0, 468)  # without the irises


def error_maps(out: np.ndarray, truth: np.ndarray) -> dict[str, np.ndarray]:
    """Of one frame [S, S, 3]: mean absolute (0..1), mean squared difference and SSIM, each [S, S] float32."""
    a, b = out.astype(np.float32) / 255, truth.astype(np.float32) / 255
    difference = a - b
    luma = np.array([0.299, 0.587, 0.114], np.float32)
    return {"l1": np.abs(difference).mean(2), "mse": np.square(difference).mean(2), "ssim": ssim_map(a @ luma, b @ luma)}


def ssim_map(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Wang et al. 2004, Gaussian window of sigma 1.5, pictures [S, S] 0..1."""
    blur = lambda x: cv2.GaussianBlur(x, (11, 11), 1.5)  # noqa: E731
    mean_a, mean_b = blur(a), blur(b)
    variance_a, variance_b, covariance = blur(a * a) - mean_a**2, blur(b * b) - mean_b**2, blur(a * b) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    return (2 * mean_a * mean_b + c1) * (2 * covariance + c2) / ((mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2))


def within(error: np.ndarray, mask: np.ndarray) -> float:
    return float((error * mask).sum() / mask.sum())


def psnr(mean_squared: float) -> float:
    return min(BEST_PSNR, -10 * float(np.log10(max(mean_squared, 1e-12))))


def landmark_error(found: np.ndarray, wanted: np.ndarray) -> tuple[float, float]:
    """Mean distance in the picture's plane: pixels at a width of 256, and % of the distance between the eyes' outer corners."""
    away = np.linalg.norm(found[:, MESH, :2] - wanted[:, MESH, :2], axis=-1).mean(1)
    return float(away.mean() * PIXELS), float((away / eye_distance(wanted)).mean() * 100)


def gaze(points: np.ndarray) -> np.ndarray:
    """Irises' places between the corners of their eyes, along and across, over the eye's width: [T, 478, 3] -> [T, 2], both eyes' mean."""
    out = []
    for ring, (left, right) in zip(t.IRISES, EYE_CORNERS):
        a, b = sorted((points[:, left, :2], points[:, right, :2]), key=lambda p: float(p[:, 0].mean()))
        axis = b - a
        width = np.linalg.norm(axis, axis=1, keepdims=True)
        along, across = axis / width, np.stack([-axis[:, 1], axis[:, 0]], 1) / width
        offset = (points[:, ring[0], :2] - (a + b) / 2) / width
        out.append(np.stack([(offset * along).sum(1), (offset * across).sum(1)], 1))
    return np.mean(out, 0)


def movements(points: np.ndarray) -> dict[str, np.ndarray]:
    """What a driver does with its face, [T] each; to be compared within one clip."""
    looks = gaze(points)
    return {"mouth": aperture(points), "eyes": lid_gaps(points).mean(1), "gaze": looks[:, 0], "gaze up": looks[:, 1]}


def following(pairs: list[tuple[np.ndarray, np.ndarray]]) -> tuple[float, float]:
    """Correlation and gain of outputs' series over drivers', (output, driver) per clip: each about its own mean, for faces differ at rest.

    NaN where the drivers do nothing.
    """
    pairs = [(o - o.mean(), d - d.mean()) for o, d in pairs if len(o) > 1]
    if not pairs:
        return np.nan, np.nan
    out, driver = (np.concatenate([p[i] for p in pairs]) for i in (0, 1))
    least, power = len(out) * TRACKER_NOISE**2, float(driver @ driver)
    if power <= least:
        return np.nan, np.nan
    # What moves less than the tracker's noise does not follow, whatever its noise resembles.
    return float(out @ driver / np.sqrt(power * max(float(out @ out), least))), float(out @ driver / power)


def backward_flow(now: np.ndarray, before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each pixel of a frame lay in the one before, as Farnebäck sees it: displacement [S, S, 2] in pixels, and [S, S] bool where the
    way back agrees."""
    grey = [cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in (now, before)]
    there, back = (cv2.calcOpticalFlowFarneback(a, b, None, 0.5, 4, 15, 3, 5, 1.2, 0) for a, b in (grey, grey[::-1]))
    returned = there + sample(back, there)
    return there, np.linalg.norm(returned, axis=2) < 1.0


def sample(picture: np.ndarray, displacement: np.ndarray) -> np.ndarray:
    """picture [S, S, C] at each pixel's place plus displacement [S, S, 2] in pixels."""
    y, x = np.indices(displacement.shape[:2], np.float32)
    return cv2.remap(picture, x + displacement[..., 0], y + displacement[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def warping_error(frames: np.ndarray, flows: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """Mean absolute change (0..1) along the TRUE clip's motion, where that can be followed; `flows` as backward_flow gives them, T - 1 of
    them."""
    errors = []
    for before, now, (displacement, known) in zip(frames[:-1], frames[1:], flows, strict=True):
        moved = sample(before.astype(np.float32), displacement.astype(np.float32))
        errors.append(within(np.abs(now.astype(np.float32) - moved).mean(2) / 255, known.astype(np.float32)) if known.any() else np.nan)
    return float(np.nanmean(errors)) if np.isfinite(errors).any() else np.nan


def unrest(frames: np.ndarray) -> float:
    """Mean absolute change from frame to frame, levels of 255: of a frozen driver it should be 0."""
    return float(np.mean([np.abs(b.astype(np.int16) - a).mean() for a, b in zip(frames, frames[1:])]))


def jitter(points: np.ndarray, frame_rate: float) -> float:
    """Trembling: root mean square of the landmarks' movement above 5 Hz, pixels at a width of 256. NaN for clips too short to tell."""
    if len(points) < LEAST_JITTER_FRAMES:
        return np.nan
    places = points[:, MESH, :2].reshape(len(points), -1).astype(np.float64) * PIXELS
    line = np.linspace(-1, 1, len(places))[:, None]
    places = (places - places.mean(0)) - line * (line * places).sum(0) / (line**2).sum()  # a steady drift has no ends that jump
    spectrum = np.fft.rfft(places * np.hanning(len(places))[:, None], axis=0)
    spectrum[np.fft.rfftfreq(len(places), 1 / frame_rate) < JITTER_HZ] = 0
    fast = np.fft.irfft(spectrum, len(places), axis=0)
    # Twice, for the two coordinates of a place.
    return float(np.sqrt(2 * np.square(fast).mean() / np.square(np.hanning(len(places))).mean()))


def sharpness(frame: np.ndarray, mask: np.ndarray) -> float:
    """Mean squared Laplacian of the luma (0..1) within a mask: falls when a picture blurs."""
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    return within(np.square(cv2.Laplacian(grey, cv2.CV_32F)), mask)
