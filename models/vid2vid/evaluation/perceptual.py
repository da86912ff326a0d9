"""SqueezeNet distance: how unlike two pictures look to the first layers of SqueezeNet 1.0. Not LPIPS: nothing in it was fitted to human
judgements."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

LAYERS = ("conv1", "fire3", "fire5", "fire7")  # at S/2, S/4, S/8, S/8
ORDER = ("conv1", "fire2", "fire3", "fire4", "fire5", "fire6", "fire7", "fire8", "fire9")
POOLED_AFTER = ("conv1", "fire4", "fire8")
MEAN_BGR = (104.0, 117.0, 123.0)  # of the pictures it was trained on, 0..255
EPSILON = 1e-6

DEFAULT_WEIGHTS = Path(os.environ.get("SQUEEZENET") or Path(__file__).parents[4] / "shared/data/squeezenet/squeezenet10.npz")


class FeatureNetwork(nn.Module):
    """How unlike two pictures look to a frozen network whose forward gives feature maps."""

    def distance_maps(self, a: Tensor, b: Tensor) -> list[Tensor]:
        """Squared difference of the channels, each map's vectors brought to length 1: one [B, h, w] for each layer, 0..4."""
        return [(unit(x) - unit(y)).square().sum(1) for x, y in zip(self(a), self(b), strict=True)]

    def distance(self, a: Tensor, b: Tensor, mask: Tensor | None = None) -> Tensor:
        """-> [B], the mean over the layers. `mask` [B, 1, H, W], 0..1: where it counts; a picture with an empty mask gets 0."""
        return pool_maps(self.distance_maps(a, b), mask)


class SqueezeNetFeatures(FeatureNetwork):
    """Frozen feature maps of RGB pictures 0..1 [B, 3, H, W], H and W >= 64; nothing beyond the last layer asked for is computed."""

    def __init__(self, weights: Path | str = DEFAULT_WEIGHTS, layers: tuple[str, ...] = LAYERS):
        super().__init__()
        if not Path(weights).is_file():
            raise FileNotFoundError(
                f"{weights}: no weights of SqueezeNet there; "
                "name squeezenet10.npz with --perceptual or in the environment variable SQUEEZENET"
            )
        self.layers = layers
        self.blocks = ORDER[: 1 + max(ORDER.index(layer) for layer in layers)]
        self.register_buffer("mean", torch.tensor(MEAN_BGR).view(1, 3, 1, 1), persistent=False)
        with np.load(weights) as stored:
            for name in stored.files:
                if name.startswith(tuple(f"{block}." for block in self.blocks) + tuple(f"{block}__" for block in self.blocks)):
                    value = torch.from_numpy(stored[name].astype(np.float32))
                    self.register_buffer(_buffer_name(name), value, persistent=False)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """-> one map [B, C, h, w] for each of `layers`."""
        # The network has no padding before its first convolution; without it a map's cells would not lie over the picture's.
        x = F.pad(pictures.flip(1) * 255 - self.mean, (3, 3, 3, 3), mode="reflect")
        x = x.contiguous(memory_format=torch.channels_last)  # a third faster on a CPU
        maps: list[Tensor] = []
        for block in self.blocks:
            x = F.relu(self._conv("conv1", x, stride=2)) if block == "conv1" else self._fire(block, x)
            if block in self.layers:
                maps.append(x)
            if block in POOLED_AFTER and block != self.blocks[-1]:
                x = F.max_pool2d(x, 3, stride=2, ceil_mode=True)
        return maps

    def _conv(self, name: str, x: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
        return F.conv2d(x, getattr(self, f"{name}_w"), getattr(self, f"{name}_b"), stride=stride, padding=padding)

    def _fire(self, block: str, x: Tensor) -> Tensor:
        squeezed = F.relu(self._conv(f"{block}__conv1x1_1", x))
        wide = self._conv(f"{block}__conv3x3_2", squeezed, padding=1)
        return F.relu(torch.cat([self._conv(f"{block}__conv1x1_2", squeezed), wide], 1))


def pool_maps(maps: list[Tensor], mask: Tensor | None = None) -> Tensor:
    """Distance maps to one figure per picture [B], within a mask [B, 1, H, W] that is averaged down to each layer's size."""
    if mask is None:
        return torch.stack([m.mean((1, 2)) for m in maps]).mean(0)
    figures = []
    for m in maps:
        weight = F.interpolate(mask.float(), size=m.shape[1:], mode="area")[:, 0]
        figures.append((m * weight).sum((1, 2)) / weight.sum((1, 2)).clamp_min(EPSILON))
    return torch.stack(figures).mean(0)


def unit(x: Tensor) -> Tensor:
    return x * (x.square().sum(1, keepdim=True) + EPSILON).rsqrt()


def _buffer_name(name: str) -> str:
    return name.replace(".", "_")
