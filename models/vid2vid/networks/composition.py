"""What happens to pictures at the output's size, none of which is learned: they are sampled along the network's flows, and mixed by its
masks.

Training does it here, the server outside of ONNX Runtime, in one pass over the picture (kernel/): the network's graphs then are the same
for any size of output. A test of the server holds the one to the other (test/parity/lite-frame.test.ts). S is the output's side, N the
network's, S = scale · N."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .blocks import enlarge, warp
from .eyes import turned
from .geometry import identity_grid
from .interior import inside
from .openings import region


@dataclass
class Regions:
    """Openings of a frame and what moves in them, as numbers: see MouthInterior and EyeBalls."""

    mouth: Tensor  # [B, 2, P, 2]
    inside: Tensor  # [B, 10]
    eyes: Tensor  # [B, 2, 2, P, 2]
    turns: Tensor  # [B, 2, 4]


@dataclass
class Layers:
    """Pictures that exist, as this frame has them."""

    warped: Tensor  # [B, 3, S, S] 0..1 the portrait
    warped_previous: Tensor  # [B, 3, S, S] 0..1 the frame before; 0 where there was none
    opening: Tensor  # [B, 1, S, S] 1 between the lips
    shown: Tensor  # [B, 1, S, S] 1 where a portrait shows what is there


class Composition:
    def __init__(self, scale: int):
        """`scale`: the output's side over the network's, 1, 2 or 3."""
        self.scale = scale

    def layers(self, pictures: tuple[Tensor, Tensor, Tensor], flows: tuple[Tensor, Tensor], regions: Regions) -> Layers:
        """`pictures`: portrait [B, 3, S, S], the open mouth that a portrait lends [B, 4, S, S], the frame before, all 0 where there was
        none; `flows` of portrait and frame before [B, 2, N/4, N/4]."""
        portrait, interior, previous = pictures
        flow, flow_previous = (enlarge(f, 4 * self.scale) for f in flows)
        size = portrait.shape[3]
        grid = identity_grid(size, portrait.device)
        places, axis = grid[None], grid[0, :1]
        with torch.autocast(portrait.device.type, enabled=False):  # places
            opening = region(regions.mouth, axis, axis)[:, None]
            lent, there = inside(interior.float(), regions.mouth, regions.inside)
            eyes = turned(regions.eyes, regions.turns, size)
        shown = there * opening
        # Behind the lips lies no skin: there the portrait has nothing but what an open mouth of it shows.
        warped = warp(portrait, places + flow + eyes) * (1 - opening) + lent * shown
        return Layers(warped, warp(previous, places + flow_previous), opening, shown)

    def seen(self, layers: Layers, plate: Tensor, known: Tensor) -> Tensor:
        """What H sees of the layers: [B, 10, N, N]. plate [B, 3, S, S], known [B, 1, 1, 1]."""
        pictures = torch.cat([layers.warped - 0.5, plate - 0.5, layers.warped_previous - 0.5 * known], 1)
        return torch.cat([shrunk(pictures, self.scale), known.expand(-1, 1, *(n // self.scale for n in pictures.shape[2:]))], 1)

    def openings(self, layers: Layers) -> tuple[Tensor, Tensor]:
        """`opening` and `shown` at the masks' size, [B, 1, N/2, N/2]."""
        return shrunk(layers.opening, 2 * self.scale), shrunk(layers.shown, 2 * self.scale)

    def mixed(self, layers: Layers, plate: Tensor, picture: Tensor, logits: Tensor) -> dict[str, Tensor]:
        """`picture` [B, 3, N, N] 0..1 and the masks' logits [B, 4, N/2, N/2] -> `frame`, `synthesised` [B, 3, S, S], `masks` [B, 4, S,
        S]."""
        masks = shares(enlarge(logits, 2 * self.scale))
        m = masks.split(1, 1)
        synthesised = (
            picture if self.scale == 1 else F.interpolate(picture, scale_factor=self.scale, mode="bicubic", align_corners=False).clamp(0, 1)
        )
        frame = m[0] * layers.warped + m[1] * plate + m[2] * layers.warped_previous + m[3] * synthesised
        return {"frame": frame, "masks": masks, "synthesised": synthesised}


def shrunk(x: Tensor, factor: int) -> Tensor:
    return x if factor == 1 else F.avg_pool2d(x, factor)


def shares(logits: Tensor) -> Tensor:
    """Softmax over the second of four axes; no logit counts for more than 20."""
    e = logits.clamp(-20, 20).exp()
    return e / e.sum(1, keepdim=True)
