"""The mouth's inside from a portrait that shows it: a layer of its own behind the lips, which moves as skull and jaw do and not as skin."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from . import topology as t
from .blocks import warp
from .geometry import centres, head_axes
from .openings import Curves, mouth_opening

WINDOW = 3 / 8  # side of the square in which a mouth is put together, of the picture's
JAW_FROM, JAW_OVER = 0.45, 0.2  # of the opening's height: from there on the jaw's motion counts
WIDE = (0.1, 0.16)  # of the face's size: from such an opening on it shows what goes with the jaw
UPPER_MIDDLE, LOWER_MIDDLE = 13, 14  # of the inner lips
RIM = 0.008  # below the lender's upper lip begins what is no lip
BRIGHT = 0.75  # of the cheeks' light: what a tooth has at least
LUMA = (0.299, 0.587, 0.114)


class MouthInterior(nn.Module):
    def __init__(self, size: int):
        super().__init__()
        self.size, self.side = size, int(size * WINDOW)
        self.opening, self.rims = mouth_opening(), Curves(t.INNER_UPPER_LIP, t.INNER_LOWER_LIP)
        self.register_buffer("axis", centres(size)[None], persistent=False)
        self.register_buffer("luma", torch.tensor(LUMA).view(1, 3, 1, 1), persistent=False)

    def lend(self, portraits: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        """Of portraits [K, 3, S, S] 0..1 with points [K, 478, 3] (-1..1) the one that shows most teeth: its picture with the mask of its
        open mouth [1, 4, S, S] (all 0 outside), and which one it is, int64 [1]."""
        mask = self.opening(points, self.axis, self.axis, inset=1.0)[:, None]
        light = (portraits * self.luma).sum(1, keepdim=True)
        grey = portraits.amin(1, keepdim=True) / portraits.amax(1, keepdim=True).clamp(min=0.05)  # teeth have little colour
        cheeks = points[:, t.CHEEKS, :2].transpose(1, 2)[..., None]
        usual = (warp(portraits, cheeks) * self.luma).sum((1, 2, 3)) / len(t.CHEEKS)
        tooth = ((light / usual.clamp(min=0.05)[:, None, None, None] - BRIGHT + 0.4 * (grey - 0.6)) * 4).clamp(0.02, 1)
        shown = (mask * tooth).sum((1, 2, 3)) * torch.exp(-2 * head_axes(points)[:, 8])
        lender = shown.argmax(0, keepdim=True)
        mask = mask.index_select(0, lender)
        return torch.cat([portraits.index_select(0, lender) * mask, mask], 1), lender

    def forward(self, interior: Tensor, lender: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        """interior [B, 4, S, S] of a lender with points [B, 478, 3]; the frame's points [B, 478, 3] -> the lender's mouth in this frame's
        opening [B, 3, S, S] and where it has something to show [B, 1, S, S]."""
        corner = self._corner(points)
        window = torch.arange(self.side, device=points.device)[None]
        columns, rows = (((corner[:, i : i + 1] + window) * 2 + 1) / self.size - 1 for i in range(2))
        places = self.places(points, lender, columns, rows)
        made = warp(interior, places)
        return place(made[:, :3] / made[:, 3:].clamp(min=0.05), corner, self.size), place(made[:, 3:], corner, self.size)

    def places(self, points: Tensor, lender: Tensor, columns: Tensor, rows: Tensor) -> Tensor:
        """Where in the lender's picture what lies at `columns` [B, W] and `rows` [B, H] comes from: [B, 2, H, W]."""
        upper, lower, _ = self.rims(points, columns)
        down = (rows[:, :, None] - upper[:, None]) / (lower - upper).clamp(min=1e-3)[:, None]
        jaw = ((down - JAW_FROM) / JAW_OVER).clamp(0, 1)[:, None] * self._jaw_shows(lender)
        turn = _linear(points, lender)
        grid = torch.stack([columns[:, None].expand(-1, rows.shape[1], -1), rows[:, :, None].expand(-1, -1, columns.shape[1])], 1)
        shift = [self._root(lender, root) - (turn @ self._root(points, root)) for root in (t.UPPER_ROOT, t.LOWER_ROOT)]
        shift[0] = shift[0] + self._hung(turn @ points[:, UPPER_MIDDLE, :2, None] + shift[0], lender)
        turned = (turn @ grid.flatten(2)).unflatten(2, grid.shape[2:])
        return turned + shift[0][..., None] + jaw * (shift[1] - shift[0])[..., None]

    @staticmethod
    def _jaw_shows(lender: Tensor) -> Tensor:
        """[B, 1, 1, 1] whether what lies above the lender's lower lip goes with the jaw: in a smile it is still the upper teeth."""
        gap = (lender[:, LOWER_MIDDLE, 1] - lender[:, UPPER_MIDDLE, 1]) * torch.exp(-head_axes(lender)[:, 8])
        return ((gap - WIDE[0]) / (WIDE[1] - WIDE[0])).clamp(0, 1)[:, None, None, None]

    @staticmethod
    def _hung(rim: Tensor, lender: Tensor) -> Tensor:
        """A shift [B, 2, 1] so that a lip which is raised further than the lender's, whose middle would lie at `rim` [B, 2, 1], does not
        uncover nothing."""
        down = (lender[:, UPPER_MIDDLE, 1] + RIM - rim[:, 1, 0]).clamp(min=0)
        return torch.stack([torch.zeros_like(down), down], 1)[..., None]

    @staticmethod
    def _root(points: Tensor, root: list[int]) -> Tensor:
        return points[:, root, :2].mean(1)[..., None]

    def _corner(self, points: Tensor) -> Tensor:
        """The window's first column and row, whole pixels inside of the picture: int64 [B, 2]."""
        ring = points[:, t.OUTER_LIPS, :2]
        middle = (ring.amin(1) + ring.amax(1)) / 2
        return ((middle + 1) * (self.size / 2) - self.side / 2).round().clamp(0, self.size - self.side).long()


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
    if window.shape[0] == 1:  # plain gathers, which export well
        return padded.index_select(3, at[0, 0]).index_select(2, at[0, 1])
    columns = padded.gather(3, at[:, 0][:, None, None].expand(-1, padded.shape[1], side + 2, -1))
    return columns.gather(2, at[:, 1][:, None, :, None].expand(-1, padded.shape[1], -1, size))
