"""What is around the person: camera, lights, backdrop."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Camera:
    """A pinhole camera that looks along -z at `target`."""

    target: tuple[float, float, float] = (0.0, 7.0, 0.6)
    distance: float = 7.0
    height: float = 0.0  # of the lens above the target
    field_of_view: float = 34.0  # degrees, vertical
    near: float = 1.0
    far: float = 40.0
    window: tuple[float, float, float] = (0.0, 0.0, 1.0)  # the picture is this square of the view: corner x, y and side, view widths

    @property
    def eye(self) -> np.ndarray:
        return np.array(self.target, np.float32) + np.array([0, self.height, self.distance], np.float32)

    def matrix(self, aspect: float) -> np.ndarray:
        """[4, 4] world -> clip."""
        f = 1 / np.tan(np.radians(self.field_of_view) / 2)
        n, r = self.near, self.far
        projection = np.array([[f / aspect, 0, 0, 0], [0, f, 0, 0], [0, 0, (r + n) / (n - r), 2 * r * n / (n - r)], [0, 0, -1, 0]])
        x, y, side = self.window
        cut = np.eye(4) / side
        cut[2, 2] = cut[3, 3] = 1
        cut[0, 3], cut[1, 3] = (1 - 2 * x) / side - 1, 1 - (1 - 2 * y) / side
        return (cut @ projection @ look_at(self.eye, np.array(self.target))).astype(np.float32)

    def project(self, points: np.ndarray, width: int, height: int) -> np.ndarray:
        """[N, 3] world -> [N, 2] pixels, origin at the top left."""
        clip = np.c_[points, np.ones(len(points))] @ self.matrix(width / height).T
        ndc = clip[:, :2] / clip[:, 3:]
        return (ndc * [0.5, -0.5] + 0.5) * [width, height]


def look_at(eye: np.ndarray, target: np.ndarray) -> np.ndarray:
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, [0.0, 1.0, 0.001])
    right /= np.linalg.norm(right)
    view = np.eye(4)
    view[:3, :3] = [right, np.cross(right, forward), -forward]
    view[:3, 3] = -view[:3, :3] @ eye
    return view


def ortho_towards(direction: np.ndarray, centre: np.ndarray, radius: float) -> np.ndarray:
    """[4, 4] orthographic world -> clip of a light at infinity whose light comes from `direction`."""
    box = np.diag([1 / radius, 1 / radius, -1 / (2 * radius), 1.0])
    box[2, 3] = -1.0
    return (box @ look_at(centre + direction * 2 * radius, centre)).astype(np.float32)


@dataclass(frozen=True)
class Lighting:
    """Directions point to the light; colours are linear. Key casts shadows."""

    key_direction: tuple[float, float, float] = (-0.55, 0.55, 0.75)
    key_colour: tuple[float, float, float] = (1.0, 0.95, 0.88)
    fill_direction: tuple[float, float, float] = (0.8, 0.1, 0.6)
    fill_colour: tuple[float, float, float] = (0.22, 0.25, 0.30)
    rim_direction: tuple[float, float, float] = (0.6, 0.5, -0.8)
    rim_colour: tuple[float, float, float] = (0.35, 0.36, 0.40)
    sky: tuple[float, float, float] = (0.36, 0.37, 0.40)
    ground: tuple[float, float, float] = (0.17, 0.15, 0.13)
    exposure: float = 1.0
    shadow_strength: float = 0.75


def room_backdrop(seed: int, width: int, height: int, brightness: float = 1.0) -> np.ndarray:
    """[H, W, 3] uint8: a wall with a window or lamp, a shelf and a door, all out of focus."""
    random = np.random.default_rng(seed)
    w, h = 320, 240
    wall = random.uniform(0.45, 0.78) + random.uniform(-0.06, 0.06, 3)
    ramp = np.linspace(random.uniform(0.75, 1.0), random.uniform(0.85, 1.1), w)[None, :, None]
    image = np.ones((h, w, 3)) * wall * ramp * np.linspace(1.05, 0.82, h)[:, None, None]
    shelf_x, on_left = int(random.uniform(0, 30)), random.random() < 0.5
    panel = np.zeros((h, 110, 3)) + wall * 0.55
    for row in range(18, h - 40, 44):
        x = 4
        while x < 98:
            book, tall = int(random.integers(4, 11)), int(random.integers(24, 37))
            tone = random.uniform(0.15, 0.75)
            panel[row + 38 - tall : row + 38, x : x + book] = tone + random.uniform(-0.14, 0.14, 3)
            x += book + (int(random.integers(6, 20)) if random.random() < 0.15 else 1)
        panel[row + 38 : row + 42] = wall * 0.32
    x0 = shelf_x if on_left else w - 110 - shelf_x
    image[:, x0 : x0 + 110] = panel
    x1 = int(w * (0.66 if on_left else 0.06))
    image[15:130, x1 : x1 + 84] = np.array([0.93, 0.96, 1.0]) * random.uniform(0.85, 1.05)
    image[70:74, x1 : x1 + 84] = image[15:130, x1 + 40 : x1 + 44] = wall * 0.8
    image = cv2.GaussianBlur(image.astype(np.float32), (0, 0), random.uniform(5, 8))
    image = cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC)
    grain = random.normal(0, 0.006, (height, width, 1))
    return (np.clip(image * 0.85 * brightness + grain, 0, 1) * 255).astype(np.uint8)
