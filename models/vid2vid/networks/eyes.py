"""Eye balls turn behind the lids: inside of an eye's opening the portrait's iris is carried to where this frame's is, which skin around it
never shows."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from . import topology as t
from .blocks import warp
from .geometry import centres
from .openings import eye_openings

FULL, NONE = 1.2, 2.4  # of an iris's radius aside of its middle: the ball moves wholly up to here, and no more from there
MOST = 1.6  # of the radius: further no eye turns


class EyeBalls(nn.Module):
    def __init__(self, size: int):
        super().__init__()
        self.openings = eye_openings()
        self.register_buffer("axis", centres(size)[None], persistent=False)

    def forward(self, points: Tensor, portrait: Tensor, flow: Tensor) -> Tensor:
        """Points of the frame and of the portrait [B, 478, 3] (-1..1), the flow [B, 2, F, F] between them -> what is to be added to it [B,
        2, S, S]."""
        added = []
        for opening, iris in zip(self.openings, t.IRISES):
            middle, rim = points[:, iris[0], :2], points[:, iris[1:], :2]
            radius = (rim - middle[:, None]).norm(dim=2).mean(1, keepdim=True).clamp(min=1e-3)
            moved = warp(flow, middle[:, :, None, None])[:, :, 0, 0]
            missing = portrait[:, iris[0], :2] - middle - moved
            missing = torch.minimum(torch.maximum(missing, -MOST * radius), MOST * radius)
            share = ((NONE - (self.axis - middle[:, :1]).abs() / radius) / (NONE - FULL)).clamp(0, 1)
            added.append((opening(points, self.axis, self.axis) * share[:, None])[:, None] * missing[:, :, None, None])
        return added[0] + added[1]
