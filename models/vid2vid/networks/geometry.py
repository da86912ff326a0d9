"""What landmarks alone tell: the semantic map and the prior flow. Part of the exported graph, so that training and service cannot differ.

A Gaussian in two dimensions is the product of two in one, so a sum of them over N points at every pixel is a matrix product
[F, N] x [N, F]: drawing and scattered interpolation cost about a millisecond of one core, without any loop over pixels.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import topology as t
from .openings import LipSide, eye_openings, mouth_opening

LANDMARKS = 478

SKETCH_CHANNELS = 5  # contour, eyes and lips, inside of the mouth, opening of the eyes, irises
LINE_WIDTH = 0.016  # standard deviation of a drawn line; the picture's half side is 1
IRIS_WIDTH = 0.02
WIDEST_GAP = 0.6  # a line's width as a share of the gap between its points, at least

# Kernels of the prior flow: standard deviation and weight. The narrow one follows lids and lips, the next fills the cheeks between
# points, the wide one carries on beyond the face as the nearest part of it moves.
KERNELS = ((0.025, 1.0), (0.08, 0.03), (0.40, 0.0003))
WIDE_POINTS = 4  # the wide kernel needs only every so-manieth point
RIDGE = 0.02  # pull of the local slope to zero, as a share of the kernels' own spread


def in_full_precision(forward: Callable) -> Callable:
    """Places need more digits than bfloat16 has: far from the face the regression is a small difference of sums."""

    @functools.wraps(forward)
    def run(self: nn.Module, points: Tensor, *others) -> Tensor:
        with torch.autocast(points.device.type, enabled=False):
            return forward(self, points.float(), *others)

    return run


def centres(size: int, device: torch.device | None = None) -> Tensor:
    """[size] pixel centres in -1..1, as GridSample with align_corners 0 counts."""
    return (torch.arange(size, device=device, dtype=torch.float32) * 2 + 1) / size - 1


def identity_grid(size: int, device: torch.device | None = None) -> Tensor:
    """[2, size, size] x and y of each pixel's centre, -1..1."""
    axis = centres(size, device)
    return torch.stack([axis[None, :].expand(size, size), axis[:, None].expand(size, size)])


def to_picture(landmarks: Tensor) -> Tensor:
    """[..., 478, 3] in picture widths -> -1..1 (z by the same factor)."""
    scale = landmarks.new_tensor([2.0, 2.0, 2.0])
    return landmarks * scale - landmarks.new_tensor([1.0, 1.0, 0.0])


class Sketch(nn.Module):
    """Landmarks -> semantic map [B, 5, size, size], 0..1. Lines and irises are sums of Gaussians, openings are regions."""

    def __init__(self, size: int):
        super().__init__()
        self.size = size
        contour = t.along([t.closed(t.FACE_OVAL)], 3), t.along(t.BROWS, 3), t.along(t.NOSE, 3)
        eyes = [[*upper, *reversed(lower[:-1])] for upper, lower in zip(t.UPPER_LIDS, t.LOWER_LIDS)]
        inner = [*t.INNER_UPPER_LIP, *reversed(t.INNER_LOWER_LIP[:-1])]
        features = t.along(eyes, 2), t.along([t.closed(t.OUTER_LIPS)], 3), t.along([inner], 2)
        irises = tuple(t.along([[ring[0], rim] for rim in ring[1:]], 2) for ring in t.IRISES)
        parts = [part for channel in (contour, features, irises) for part in channel]
        self.counts = [sum(len(p[0]) for p in channel) for channel in (contour, features, irises)]
        first, second, share = (torch.cat([torch.from_numpy(part[i]) for part in parts]) for i in range(3))
        # Neighbours on a line lie so far apart, as a share of the way from its first landmark to its second.
        apart = torch.cat([torch.from_numpy(part[3]) for part in parts])
        self.register_buffer("first", first, persistent=False)
        self.register_buffer("second", second, persistent=False)
        self.register_buffer("share", share[:, None], persistent=False)
        self.register_buffer("apart", apart, persistent=False)
        self.register_buffer("axis", centres(size)[:, None], persistent=False)
        self.mouth, self.eyes = mouth_opening(), eye_openings()

    @in_full_precision
    def forward(self, points: Tensor) -> Tensor:
        """`points` [B, 478, 3] in -1..1."""
        a = points.index_select(1, self.first)[..., :2]
        b = points.index_select(1, self.second)[..., :2]
        at = a + (b - a) * self.share
        apart = (b - a).norm(dim=2) * self.apart
        lines, start = [], 0
        for channel, count in enumerate(self.counts):
            own, stop = at[:, start : start + count], start + count
            # At least so wide that a large face's lines stay lines.
            width = torch.maximum(WIDEST_GAP * apart[:, None, start:stop], apart.new_tensor(IRIS_WIDTH if channel == 2 else LINE_WIDTH))
            spread = -0.5 / width**2
            gx = torch.exp((self.axis - own[:, None, :, 0]) ** 2 * spread)
            gy = torch.exp((self.axis - own[:, None, :, 1]) ** 2 * spread)
            lines.append(1 - torch.exp(-gy @ gx.transpose(1, 2)))
            start = stop
        axis = self.axis[None, :, 0]
        left, right = (eye(points, axis, axis) for eye in self.eyes)
        return torch.stack([lines[0], lines[1], self.mouth(points, axis, axis), torch.maximum(left, right), lines[2]], 1)


class PriorFlow(nn.Module):
    """For each cell of an F x F grid, where what lies there now lies in another picture: local linear regression on the landmarks.

    Moving least squares with a sum of three Gaussians as weight (Cleveland 1979; for images Schaefer et al. 2006). The flow breaks off
    between open lips: above the line between them the lower lip's points do not count, below it the upper lip's.
    """

    def __init__(self, size: int):
        super().__init__()
        self.size = size
        self.register_buffer("axis", centres(size)[:, None], persistent=False)
        every = torch.arange(LANDMARKS)
        chosen = [every, every, every[::WIDE_POINTS]]
        spread = torch.cat([torch.full((len(n),), 0.5 / s**2) for n, (s, _) in zip(chosen, KERNELS)])
        weight = torch.cat([torch.full((len(n),), w) for n, (_, w) in zip(chosen, KERNELS)])
        side = torch.zeros(LANDMARKS, dtype=torch.long)
        side[t.UPPER_SIDE], side[t.LOWER_SIDE] = 1, 2
        side = side[torch.cat(chosen)]
        order = torch.argsort(side, stable=True)
        self.counts = torch.bincount(side, minlength=3).tolist()  # neither lip's points, the upper one's, the lower one's
        self.register_buffer("chosen", torch.cat(chosen)[order], persistent=False)
        self.register_buffer("spread", spread[order], persistent=False)
        self.register_buffer("weight", weight[order], persistent=False)
        self.lips = LipSide()

    @in_full_precision
    def forward(self, points: Tensor, targets: list[Tensor]) -> tuple[list[Tensor], Tensor]:
        """`points` and each of `targets` [B, 478, >= 2] in -1..1 -> displacements [B, 2, F, F] in these units, and the density of points
        [B, 1, F, F], near 1 inside of the face and 0 far from it."""
        near = points[..., :2]
        at = near.index_select(1, self.chosen)
        move = torch.cat([target[..., :2] - near for target in targets], 2).index_select(1, self.chosen)  # [B, P, 2T]
        dx, dy = at[:, None, :, 0] - self.axis, at[:, None, :, 1] - self.axis  # [B, F, P]
        gx = torch.exp(-(dx**2) * self.spread)
        gy = torch.exp(-(dy**2) * self.spread) * self.weight
        gx1, gx2 = gx * dx, gx * dx * dx
        gy1, gy2 = gy * dy, gy * dy * dy
        columns = [move[:, None, :, i] for i in range(2 * len(targets))]
        below = self.lips(points, self.axis[None, :, 0], self.axis[None, :, 0])
        gates = (2 - 2 * below).clamp(max=1), (2 * below).clamp(max=1)
        plain = self._sums(gy, [gx, gx1, gx2, *[gx * m for m in columns], *[gx1 * m for m in columns]], gates)
        tilted = self._sums(gy1, [gx, gx1, *[gx * m for m in columns]], gates)
        (syy,) = self._sums(gy2, [gx], gates)
        n = len(columns)
        w, sx, sxx = plain[:3]
        sy, sxy = tilted[:2]
        ridge = RIDGE * w * 0.01 + 1e-7
        sxx, syy = sxx + ridge, syy + ridge
        a, b, c = sxx * syy - sxy**2, sxy * sy - sx * syy, sx * sxy - sxx * sy
        det = (w * a + sx * b + sy * c).clamp(min=1e-20)
        values = [(plain[3 + i] * a + plain[3 + n + i] * b + tilted[2 + i] * c) / det for i in range(n)]
        flows = [torch.stack(values[i : i + 2], 1).clamp(-2, 2) for i in range(0, n, 2)]
        return flows, (1 - torch.exp(-w))[:, None]

    def _sums(self, rows: Tensor, columns: list[Tensor], gates: tuple[Tensor, Tensor]) -> list[Tensor]:
        """rows [B, F(y), P], columns of [B, F(x), P] -> [B, F(y), F(x)] each, in one matrix product for either lip's points and the
        rest."""
        parts = zip(rows.split(self.counts, 2), torch.cat(columns, 1).split(self.counts, 2))
        rest, upper, lower = ((r @ c.transpose(1, 2)).unflatten(2, (len(columns), self.size)) for r, c in parts)
        return list((rest + upper * gates[0][:, :, None] + lower * gates[1][:, :, None]).unbind(2))


def head_axes(points: Tensor) -> Tensor:
    """[B, 9] how the head stands: its two axes in three dimensions, each over the face's size; place and log size. -1..1 points."""
    across = points[:, t.WIDTH[1]] - points[:, t.WIDTH[0]]
    down = points[:, t.HEIGHT[1]] - points[:, t.HEIGHT[0]]
    size = torch.sqrt((across.norm(dim=1) * down.norm(dim=1)).clamp(min=1e-4))[:, None]
    middle = (points[:, t.WIDTH[0]] + points[:, t.WIDTH[1]] + points[:, t.HEIGHT[0]] + points[:, t.HEIGHT[1]]) / 4
    return torch.cat([across / size, down / size, middle[:, :2], torch.log(size)], 1)


def from_head(pose: Tensor, places: Tensor) -> Tensor:
    """`places` [1, 2, F, F] as seen from the middle of a head that stands as head_axes says: [B, 2, F, F]."""
    return places - pose[:, 6:8, None, None]


def in_heads_axes(pose: Tensor, places: Tensor) -> Tensor:
    """The same in the head's sizes, and turned with it."""
    away = from_head(pose, places) * torch.exp(-pose[:, 8])[:, None, None, None]
    down = F.normalize(pose[:, 3:5], dim=1)[:, :, None, None]
    return torch.stack([away[:, 0] * down[:, 1] - away[:, 1] * down[:, 0], (away * down).sum(1)], 1)
