"""The openings of mouth and eyes as regions, and which side of the lips a place is on. Part of the exported graph.

An opening lies between an upper and a lower curve from corner to corner. Each column of the picture crosses both once, so that the curves
are functions of x and a region of any size costs a few operations on [size, size], however wide it opens. A region is told by its curves'
knots: the server draws it from them at the output's size (kernel/regions.ts), as `region` does here."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from . import topology as t

SOFT = 0.014  # width of a region's edge; the picture's half side is 1
LIPS_SOFT = 0.02  # width in which the lips' sides meet, at the corners; beyond them it grows by SPREAD of the way
SPREAD = 0.5
LEAST_STEP = 1e-3  # between two points of a curve, across


class Curves(nn.Module):
    """The upper and the lower rim of an opening: as knots, and at given columns."""

    def __init__(self, upper: list[int], lower: list[int]):
        super().__init__()
        self.count = len(upper)
        self.register_buffer("rings", torch.tensor([*upper, *lower]), persistent=False)
        self.register_buffer("later", torch.triu(torch.full((len(upper), len(upper)), -9.0), 1), persistent=False)

    def knots(self, points: Tensor) -> Tensor:
        """points [B, 478, 2+] (-1..1) -> upper and lower curve, from left to right: [B, 2, P, 2]."""
        at = points.index_select(1, self.rings)[..., :2].unflatten(1, (2, self.count))
        x = (at[:, :, None, :, 0] + self.later).amax(3)  # a steep tilt turns a corner's points round: none lies left of the one before
        return torch.stack([x, at[..., 1]], 3)

    def forward(self, points: Tensor, columns: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """points [B, 478, 2+], columns [1 or B, W] (-1..1): see `rims`."""
        return rims(self.knots(points), columns)


def rims(knots: Tensor, columns: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """knots [B, 2, P, 2], columns [1 or B, W] (-1..1) -> upper and lower y [B, W], and how far beyond the upper one's corners a column
    is."""
    x, y = knots.unbind(3)
    steps = (x[:, :, 1:] - x[:, :, :-1]).clamp(min=LEAST_STEP)
    passed = ((columns[:, None, :, None] - x[:, :, None, :-1]) / steps[:, :, None]).clamp(0, 1)
    upper, lower = (y[:, :, :1] + (passed @ (y[:, :, 1:] - y[:, :, :-1])[..., None])[..., 0]).unbind(1)
    return upper, lower, (x[:, 0, :1] - columns).clamp(min=0) + (columns - x[:, 0, -1:]).clamp(min=0)


def region(knots: Tensor, columns: Tensor, rows: Tensor, inset: float = 0.0) -> Tensor:
    """1 inside of an opening, 0 outside, with a soft edge; nothing where it is shut. knots [B, 2, P, 2], columns [1 or B, W], rows [1 or B,
    H] -> [B, H, W]. `inset`: how much further in the edge lies, in widths of it."""
    upper, lower, beyond = rims(knots, columns)
    gap = ((lower - upper) / SOFT).clamp(0, 1)
    inside = torch.minimum(rows[:, :, None] - (upper + beyond)[:, None], (lower - beyond)[:, None] - rows[:, :, None])
    return (inside / SOFT + (0.5 - inset)).clamp(0, 1) * gap[:, None]


class Opening(Curves):
    """The region between an opening's rims."""

    def forward(self, points: Tensor, columns: Tensor, rows: Tensor, inset: float = 0.0) -> Tensor:
        """points [B, 478, 2+]; see `region`."""
        return region(self.knots(points), columns, rows, inset)


def mouth_opening() -> Opening:
    return Opening(t.INNER_UPPER_LIP, t.INNER_LOWER_LIP)


def eye_openings() -> nn.ModuleList:
    return nn.ModuleList([Opening(upper, lower) for upper, lower in zip(t.UPPER_LIDS, t.LOWER_LIDS)])


class LipSide(Curves):
    """Which side of the line between the lips a place is on."""

    def __init__(self):
        super().__init__(t.INNER_UPPER_LIP, t.INNER_LOWER_LIP)

    def forward(self, points: Tensor, columns: Tensor, rows: Tensor) -> Tensor:
        """[B, H, W] 0 above, 1 below; between them beyond the corners, where there are no sides."""
        upper, lower, beyond = super().forward(points, columns)
        width = 2 * (LIPS_SOFT + SPREAD * beyond)[:, None]
        return (0.5 + (rows[:, :, None] - ((upper + lower) / 2)[:, None]) / width).clamp(0, 1)
