"""Eye balls turn behind the lids: inside of an eye's opening the portrait's iris is carried to where this frame's is, which skin around it
never shows."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from . import topology as t
from .blocks import warp
from .geometry import centres
from .openings import eye_openings, region

FULL, NONE = 1.2, 2.4  # of an iris's radius aside of its middle: the ball moves wholly up to here, and no more from there
MOST = 1.6  # of the radius: further no eye turns


class EyeBalls(nn.Module):
    """How far the balls turn; `turned` draws it."""

    def __init__(self):
        super().__init__()
        self.openings = eye_openings()

    def forward(self, points: Tensor, portrait: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
        """Points of the frame and of the portrait [B, 478, 3] (-1..1), the flow [B, 2, F, F] between them -> both eyes' knots [B, 2, 2, P,
        2], and of each [B, 2, 4]: what is to be added to the flow in it (x, y), its iris's middle (x) and radius."""
        knots, turns = [], []
        for opening, iris in zip(self.openings, t.IRISES):
            middle, rim = points[:, iris[0], :2], points[:, iris[1:], :2]
            radius = (rim - middle[:, None]).norm(dim=2).mean(1, keepdim=True).clamp(min=1e-3)
            moved = warp(flow, middle[:, :, None, None])[:, :, 0, 0]
            missing = portrait[:, iris[0], :2] - middle - moved
            missing = torch.minimum(torch.maximum(missing, -MOST * radius), MOST * radius)
            knots.append(opening.knots(points))
            turns.append(torch.cat([missing, middle[:, :1], radius], 1))
        return torch.stack(knots, 1), torch.stack(turns, 1)


def turned(knots: Tensor, turns: Tensor, size: int) -> Tensor:
    """What the eye balls move beyond the flow of what is around them, from what EyeBalls says: [B, 2, size, size]."""
    axis = centres(size, knots.device)[None]
    added = 0
    for lids, turn in zip(knots.unbind(1), turns.unbind(1)):
        share = ((NONE - (axis - turn[:, 2:3]).abs() / turn[:, 3:]) / (NONE - FULL)).clamp(0, 1)
        added = added + (region(lids, axis, axis) * share[:, None])[:, None] * turn[:, :2, None, None]
    return added
