"""Training samples from stored sources: portraits of a person, and consecutive frames to be made from them."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..config import DataConfig
from ..networks.topology import HEIGHT, WIDTH
from .store import PersonEntry, SourceReader

WINDOWS = 4  # of which the one with the widest mouth is taken, for a share of the samples
LUMA = (0.299, 0.587, 0.114)  # BT.601


@dataclass
class Batch:
    """B people with K portraits, C clips of T frames each; the frame before a clip's first comes along as `before`."""

    portraits: Tensor  # [B, K, 3, S, S] 0..1
    portrait_landmarks: Tensor  # [B, K, 478, 3] picture widths
    plate: Tensor  # [B, 3, S, S] the background without the person
    frames: Tensor  # [B, C, T, 3, S, S] 0..1
    landmarks: Tensor  # [B, C, T, 478, 3]
    before: Tensor  # [B, C, 3, S, S]
    before_landmarks: Tensor  # [B, C, 478, 3]
    flow: Tensor  # [B, C, T, K, 2, F, F] to each portrait, -1..1 units
    seen: Tensor  # [B, C, T, K, F, F] 0..1
    flow_previous: Tensor  # [B, C, T, 2, F, F]
    seen_previous: Tensor  # [B, C, T, F, F]
    head: Tensor  # [B, C, T, F, F] 0..1: the person
    exact: Tensor  # [B] 1 where flow, seen and head are known


class Sampler:
    """Draws batches. The same seed and step give the same batch, on any device."""

    def __init__(
        self,
        root: Path,
        config: DataConfig,
        *,
        seed: int,
        size: int,
        mirror: np.ndarray,
        device: str = "cpu",
        resident: bool = False,
        held_out: bool = False,
    ):
        """`mirror` [478]: the landmark that each becomes in a mirror. `resident`: sources are copied to the device once."""
        self.config, self.seed, self.size, self.device = config, seed, size, device
        self.mirror = torch.from_numpy(mirror).to(device)
        self.people: list[list[PersonEntry]] = []
        self.arrays: list[dict[str, Tensor]] = []
        self.numbers: list[dict[str, int]] = []  # of a person in the source's index
        weights = []
        for name, weight in config.sources.items():
            reader = SourceReader(Path(root) / name)
            people = [p for p in reader.people(held_out=held_out) if p.clips]
            if not people and held_out:
                continue  # a source that was carried here without its held-out people
            if not people:
                raise ValueError(f"The source {name} has nobody to train on")
            weights.append(weight)
            self.people.append(people[: max(1, math.ceil(len(people) * (1 if held_out else config.people)))])
            kinds = ("frames", "landmarks", "flow_reference", "seen_reference", "flow_previous", "seen_previous", "head")
            arrays = {k: reader.array(k) for k in (*kinds, "plate")}
            if arrays["plate"] is None:
                raise ValueError(f"The source {name} has no plates: python -m vid2vid.data.plates --root {root} --sources {name}")
            self.numbers.append({p.name: n for n, p in enumerate(reader.source.people)})
            self.arrays.append({k: self._load(v, resident) for k, v in arrays.items() if v is not None})
        if not weights:
            raise ValueError("No source has people held out to be looked at")
        self.weights = np.array(weights, float) / sum(weights)

    def _load(self, array: np.ndarray, resident: bool) -> Tensor:
        with warnings.catch_warnings():  # mapped read-only, and only ever read
            warnings.simplefilter("ignore", UserWarning)
            tensor = torch.from_numpy(array)
        return tensor.to(self.device) if resident else tensor

    def batch(self, step: int, people: int) -> Batch:
        random = np.random.default_rng([self.seed, step])
        k = int(random.integers(self.config.portraits[0], self.config.portraits[1] + 1))
        return stack([self._sample(random, k) for _ in range(people)])

    def _sample(self, random: np.random.Generator, k: int) -> dict[str, Tensor]:
        source = int(random.choice(len(self.weights), p=self.weights))
        person = self.people[source][int(random.integers(len(self.people[source])))]
        order = random.permutation(person.references)
        chosen = np.resize(order, k)  # someone with fewer portraits shows some twice
        c = self.config
        windows = []
        for _ in range(c.clips):
            drawn = [self._window(person, random) for _ in range(WINDOWS if random.random() < c.open_mouths else 1)]
            windows.append(max(drawn, key=lambda rows: self._opening(source, rows)) if len(drawn) > 1 else drawn[0])
        index = np.stack(windows)  # [C, T + 1], the first is the frame before
        sample = self._gather(self.arrays[source], person.start + chosen, chosen, index)
        sample["plate"] = self._picture(self.arrays[source]["plate"][self.numbers[source][person.name]].to(self.device)[None])[0]
        return self._augment(sample, random)

    def _window(self, person: PersonEntry, random: np.random.Generator) -> np.ndarray:
        """Consecutive frames' numbers, the first of which is the frame before."""
        clip = person.clips[int(random.integers(len(person.clips)))]
        last = max(0, clip.length - (self.config.frames + 1))
        start = clip.start + int(random.integers(last + 1))
        return np.minimum(start + np.arange(self.config.frames + 1), clip.start + clip.length - 1)

    def _opening(self, source: int, rows: np.ndarray) -> float:
        """How wide the mouth is in a stretch's last frame, over the face's height."""
        points = self.arrays[source]["landmarks"][int(rows[-1])]
        return float((points[13] - points[14]).norm() / (points[HEIGHT[0]] - points[HEIGHT[1]]).norm().clamp(min=1e-3))

    def _gather(self, arrays: dict[str, Tensor], portraits: np.ndarray, chosen: np.ndarray, index: np.ndarray) -> dict[str, Tensor]:
        def take(name: str, rows: np.ndarray) -> Tensor:
            flat = arrays[name][torch.from_numpy(rows.reshape(-1)).to(arrays[name].device)]
            return flat.to(self.device).unflatten(0, rows.shape)

        pictures, frames = take("frames", portraits), take("frames", index)
        out = {
            "portraits": self._picture(pictures),
            "portrait_landmarks": take("landmarks", portraits).float(),
            "all_frames": self._picture(frames),
            "all_landmarks": take("landmarks", index).float(),
        }
        exact = "flow_reference" in arrays
        f, shape = self.size // 4, index[:, 1:].shape
        if exact:
            rows = torch.from_numpy(chosen).to(self.device)
            out["flow"] = self._resize(take("flow_reference", index[:, 1:]).index_select(2, rows).permute(0, 1, 2, 5, 3, 4).float() * 2, f)
            out["seen"] = self._resize(take("seen_reference", index[:, 1:]).index_select(2, rows).float() / 255, f)
            still = torch.from_numpy(index[:, 1:] == index[:, :-1]).to(self.device)[:, :, None, None]
            previous = take("flow_previous", index[:, 1:]).permute(0, 1, 4, 2, 3).float() * 2
            out["flow_previous"] = self._resize(torch.where(still[:, :, None], 0, previous), f)
            out["seen_previous"] = self._resize(torch.where(still, 1, take("seen_previous", index[:, 1:]).float() / 255), f)
            out["head"] = (
                self._resize(take("head", index[:, 1:]).float() / 255, f)
                if "head" in arrays
                else torch.ones(*shape, f, f, device=self.device)
            )
        else:
            k = len(chosen)
            blank = lambda *sides: torch.zeros(*shape, *sides, device=self.device)  # noqa: E731
            out |= {
                "flow": blank(k, 2, f, f),
                "seen": blank(k, f, f),
                "flow_previous": blank(2, f, f),
                "seen_previous": blank(f, f),
                "head": blank(f, f) + 1,
            }
        out["exact"] = torch.tensor(float(exact), device=self.device)
        return out

    def _picture(self, frames: Tensor) -> Tensor:
        """uint8 [..., S', S', 3] -> float [..., 3, S, S] 0..1."""
        x = frames.movedim(-1, -3).float() / 255
        if x.shape[-1] != self.size:
            x = F.interpolate(x.flatten(0, -4), size=(self.size, self.size), mode="area").unflatten(0, x.shape[:-3])
        return x

    @staticmethod
    def _resize(x: Tensor, side: int) -> Tensor:
        if x.shape[-1] == side:
            return x
        lead = x.shape[:-2]
        return F.interpolate(x.reshape(1, -1, *x.shape[-2:]), size=(side, side), mode="area").reshape(*lead, side, side)

    def _augment(self, sample: dict[str, Tensor], random: np.random.Generator) -> dict[str, Tensor]:
        """One gain and gamma per person, now and then no colours, a mirror; noise on what the driver's points say."""
        c = self.config
        gain = torch.tensor(np.exp(random.normal(0, c.colour) + random.normal(0, c.colour / 2, 3)), device=self.device, dtype=torch.float32)
        gamma = float(np.exp(random.normal(0, c.colour)))
        for name in ("portraits", "all_frames", "plate"):
            sample[name] = (sample[name].clamp(min=1e-4) ** gamma * gain[:, None, None]).clamp(0, 1)
        if c.grey and random.random() < c.grey:
            tone = torch.tensor(np.exp(random.normal(0, c.colour, 3)), device=self.device, dtype=torch.float32)
            for name in ("portraits", "all_frames", "plate"):
                luma = (sample[name] * sample[name].new_tensor(LUMA)[:, None, None]).sum(-3, keepdim=True)
                sample[name] = (luma * tone[:, None, None]).clamp(0, 1)
        if random.random() < c.flip:
            self._mirror(sample)
        noise = torch.tensor(random.normal(0, c.landmark_noise, sample["all_landmarks"].shape), device=self.device, dtype=torch.float32)
        sample["all_landmarks"] = sample["all_landmarks"] + noise
        return sample

    def _mirror(self, sample: dict[str, Tensor]) -> None:
        for name in ("portraits", "all_frames", "plate", "flow", "seen", "flow_previous", "seen_previous", "head"):
            sample[name] = sample[name].flip(-1)
        for name in ("flow", "flow_previous"):
            sample[name] = sample[name] * sample[name].new_tensor([-1.0, 1.0])[:, None, None]
        for name in ("portrait_landmarks", "all_landmarks"):
            points = sample[name].index_select(-2, self.mirror)
            sample[name] = torch.cat([1 - points[..., :1], points[..., 1:]], -1)


def stack(samples: list[dict[str, Tensor]]) -> Batch:
    joined = {name: torch.stack([s[name] for s in samples]) for name in samples[0]}
    frames, points = joined.pop("all_frames"), joined.pop("all_landmarks")
    return Batch(frames=frames[:, :, 1:], before=frames[:, :, 0], landmarks=points[:, :, 1:], before_landmarks=points[:, :, 0], **joined)


def head_direction(landmarks: Tensor) -> Tensor:
    """[..., 478, 3] -> [..., 2] yaw and pitch in degrees, to be compared with each other."""
    across = landmarks[..., WIDTH[1], :] - landmarks[..., WIDTH[0], :]
    down = landmarks[..., HEIGHT[1], :] - landmarks[..., HEIGHT[0], :]
    yaw = torch.atan2(across[..., 2], across[..., :2].norm(dim=-1))
    pitch = torch.atan2(down[..., 2], down[..., :2].norm(dim=-1))
    return torch.rad2deg(torch.stack([yaw, pitch], -1))


def nearest_portrait(portraits: Tensor, landmarks: Tensor) -> Tensor:
    """portraits [B, K, 478, 3], landmarks [B, 478, 3] -> int64 [B]: the portrait whose head looks most alike."""
    return (head_direction(portraits) - head_direction(landmarks)[:, None]).norm(dim=-1).argmin(1)
