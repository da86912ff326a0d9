"""Small motions for a still portrait: poses for its references, runs that lead up to the untouched photograph, and free runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .donors import Donors, Speech
from .head_mesh import Motion
from .pseudo_frames import Mouth

MOST = np.array([13.0, 8.0, 11.0])  # yaw, pitch, roll in degrees
RUN = 4  # frames
LEAD_UP = np.array([1.0, 0.62, 0.25, 0.0])  # how much of the motion is left in each frame; the last is the photograph
BLINK = ([0.0, 0.55, 1.0, 0.8], [0.25, 0.9, 1.0, 0.5], [1.0, 0.8, 0.4, 0.1])
WINK_SHARE = 0.25  # of the blinks are of one eye
GAZE = np.array([0.16, 0.05])  # the furthest aside and up or down, in eye widths
OPENINGS = (0.02, 0.05, 0.08, 0.12, 0.18)  # of a free run's mouth, at least, in face sizes
OWN_TEETH = 0.03  # a portrait whose lips stand further apart than this (face sizes) keeps its own mouth
OWN_TEETH_SHARE = 0.3  # of a donor's speech then


@dataclass(frozen=True)
class Limits:
    """What a portrait can show."""

    yaw: float  # degrees it is turned already: the far cheek cannot be turned to the front
    at_top: bool  # hair reaches the picture's upper border: there is no more of it to show below
    open_mouth: bool

    def hold(self, motion: Motion) -> Motion:
        """`motion` brought within them."""
        turn, shift, zoom = motion.turn.copy(), motion.shift.copy(), motion.zoom
        if turn[0] * self.yaw < 0:
            turn[0] *= max(0.25, 1 - abs(self.yaw) / 16)
        if self.at_top:
            turn[1], shift[1], zoom = max(turn[1], 0.0), min(shift[1], 0.0), max(zoom, 1.0)
            turn[2] *= 0.4
        return Motion(turn, shift, zoom, motion.deltas, motion.closure, motion.gaze)


@dataclass
class Shown:
    motion: Motion
    mouth: Mouth | None = None


def references(random: np.random.Generator, limits: Limits, donors: Donors) -> list[Shown]:
    """The photograph, then four poses to different sides; one of them speaks."""
    sides = random.permutation([[1, 1], [-1, 1], [1, -1], [-1, -1]])
    out = [Shown(Motion())]
    for number, (yaw, pitch) in enumerate(sides):
        turn = np.array([yaw, pitch, random.choice([-1, 1])]) * MOST * random.uniform([0.4, 0.3, 0.1], [0.95, 0.95, 0.8])
        motion = Motion(turn, random.uniform(-0.07, 0.07, 2), random.uniform(0.96, 1.05), gaze=0.6 * random.uniform(-1, 1, 2) * GAZE)
        speech = donors.speech(random, 1, 0.03) if number == 0 else None
        out.append(_spoken(motion, speech, 0, limits, 1.0))
    return out


def _closure(random: np.random.Generator, share: float) -> np.ndarray:
    """[RUN, 2] of both lids: `share` of the runs blink, some with one eye."""
    if random.random() >= share:
        return np.zeros((RUN, 2))
    eyes = np.eye(2)[int(random.integers(2))] if random.random() < WINK_SHARE else np.ones(2)
    return np.array(random.choice([*BLINK]))[:, None] * eyes


def lead_up(random: np.random.Generator, limits: Limits, donors: Donors) -> list[Shown]:
    """RUN frames whose last is the photograph."""
    start = Motion(
        random.uniform(-0.75, 0.75, 3) * MOST,
        random.uniform(-0.06, 0.06, 2),
        random.uniform(0.96, 1.05),
        gaze=random.uniform(-1, 1, 2) * GAZE,
    )
    speech = donors.speech(random, RUN, 0.02) if random.random() < 0.7 else None
    closure = _closure(random, 0.3) * (LEAD_UP > 0)[:, None]
    out = []
    for i, share in enumerate(LEAD_UP):
        motion = start.scaled(share)
        motion.closure = closure[i] * min(1.0, 1.6 * share)
        out.append(Shown(Motion()) if share == 0 else _spoken(motion, speech, i, limits, share))
    return out


def free_run(random: np.random.Generator, limits: Limits, donors: Donors) -> list[Shown]:
    """RUN frames of talk while the head drifts."""
    turn, drift = random.uniform(-0.9, 0.9, 3) * MOST, random.normal(0, 0.1, 3) * MOST
    shift, slide = random.uniform(-0.08, 0.08, 2), random.normal(0, 0.008, 2)
    zoom, gaze = random.uniform(0.95, 1.06), random.uniform(-1, 1, 2) * GAZE
    speech = donors.speech(random, RUN, random.choice(OPENINGS))
    closure = _closure(random, 0.4)
    strength = random.uniform(0.8, 1.05)
    out = []
    for i in range(RUN):
        motion = Motion(np.clip(turn + i * drift, -MOST, MOST), shift + i * slide, zoom, closure=closure[i], gaze=gaze)
        out.append(_spoken(motion, speech, i, limits, strength))
    return out


def _spoken(motion: Motion, speech: Speech | None, frame: int, limits: Limits, strength: float) -> Shown:
    motion = limits.hold(motion)
    if speech is None:
        return Shown(motion)
    motion.deltas = speech.deltas[frame] * strength * (OWN_TEETH_SHARE if limits.open_mouth else 1)
    return Shown(motion, None if limits.open_mouth else speech.mouths[frame])
