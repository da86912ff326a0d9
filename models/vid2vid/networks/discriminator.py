"""D: judges patches of a face, knowing the semantic map. Training only."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from .geometry import SKETCH_CHANNELS


class Discriminator(nn.Module):
    """Picture [B, 3, N, N] 0..1 and semantic map [B, 5, N, N] -> a judgement per patch and the features on the way to it."""

    def __init__(self, width: int = 48):
        super().__init__()
        widths = (3 + SKETCH_CHANNELS, width, 2 * width, 4 * width)
        self.layers = nn.ModuleList([spectral_norm(nn.Conv2d(a, b, 4, 2, 1)) for a, b in zip(widths, widths[1:])])
        self.last = spectral_norm(nn.Conv2d(widths[-1], 1, 3, 1, 1))

    def forward(self, picture: Tensor, sketch: Tensor) -> tuple[Tensor, list[Tensor]]:
        x, features = torch.cat([picture * 2 - 1, sketch], 1), []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2)
            features.append(x)
        return self.last(x), features


def discriminator_loss(real: Tensor, made: Tensor) -> Tensor:
    """Hinge (paper, appendix)."""
    return F.relu(1 - real.float()).mean() + F.relu(1 + made.float()).mean()


def feature_matching(made: list[Tensor], real: list[Tensor]) -> Tensor:
    return torch.stack([F.l1_loss(a.float(), b.detach().float()) for a, b in zip(made, real, strict=True)]).mean()
