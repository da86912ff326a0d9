"""The mouth's inside from a portrait that shows it: a layer of its own behind the lips, which moves as skull and jaw do and not as skin."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from . import topology as t
from .blocks import warp
from .geometry import centres, head_axes
from .openings import mouth_opening, region, rims

WINDOW = 3 / 8  # side of the square in which a mouth is put together, of the picture's
JAW_FROM, JAW_OVER = 0.45, 0.2  # of the opening's height: from there on the jaw's motion counts
WIDE = (0.1, 0.16)  # of the face's size: from such an opening on it shows what goes with the jaw
UPPER_MIDDLE, LOWER_MIDDLE = 13, 14  # of the inner lips
RIM = 0.008  # below the lender's upper lip begins what is no lip
BRIGHT = 0.75  # of the cheeks' light: what a tooth has at least
LUMA = (0.299, 0.587, 0.114)
INSET = 1.0  # of the lent mouth: nothing of its lips goes along
LEAST_SHARE = 0.05  # of the lent mouth in a sample that is still taken for it
LEAST_HEIGHT = 1e-3  # of an opening that is halved


class MouthInterior(nn.Module):
    """Who lends an open mouth, and how it lies in a frame's; `cut` and `inside` draw it."""

    def __init__(self, size: int):
        """`size`: side of the pictures in which a lender is looked for."""
        super().__init__()
        self.opening = mouth_opening()
        self.register_buffer("axis", centres(size)[None], persistent=False)
        self.register_buffer("luma", torch.tensor(LUMA).view(1, 3, 1, 1), persistent=False)

    def lender(self, portraits: Tensor, points: Tensor) -> Tensor:
        """Of portraits [K, 3, N, N] 0..1 with points [K, 478, 3] (-1..1) the one that shows most teeth, int64 [1]."""
        mask = self.opening(points, self.axis, self.axis, inset=INSET)[:, None]
        light = (portraits * self.luma).sum(1, keepdim=True)
        grey = portraits.amin(1, keepdim=True) / portraits.amax(1, keepdim=True).clamp(min=0.05)  # teeth have little colour
        cheeks = points[:, t.CHEEKS, :2].transpose(1, 2)[..., None]
        usual = (warp(portraits, cheeks) * self.luma).sum((1, 2, 3)) / len(t.CHEEKS)
        tooth = ((light / usual.clamp(min=0.05)[:, None, None, None] - BRIGHT + 0.4 * (grey - 0.6)) * 4).clamp(0.02, 1)
        shown = (mask * tooth).sum((1, 2, 3)) * torch.exp(-2 * head_axes(points)[:, 8])
        return shown.argmax(0, keepdim=True)

    def forward(self, lender: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        """Points of the lender and of the frame [B, 478, 3] (-1..1) -> the frame's opening as knots [B, 2, P, 2], and [B, 10]: where what
        it shows lies in the lender's picture (a matrix [2, 2] and a shift [2]), how much further what goes with the jaw [2], the middle of
        the frame's mouth [2]."""
        turn = _linear(points, lender)
        upper, lower = (self._root(lender, root) - (turn @ self._root(points, root)) for root in (t.UPPER_ROOT, t.LOWER_ROOT))
        upper = upper + self._hung(turn @ points[:, UPPER_MIDDLE, :2, None] + upper, lender)
        jaw = self._jaw_shows(lender) * (lower - upper)
        ring = points[:, t.OUTER_LIPS, :2]
        middle = (ring.amin(1) + ring.amax(1)) / 2
        return self.opening.knots(points), torch.cat([turn.flatten(1), upper.flatten(1), jaw.flatten(1), middle], 1)

    @staticmethod
    def _jaw_shows(lender: Tensor) -> Tensor:
        """[B, 1, 1] whether what lies above the lender's lower lip goes with the jaw: in a smile it is still the upper teeth."""
        gap = (lender[:, LOWER_MIDDLE, 1] - lender[:, UPPER_MIDDLE, 1]) * torch.exp(-head_axes(lender)[:, 8])
        return ((gap - WIDE[0]) / (WIDE[1] - WIDE[0])).clamp(0, 1)[:, None, None]

    @staticmethod
    def _hung(rim: Tensor, lender: Tensor) -> Tensor:
        """A shift [B, 2, 1] so that a lip which is raised further than the lender's, whose middle would lie at `rim` [B, 2, 1], does not
        uncover nothing."""
        down = (lender[:, UPPER_MIDDLE, 1] + RIM - rim[:, 1, 0]).clamp(min=0)
        return torch.stack([torch.zeros_like(down), down], 1)[..., None]

    @staticmethod
    def _root(points: Tensor, root: list[int]) -> Tensor:
        return points[:, root, :2].mean(1)[..., None]


def cut(portrait: Tensor, knots: Tensor) -> Tensor:
    """The open mouth of a portrait [1, 3, S, S] between its lips' knots [1, 2, P, 2], with its mask: [1, 4, S, S], all 0 outside."""
    axis = centres(portrait.shape[3], portrait.device)[None]
    mask = region(knots, axis, axis, inset=INSET)[:, None]
    return torch.cat([portrait * mask, mask], 1)


def inside(interior: Tensor, knots: Tensor, motion: Tensor) -> tuple[Tensor, Tensor]:
    """A lender's mouth [B, 4, S, S] in a frame's, which MouthInterior tells of: its picture [B, 3, S, S], and where it has something to
    show [B, 1, S, S]."""
    size = interior.shape[3]
    side = int(size * WINDOW)
    # the window's first column and row, whole pixels inside of the picture
    corner = ((motion[:, 8:] + 1) * (size / 2) - side / 2).round().clamp(0, size - side).long()
    window = torch.arange(side, device=interior.device)[None]
    columns, rows = (((corner[:, i : i + 1] + window) * 2 + 1) / size - 1 for i in range(2))
    made = warp(interior, _places(knots, motion, columns, rows))
    return place(made[:, :3] / made[:, 3:].clamp(min=LEAST_SHARE), corner, size), place(made[:, 3:], corner, size)


def _places(knots: Tensor, motion: Tensor, columns: Tensor, rows: Tensor) -> Tensor:
    """Where in the lender's picture what lies at `columns` [B, W] and `rows` [B, H] comes from: [B, 2, H, W]."""
    upper, lower, _ = rims(knots, columns)
    down = (rows[:, :, None] - upper[:, None]) / (lower - upper).clamp(min=LEAST_HEIGHT)[:, None]
    jaw = ((down - JAW_FROM) / JAW_OVER).clamp(0, 1)[:, None]
    grid = torch.stack([columns[:, None].expand(-1, rows.shape[1], -1), rows[:, :, None].expand(-1, -1, columns.shape[1])], 1)
    turned = (motion[:, :4].unflatten(1, (2, 2)) @ grid.flatten(2)).unflatten(2, grid.shape[2:])
    return turned + motion[:, 4:6, None, None] + jaw * motion[:, 6:8, None, None]


def _linear(points: Tensor, lender: Tensor) -> Tensor:
    """[B, 2, 2] the affine motion of the skull's points from this frame to the lender's, without its shift."""
    now, then = (p[:, t.SKULL, :2] - p[:, t.SKULL, :2].mean(1, keepdim=True) for p in (points, lender))
    spread, moved = now.transpose(1, 2) @ now, then.transpose(1, 2) @ now
    a, b, c, d = spread[:, 0, 0], spread[:, 0, 1], spread[:, 1, 0], spread[:, 1, 1]
    inverse = torch.stack([torch.stack([d, -b], 1), torch.stack([-c, a], 1)], 1) / (a * d - b * c).clamp(min=1e-6)[:, None, None]
    return moved @ inverse


def place(window: Tensor, corner: Tensor, size: int) -> Tensor:
    """window [B, C, N, N] at `corner` [B, 2] (x, y) of an empty picture: [B, C, size, size]."""
    side = window.shape[3]
    padded = nn.functional.pad(window, (1, 1, 1, 1))
    at = (torch.arange(size, device=window.device)[None, None] - corner[:, :, None] + 1).clamp(0, side + 1)  # [B, 2, size]
    columns = padded.gather(3, at[:, 0][:, None, None].expand(-1, padded.shape[1], side + 2, -1))
    return columns.gather(2, at[:, 1][:, None, :, None].expand(-1, padded.shape[1], -1, size))
