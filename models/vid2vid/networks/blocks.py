"""Small pieces that several networks share."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


def conv(inputs: int, outputs: int, *, stride: int = 1, kernel: int = 3) -> nn.Conv2d:
    layer = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2)
    nn.init.kaiming_normal_(layer.weight, a=0.2, nonlinearity="leaky_relu")
    nn.init.zeros_(layer.bias)
    return layer


def activate(x: Tensor) -> Tensor:
    """Leaky ReLU: fused with the convolution before it by ONNX Runtime, as PReLU is not."""
    return F.leaky_relu(x, 0.2)


def double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="nearest")


def enlarge(x: Tensor, factor: int) -> Tensor:
    return F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


def warp(picture: Tensor, places: Tensor) -> Tensor:
    """`picture` [B, C, N, N] sampled at `places` [B, 2, S, S] (x, y in -1..1).

    Places are kept inside by clamping, which gives a repeated border on GridSample's fastest path (linear, zeros, align_corners 0).
    """
    limit = 1 - 1 / int(picture.shape[3])
    grid = places.float().clamp(-limit, limit).permute(0, 2, 3, 1)
    return F.grid_sample(picture.float(), grid, mode="bilinear", padding_mode="zeros", align_corners=False)


class SketchEncoder(nn.Module):
    """Semantic map [B, 5, S/2, S/2] -> embeddings at S/2, S/4, S/8, S/16. Shared by portraits (keys) and frames (query, modulation)."""

    def __init__(self, channels: int, widths: tuple[int, int, int, int], pose: int):
        super().__init__()
        self.levels = nn.ModuleList([conv(channels, widths[0]), *(conv(a, b, stride=2) for a, b in zip(widths, widths[1:]))])
        self.pose = nn.Linear(pose, widths[2])
        nn.init.zeros_(self.pose.weight), nn.init.zeros_(self.pose.bias)

    def forward(self, sketch: Tensor, pose: Tensor) -> list[Tensor]:
        out, x = [], sketch
        for level, layer in enumerate(self.levels):
            x = layer(x)
            if level == 2:  # how the head stands, which lines alone tell poorly
                x = x + self.pose(pose)[:, :, None, None]
            x = activate(x)
            out.append(x)
        return out
