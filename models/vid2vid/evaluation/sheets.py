"""Pictures and clips to be looked at: figures do not show a doubled contour."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from ..networks.blocks import enlarge, warp
from ..networks.geometry import identity_grid
from .animators import Checkpoint, choose_reference, to_bytes
from .cases import Case

LABEL_PX = 18
ERROR_GAIN = 3


def telling_frame(case: Case) -> int:
    """The frame that is furthest from the portrait in use: where a model has most to do."""
    away = [np.abs(points[:, :2] - case.portrait_landmarks[i][:, :2]).mean() for points, i in zip(case.landmarks, case.chosen)]
    return int(np.argmax(away))


def comparison_row(case: Case, outputs: dict[str, np.ndarray]) -> tuple[list[str], np.ndarray]:
    """portrait | driver | each model's output | truth's difference from the last model, at the telling frame."""
    at = telling_frame(case)
    columns = {"portrait": case.portraits[case.chosen[at]], "truth" if case.truth is not None else "driver": case.driver_frames[at]}
    columns |= {name: frames[at] for name, frames in outputs.items()}
    if case.truth is not None:
        last = list(outputs)[-1]
        error = np.abs(outputs[last][at].astype(np.int16) - case.truth[at]) * ERROR_GAIN
        columns[f"{last}: error x{ERROR_GAIN}"] = error.clip(0, 255).astype(np.uint8)
    return list(columns), np.hstack(list(columns.values()))


def inside_row(case: Case, animator: Checkpoint) -> tuple[list[str], np.ndarray]:
    """portrait | driver | prior warp | W | masks (still blue, previous green, synthesised red) | synthesised | output, at the telling
    frame."""
    at, side = telling_frame(case), case.portraits.shape[1]
    for made in animator.explain(case.portraits, case.portrait_landmarks, case.landmarks[: at + 1]):
        last = made
    portrait = torch.from_numpy(case.portraits[case.chosen[at]]).permute(2, 0, 1)[None].float() / 255
    places = identity_grid(side)[None]
    prior = warp(portrait, places + F.interpolate(enlarge(last["prior"], 4), size=(side, side), mode="bilinear"))
    columns = {
        "portrait": case.portraits[case.chosen[at]], "truth" if case.truth is not None else "driver": case.driver_frames[at],
        "prior warp": to_bytes(prior, side), "W": to_bytes(last["warped"], side),
        "masks": to_bytes(last["masks"][:, [3, 2, 1]], side), "synthesised": to_bytes(last["synthesised"], side),
        "output": to_bytes(last["frame"], side),
    }  # fmt: skip
    return list(columns), np.hstack(list(columns.values()))


@torch.inference_mode()
def attention_row(
    animator: Checkpoint, portraits: np.ndarray, portrait_landmarks: np.ndarray, landmarks: np.ndarray, side: int
) -> tuple[list[str], np.ndarray]:
    """The portraits, each under a colour of its own, and the output with the colour of the portrait that says most about each place (the
    paper's figure 7c). portraits u8 [K, S, S, 3], landmarks [478, 3]."""
    network, k = animator.model.network, len(portraits)
    person, now = animator.person(portraits, portrait_landmarks), torch.from_numpy(np.array(landmarks, np.float32))[None]
    made = animator.model.frame(person, now, reference_index=torch.tensor([choose_reference(portrait_landmarks, landmarks, None)]))
    weights = network.attention(person, network.embed(now)[3])
    share = weights[0].unflatten(1, (k, -1)).sum(2).T.unflatten(1, (network.config.size // 16, -1)).numpy()  # [K, S/16, S/16]
    hues = [cv2.cvtColor(np.uint8([[[180 * i // k, 170, 255]]]), cv2.COLOR_HSV2RGB)[0, 0] for i in range(k)]
    small = [cv2.resize(p, (side, side), interpolation=cv2.INTER_AREA) for p in (*portraits, to_bytes(made["frame"], portraits.shape[1]))]
    framed = [cv2.copyMakeBorder(p[5:-5, 5:-5], 5, 5, 5, 5, cv2.BORDER_CONSTANT, value=tuple(map(int, hue))) for p, hue in zip(small, hues)]
    # from even shares, which say nothing, to one portrait alone
    map_ = sum(
        cv2.resize(((s - 1 / k) / (1 - 1 / k)).clip(0, 1), (side, side), interpolation=cv2.INTER_CUBIC)[..., None].clip(0, 1) * hue
        for s, hue in zip(share, hues)
    )
    shown = (0.45 * small[-1].mean(-1, keepdims=True) + 0.55 * map_).clip(0, 255).astype(np.uint8)
    return [*(f"portrait {i + 1}" for i in range(k)), "output", "whose"], np.hstack([*framed, small[-1], shown])


def write_sheet(rows: list[tuple[list[str], np.ndarray]], path: Path) -> None:
    """Rows of equal columns below the first row's names."""
    names, first = rows[0]
    head = np.full((LABEL_PX, first.shape[1], 3), 255, np.uint8)
    for i, name in enumerate(names):
        cv2.putText(
            head, name, (i * first.shape[1] // len(names) + 4, LABEL_PX - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA
        )
    picture = np.vstack([head, *(picture for _, picture in rows)])
    cv2.imwrite(str(path), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90] if path.suffix == ".jpg" else [])


def write_clip(case: Case, outputs: dict[str, np.ndarray], path: Path) -> None:
    """The driver's clip beside each model's output, MP4."""
    panels = [case.driver_frames, *outputs.values()]
    height, width = panels[0].shape[1], sum(p.shape[2] for p in panels)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), case.frame_rate, (width, height))
    for frames in zip(*panels):
        writer.write(np.ascontiguousarray(np.hstack(frames)[..., ::-1]))
    writer.release()
