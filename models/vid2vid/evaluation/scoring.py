"""One case's figures: what the truth's side costs is done once and serves every model."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from ..data.landmarker import KEPT_FLAG, Landmarker
from . import metrics as m
from .animators import Animator, animate
from .cases import Case
from .face_networks import FaceLandmarks, weights_folder
from .identity import Identity, cosine
from .perceptual import DEFAULT_WEIGHTS, SqueezeNetFeatures, unit
from .regions import ALWAYS, region_masks

BATCH = 8
IDENTITY_STEP = 4  # every so-manieth frame: a face does not change who it is from one to the next
FROZEN_S, SETTLING_S = 3.0, 1.0
FACE_MARGIN = 1.1  # of the second landmark network's crop
NUDGE = 0.02  # by which that crop is moved to learn how far the network is sure of itself

Figures = dict[str, float]


@dataclass
class Judges:
    """The networks that judge. `identity` and `second` are missing where their package cannot be had."""

    features: SqueezeNetFeatures
    tracker: Landmarker
    identity: Identity | None
    second: FaceLandmarks | None

    @classmethod
    def load(cls, features: Path = DEFAULT_WEIGHTS) -> Judges:
        try:
            folder = weights_folder()
        except (RuntimeError, OSError) as error:
            print(f"NOT MEASURED: identity and the second landmark network ({error})", flush=True)
            return cls(SqueezeNetFeatures(features), Landmarker(), None, None)
        return cls(SqueezeNetFeatures(features), Landmarker(), Identity(folder), FaceLandmarks(folder))

    def track(self, frames: np.ndarray, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Landmarks [T, 478, 3] and [T] bool: a face. `landmarks` tell where to look first; from then on each frame is looked at where the
        face before was, as in a live call, for a look where the driver's face is would see the driver's motion in a picture that stands
        still."""
        side, before, found = frames.shape[2], None, []
        for frame, points in zip(frames, landmarks * side, strict=True):
            low, high = points[:, :2].min(0), points[:, :2].max(0)
            place, flag = self.tracker.track(frame, (*low, *(high - low)) if before is None else before)
            before = place if flag >= KEPT_FLAG else None
            found.append((place / side, flag >= KEPT_FLAG))
        return np.stack([place for place, _ in found]), np.array([seen for _, seen in found])

    @torch.inference_mode()
    def maps(self, frames: np.ndarray) -> list[Tensor]:
        """Unit feature maps, one [T, C, h, w] for each layer."""
        planes = torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2).float() / 255
        parts = [[unit(x) for x in self.features(planes[i : i + BATCH])] for i in range(0, len(planes), BATCH)]
        return [torch.cat(layer) for layer in zip(*parts)]

    def second_points(self, frames: np.ndarray, landmarks: np.ndarray, nudge: float = 0.0) -> np.ndarray:
        """68 points [T, 68, 2] in picture widths, from a square around where the face should be."""
        crops, places = [], []
        for frame, points in zip(frames, landmarks * frames.shape[2]):
            low, high = points[:, :2].min(0), points[:, :2].max(0)
            side = float((high - low).max()) * FACE_MARGIN * (1 + nudge)
            corner = (low + high) / 2 - side / 2 + nudge * side
            scale = FaceLandmarks.SIZE / side
            matrix = np.array([[scale, 0, -corner[0] * scale], [0, scale, -corner[1] * scale]])
            crops.append(cv2.warpAffine(frame, matrix, (FaceLandmarks.SIZE,) * 2, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
            places.append((corner, side))
        found = self.second(torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float() / 255).numpy()
        return np.stack([(f * side + corner) / frames.shape[2] for f, (corner, side) in zip(found, places)])


class Scorer:
    """Scores any model's output for one case."""

    def __init__(self, case: Case, judges: Judges):
        self.case, self.judges = case, judges

    # -- the truth's side

    @cached_property
    def masks(self) -> list[dict[str, np.ndarray]]:
        c, size = self.case, self.case.portraits.shape[1]
        exact = [None if c.seen is None else (c.seen[i], c.flow[i], None if c.head is None else c.head[i]) for i in range(len(c.landmarks))]
        return [region_masks(points, size, e) for points, e in zip(c.landmarks, exact)]

    @cached_property
    def maps(self) -> list[Tensor]:
        return self.judges.maps(self.case.truth)

    @cached_property
    def flows(self) -> list[tuple[np.ndarray, np.ndarray]]:
        frames = self.case.driver_frames
        return [m.backward_flow(now, before) for before, now in zip(frames, frames[1:])]

    @cached_property
    def true_points(self) -> np.ndarray:
        return self.judges.track(self.case.driver_frames, self.case.driver_landmarks)[0]

    @cached_property
    def subject(self) -> np.ndarray:
        """[128] who the portraits show."""
        mean = self.judges.identity.embed(self.case.portraits, self.case.portrait_landmarks).mean(0)
        return mean / np.linalg.norm(mean)

    @cached_property
    def driver(self) -> np.ndarray:
        """[T', 128] who drives, from the driver's own frames."""
        return self.judges.identity.embed(self.case.driver_frames[::IDENTITY_STEP], self.case.driver_landmarks[::IDENTITY_STEP])

    # -- an output's side

    def score(self, frames: np.ndarray) -> tuple[Figures, dict[str, list[list[float]]]]:
        """Figures of output frames u8 [T, S, S, 3], and the series (output, driver) that following is later computed from."""
        figures: Figures = {}
        if self.case.truth is not None:
            figures |= self._regions(frames)
        points, found = self.judges.track(frames, self.case.landmarks)
        figures |= self._landmarks(frames, points, found) | self._motion(frames, points)
        figures |= self._identity(frames, np.where(found[:, None, None], points, self.case.landmarks))
        return figures, self._series(points, found)

    def _regions(self, frames: np.ndarray) -> Figures:
        values: dict[str, list[float]] = {}
        distances = [(x - y).square().sum(1) for x, y in zip(self.judges.maps(frames), self.maps)]
        for i, (frame, truth, masks) in enumerate(zip(frames, self.case.truth, self.masks)):
            errors = m.error_maps(frame, truth)
            for name, mask in masks.items():
                values.setdefault(f"distance {name}", []).append(_pooled([d[i].numpy() for d in distances], mask))
                values.setdefault(f"l1 {name}", []).append(m.within(errors["l1"], mask))
                if name in ALWAYS:
                    values.setdefault(f"psnr {name}", []).append(m.psnr(m.within(errors["mse"], mask)))
                    values.setdefault(f"ssim {name}", []).append(m.within(errors["ssim"], mask))
        return {name: float(np.mean(v)) for name, v in values.items()}

    def _landmarks(self, frames: np.ndarray, points: np.ndarray, found: np.ndarray) -> Figures:
        """Against what the model was asked for; the floor is what the same network makes of the true frames."""
        case = self.case
        out = {"face lost %": 100 * float(1 - found.mean())}
        if found.any():
            out["akd px"], out["akd %"] = m.landmark_error(points[found], case.landmarks[found])
        if case.truth is not None:
            out["akd floor px"], out["akd floor %"] = m.landmark_error(self.true_points, case.landmarks)
        if case.truth is not None and self.judges.second is not None:
            truth, nudged = (self.judges.second_points(case.truth, case.landmarks, nudge) for nudge in (0.0, NUDGE))
            made = self.judges.second_points(frames, case.landmarks)
            scale = 100 / m.eye_distance(case.landmarks)[:, None]
            out["second akd %"] = float((np.linalg.norm(made - truth, axis=2) * scale).mean())
            out["second akd floor %"] = float((np.linalg.norm(nudged - truth, axis=2) * scale).mean())
        return out

    def _motion(self, frames: np.ndarray, points: np.ndarray) -> Figures:
        case = self.case
        out = {"jitter px": m.jitter(points, case.frame_rate), "true jitter px": m.jitter(self.true_points, case.frame_rate)}
        if case.truth is not None and len(frames) > 1:
            out["flicker"], out["true flicker"] = m.warping_error(frames, self.flows), m.warping_error(case.truth, self.flows)
            if out["true flicker"] > 0:
                out["flicker ratio"] = out["flicker"] / out["true flicker"]
        return out

    def _identity(self, frames: np.ndarray, points: np.ndarray) -> Figures:
        if self.judges.identity is None:
            return {}
        made = self.judges.identity.embed(frames[::IDENTITY_STEP], points[::IDENTITY_STEP])
        to_subject, real = float(cosine(made, self.subject).mean()), float(cosine(self.driver, self.subject).mean())
        if self.case.truth is not None:
            return {"identity": to_subject, "identity of the true clip": real, "identity ratio": to_subject / real}
        return {"identity": to_subject, "identity to driver": float(cosine(made, self.driver).mean()), "identity to driver by chance": real}

    def _series(self, points: np.ndarray, found: np.ndarray) -> dict[str, list[list[float]]]:
        if not found.any():
            return {}
        made, wanted, seen = (m.movements(p[found]) for p in (points, self.case.driver_landmarks, self.true_points))
        keep = lambda x: [round(float(v), 5) for v in x]  # noqa: E731
        return {name: [keep(made[name]), keep(wanted[name]), keep(seen[name])] for name in made}


def freeze_test(animator: Animator, case: Case) -> float:
    """Change from frame to frame while the driver holds still, once what the start stirred up has settled."""
    count = round(FROZEN_S * case.frame_rate)
    held = np.repeat(case.landmarks[len(case.landmarks) // 2][None], count, 0)
    frames = animate(animator, case.portraits, case.portrait_landmarks, held, case.frame_rate)
    return m.unrest(frames[round(SETTLING_S * case.frame_rate) :])


def drift_test(animator: Animator, case: Case, judges: Judges, seconds: float, samples: int = 12) -> dict[str, list[float]]:
    """The clip driven to and fro for so long; every look is at the same pose, so that only time can change it."""
    there_and_back = np.concatenate([case.landmarks, case.landmarks[::-1]])
    rounds = max(2, round(seconds * case.frame_rate / len(there_and_back)))
    looks = set(np.linspace(0, rounds - 1, min(samples, rounds)).round().astype(int) * len(there_and_back) + len(case.landmarks) - 1)
    stream = animator.stream(case.portraits, case.portrait_landmarks, np.tile(there_and_back, (rounds, 1, 1)), case.frame_rate)
    kept = [(i, frame) for i, frame in enumerate(stream) if i in looks]
    frames, points = np.stack([f for _, f in kept]), np.repeat(case.landmarks[-1][None], len(kept), 0)
    face = region_masks(case.landmarks[-1], case.portraits.shape[1], None)["face"]
    out = {"seconds": [i / case.frame_rate for i, _ in kept], "sharpness": [m.sharpness(f, face) for f in frames]}
    out["change from first, 0..1"] = [float(np.abs(f.astype(np.float32) - frames[0]).mean() / 255) for f in frames]
    if judges.identity is not None:
        out["identity"] = cosine(judges.identity.embed(frames, points), Scorer(case, judges).subject).tolist()
    return {name: [round(float(v), 6) for v in values] for name, values in out.items()}


def _pooled(maps: list[np.ndarray], mask: np.ndarray) -> float:
    """Mean over the layers of one frame's distance maps within a mask [S, S]; as perceptual.pool_maps."""
    values = []
    for distance in maps:
        weight = cv2.resize(mask, distance.shape[::-1], interpolation=cv2.INTER_AREA)
        values.append(float((distance * weight).sum() / max(float(weight.sum()), 1e-6)))
    return float(np.mean(values))


def mean_figures(rows: list[Figures]) -> Figures:
    """Of each name over the rows that have it, NaN apart."""
    names = dict.fromkeys(name for row in rows for name in row)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a figure that no row has stays NaN
        return {name: float(np.nanmean([row.get(name, np.nan) for row in rows])) for name in names}
