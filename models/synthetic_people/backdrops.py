"""Random backgrounds: rooms, plain walls, ramps, clouds of colour, sharp patterns."""

from __future__ import annotations

import cv2
import numpy as np

from .scene import room_backdrop


def random_backdrop(random: np.random.Generator, size: int) -> np.ndarray:
    """[size, size, 3] uint8 RGB."""
    kind = random.choice(["room", "wall", "ramp", "clouds", "pattern"], p=[0.3, 0.2, 0.15, 0.2, 0.15])
    if kind == "room":
        return room_backdrop(int(random.integers(1 << 30)), size, size, float(random.uniform(0.45, 1.15)))
    image = {"wall": _wall, "ramp": _ramp, "clouds": _clouds, "pattern": _pattern}[kind](random, size)
    if kind != "wall" and random.random() < 0.5:
        image = cv2.GaussianBlur(image, (0, 0), float(random.uniform(0.5 / 256, 0.03) * size))
    image = image + random.normal(0, 0.006, (size, size, 1))
    return (np.clip(image, 0, 1) * 255).astype(np.uint8)


def _colour(random: np.random.Generator) -> np.ndarray:
    """[3] mostly dull."""
    grey = random.uniform(0.05, 0.95)
    return np.clip(grey + random.normal(0, random.choice([0.02, 0.12, 0.25]), 3), 0, 1)


def _wall(random: np.random.Generator, size: int) -> np.ndarray:
    across = np.linspace(random.uniform(0.85, 1), random.uniform(0.85, 1), size)[None, :, None]
    return (_colour(random) * across * np.linspace(1, random.uniform(0.8, 1), size)[:, None, None]).astype(np.float32)


def _ramp(random: np.random.Generator, size: int) -> np.ndarray:
    y, x = np.mgrid[:size, :size] / size
    if random.random() < 0.5:  # a spot of light on a studio cloth
        share = np.clip(np.hypot(x - random.uniform(0.2, 0.8), y - random.uniform(0.1, 0.7)) * random.uniform(0.9, 1.6), 0, 1)
    else:
        angle = random.uniform(0, 2 * np.pi)
        share = np.clip(0.5 + (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle), 0, 1)
    return (_colour(random) * (1 - share[..., None]) + _colour(random) * share[..., None]).astype(np.float32)


def _clouds(random: np.random.Generator, size: int) -> np.ndarray:
    """Noise of several coarsenesses, fading with fineness as in nature."""
    image = np.zeros((size, size, 3), np.float32)
    for cells in (3, 7, 15, 40):
        noise = random.normal(0, 1, (cells, cells, 3)) * [1, 1, 1] + random.normal(0, 1.5, (cells, cells, 1))
        image += cv2.resize(noise.astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC) / cells**0.6
    return _colour(random).astype(np.float32) + image * np.float32(random.uniform(0.05, 0.22))


def _pattern(random: np.random.Generator, size: int) -> np.ndarray:
    """Sharp edges: stripes, tiles, or frames hung on a wall."""
    image = np.ones((size, size, 3), np.float32) * _colour(random)
    if random.random() < 0.5:
        for _ in range(int(random.integers(4, 14))):
            x, y, w, h = (random.uniform([-0.1, -0.1, 0.05, 0.05], [0.9, 0.9, 0.5, 0.5]) * size).astype(int)
            cv2.rectangle(image, (int(x), int(y)), (int(x + w), int(y + h)), _colour(random).tolist(), -1 if random.random() < 0.7 else 3)
        return image
    y, x = np.mgrid[:size, :size]
    period, other = random.uniform(0.04, 0.25, 2) * size
    angle = random.choice([0, np.pi / 2, random.uniform(0, np.pi)])
    along = x * np.cos(angle) + y * np.sin(angle)
    stripes = (along // period).astype(int)
    if random.random() < 0.5:
        stripes += ((y * np.cos(angle) - x * np.sin(angle)) // other).astype(int)
    return np.where((stripes % 2 == 0)[..., None], image, _colour(random)).astype(np.float32)
