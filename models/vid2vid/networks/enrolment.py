"""Once per person: appearance features (E_F), keys and values for attention (E_A), generated modulation weights (E_P)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ..config import NetworkConfig
from .blocks import activate, conv
from .geometry import SKETCH_CHANNELS


class AppearanceEncoder(nn.Module):
    """E_F: a portrait [B, 3, S, S] with its semantic map -> values [B, V, S/16, S/16] and a style [B, style]."""

    def __init__(self, config: NetworkConfig):
        super().__init__()
        a = config.appearance
        self.first = conv(3, a[0], stride=2)
        self.down = nn.ModuleList([conv(a[0] + SKETCH_CHANNELS, a[1], stride=2), conv(a[1], a[2], stride=2), conv(a[2], a[3], stride=2)])
        self.mix = nn.ModuleList([conv(a[3], a[3]), conv(a[3], a[3])])
        self.value = conv(a[3], config.synthesis[0], kernel=1)
        self.style = nn.ModuleList([conv(a[3], 192, stride=2), conv(192, 192, stride=2)])
        self.project = nn.Linear(192, config.style)

    def forward(self, portrait: Tensor, sketch: Tensor) -> tuple[Tensor, Tensor]:
        x = torch.cat([activate(self.first(portrait * 2 - 1)), sketch], 1)
        for layer in self.down:
            x = activate(layer(x))
        for layer in self.mix:
            x = x + activate(layer(x))
        value = self.value(x)
        for layer in self.style:
            x = activate(layer(x))
        return value, activate(self.project(x.mean((2, 3))))


class WeightGenerator(nn.Module):
    """E_P: style -> the weights of H's modulation convolutions, one output channel (row) at a time (paper, section 3.1).

    A level's weights are [2 C, c + 1]: scale and shift for C channels from c channels of the embedded semantic map, with bias. What is
    generated is added to a learned base; its last layer starts near zero, so that training begins with one set of weights for all.
    """

    def __init__(self, config: NetworkConfig):
        super().__init__()
        self.adain = config.modulation == "adain"
        self.shapes = [(2 * c, e + 1) for c, e in zip(config.synthesis, reversed(config.sketch))]
        self.base = nn.ParameterList([nn.Parameter(torch.randn(r, c) * 0.3 / math.sqrt(c)) for r, c in self.shapes])
        self.rows = nn.ParameterList([nn.Parameter(torch.randn(r, config.row)) for r, _ in self.shapes])
        self.from_style = nn.Linear(config.style, config.row_hidden * len(self.shapes))
        self.from_row = nn.ModuleList([nn.Linear(config.row, config.row_hidden) for _ in self.shapes])
        self.out = nn.ModuleList([nn.Linear(config.row_hidden, 1 if self.adain else c) for _, c in self.shapes])
        for layer in self.out:
            nn.init.normal_(layer.weight, std=0.01), nn.init.zeros_(layer.bias)

    def forward(self, style: Tensor) -> Tensor:
        """style [B, style] -> all levels' weights, flat: [B, weights]."""
        hidden = self.from_style(style).chunk(len(self.shapes), 1)
        levels = []
        for base, rows, from_row, out, h in zip(self.base, self.rows, self.from_row, self.out, hidden):
            made = out(activate(h[:, None] + from_row(rows)[None]))
            if self.adain:  # only the bias of each row is the person's own
                made = torch.nn.functional.pad(made, (base.shape[1] - 1, 0))
            levels.append((base[None] + made).flatten(1))
        return torch.cat(levels, 1)

    def split(self, flat: Tensor) -> list[Tensor]:
        """[B, weights] -> per level [B, 2 C, c + 1]."""
        sizes = [r * c for r, c in self.shapes]
        return [part.reshape(-1, r, c) for part, (r, c) in zip(flat.split(sizes, 1), self.shapes)]


def modulate(x: Tensor, embedding: Tensor, weights: Tensor) -> Tensor:
    """SPADE with generated weights: x [B, C, h, w] * (1 + scale) + shift, both [2 C, c] x embedding [B, c, h, w] + bias."""
    height, width = x.shape[2:]
    flat = embedding.flatten(2).to(weights.dtype)
    both = torch.baddbmm(weights[:, :, -1:], weights[:, :, :-1], flat)
    scale, shift = both.reshape(-1, both.shape[1], height, width).chunk(2, 1)
    return x * (1 + scale) + shift
