"""The picture that is looked at during training: one row per sample, what went in, what W and M did, what came out."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from .data.batches import Batch, nearest_portrait
from .losses import Target
from .networks.blocks import enlarge, warp
from .networks.geometry import Sketch, identity_grid, to_picture
from .networks.lite import pick

COLUMNS = "portrait | semantic map | prior warp | W | masks (plate blue, previous green, synthesised red) | synthesised | output | truth"


def training_sheet(rows: list[tuple[Batch, dict[str, Tensor], Target]], path: Path) -> None:
    """`rows`: batches whose last frame was made; COLUMNS tells what the pictures are."""
    lines = []
    for batch, made, target in rows:
        size = target.frame.shape[-1]
        index = nearest_portrait(batch.portrait_landmarks, target.landmarks)
        portrait = pick(batch.portraits, index)
        sketch = Sketch(size // 2).to(portrait.device)(to_picture(target.landmarks))
        places = identity_grid(size, portrait.device)[None]
        prior = warp(portrait, places + enlarge(made["prior"], 4))
        masks = made["masks"]
        columns = [
            portrait, enlarge(sketch[:, [0, 1, 2]], 2), prior, made["warped"], masks[:, [3, 2, 1]], made["synthesised"], made["frame"],
            target.frame,
        ]  # fmt: skip
        lines += [torch.cat([c[i].float() for c in columns], 2) for i in range(len(portrait))]
    picture = (torch.cat(lines, 1).clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
    cv2.imwrite(str(path), np.ascontiguousarray(picture[..., ::-1]))
