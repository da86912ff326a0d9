"""Motion over time: key frames, blinks, speech, put together into a Pose per frame and its ground truth."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .person import Person, Pose
from .speech import Speech, viseme_track

# The two lips' innermost vertices on the middle line of the base mesh.
UPPER_LIP, LOWER_LIP = 474, 493

# How far the jaw drops beyond the viseme targets, which are drawn for a mumbler.
JAW_OF_VISEME = {
    "aa_02": 0.3,
    "ao_03": 0.26,
    "ay_11": 0.34,
    "aw_09": 0.3,
    "aa_ah_ax_01": 0.18,
    "ey_eh_uh_04": 0.2,
    "ow_08": 0.18,
    "oy_10": 0.2,
    "er_05": 0.08,
}

SMILE = {
    "mouthSmileLeft": 0.75,
    "mouthSmileRight": 0.75,
    "mouthUpperUpLeft": 0.25,
    "mouthUpperUpRight": 0.25,
    "cheekSquintLeft": 0.5,
    "cheekSquintRight": 0.5,
}
BROWS_UP = {"browInnerUp": 0.8, "browOuterUpLeft": 0.8, "browOuterUpRight": 0.8}


def key_frames(times_s: np.ndarray, keys: list[tuple[float, float]]) -> np.ndarray:
    """[T] through (time, value) pairs, at rest at each key (smoothstep in between)."""
    stamps, values = np.array(keys).T
    index = np.clip(np.searchsorted(stamps, times_s, side="right") - 1, 0, len(keys) - 2)
    t = np.clip((times_s - stamps[index]) / (stamps[index + 1] - stamps[index]), 0, 1)
    return values[index] + (values[index + 1] - values[index]) * t * t * (3 - 2 * t)


def blinks(times_s: np.ndarray, at_s: list[float]) -> np.ndarray:
    """[T] 0..1: closes in 70 ms, opens in 140 ms."""
    closed = np.zeros_like(times_s)
    for start in at_s:
        since = times_s - start
        closed = np.maximum(closed, np.clip(np.minimum((since + 0.08) / 0.07, (0.15 - since) / 0.14), 0, 1))
    return closed


def mouth_opening(person: Person, pose: Pose) -> float:
    """0..1: the gap between the lips' inner edges, 1 where jawOpen alone is full."""
    return float(np.clip((_gap(person, pose.expression) - _gap(person, {})) / (_gap(person, {"jawOpen": 1.0}) - _gap(person, {})), 0, 1))


def _gap(person: Person, expression: dict[str, float]) -> float:
    base = person.expressed(expression)
    return float(np.linalg.norm(base[UPPER_LIP] - base[LOWER_LIP]))


@dataclass
class Clip:
    """Curves over time; every array is [T]."""

    times_s: np.ndarray
    yaw: np.ndarray
    pitch: np.ndarray
    roll: np.ndarray
    blink: np.ndarray
    expression: dict[str, np.ndarray] = field(default_factory=dict)
    gaze_yaw: np.ndarray | None = None
    sway: np.ndarray | None = None  # sideways, decimetres

    def add(self, curve: np.ndarray, expression: dict[str, float]) -> None:
        for name, weight in expression.items():
            self.expression[name] = self.expression.get(name, 0.0) + weight * curve

    def speak(self, speech: Speech, start_s: float) -> None:
        for name, curve in viseme_track(speech, self.times_s - start_s).items():
            self.add(curve, {name: 1.0, "jawOpen": JAW_OF_VISEME.get(name.removeprefix("visemes01/"), 0.0)})

    def pose(self, frame: int) -> Pose:
        weights = {name: float(curve[frame]) for name, curve in self.expression.items() if curve[frame] > 1e-3}
        closed = float(self.blink[frame])
        if closed > 0:
            weights |= {side: max(weights.get(side, 0.0), closed) for side in ("eyeBlinkLeft", "eyeBlinkRight")}
        gaze = 0.0 if self.gaze_yaw is None else float(self.gaze_yaw[frame])
        sway = 0.0 if self.sway is None else float(self.sway[frame])
        yaw, pitch, roll = (float(curve[frame]) for curve in (self.yaw, self.pitch, self.roll))
        return Pose(weights, yaw, pitch, roll, gaze_yaw=gaze, gaze_pitch=-0.5 * pitch, shift=(sway, 0.0, 0.0))


def driver_clip(first: Speech, second: Speech, frame_rate: int) -> tuple[Clip, list[tuple[Speech, float]]]:
    """The committed driving clip, 9 s; it is at rest in its first second, at 6.0 s (where the short loop ends) and at its end."""
    times = np.arange(9 * frame_rate) / frame_rate
    speeches = [(first, 1.0), (second, 6.3)]
    clip = Clip(
        times,
        yaw=key_frames(times, [(1.0, 0), (2.0, 12), (3.3, -12), (4.2, 0), (5.5, 0), (6.2, 0), (7.2, -10), (8.1, 8), (8.7, 0)]),
        pitch=key_frames(
            times,
            [(1.0, 0), (1.6, 2), (3.0, -2), (4.1, 0), (4.45, 8), (4.85, -4), (5.25, 6), (5.7, 0), (6.3, 0), (6.8, 3), (7.6, -3), (8.6, 0)],
        ),
        roll=key_frames(times, [(1.0, 0), (2.3, 4), (3.5, -4), (4.3, 0), (6.3, 0), (7.0, -3), (7.9, 3), (8.7, 0)]),
        blink=blinks(times, [1.5, 3.25, 4.5, 5.6, 7.0, 8.3]),
        sway=key_frames(times, [(1.0, 0), (2.1, 0.12), (3.4, -0.12), (4.4, 0), (6.3, 0), (7.2, -0.1), (8.2, 0.08), (8.8, 0)]),
    )
    clip.gaze_yaw = -0.55 * clip.yaw  # the eyes stay near the camera
    for speech, start in speeches:
        clip.speak(speech, start)
    clip.add(key_frames(times, [(2.2, 0), (2.4, 1), (2.9, 0), (4.7, 0), (4.95, 1), (5.3, 0), (7.3, 0), (7.5, 1), (7.9, 0)]), BROWS_UP)
    clip.add(key_frames(times, [(4.9, 0), (5.2, 1), (5.5, 1), (5.9, 0)]), SMILE)
    return clip, speeches
