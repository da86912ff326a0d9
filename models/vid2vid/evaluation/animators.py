"""Everything that can be measured, behind one call: portraits and a driver's landmarks in, pictures out.

copy           the portrait that `lite` would warp, unmoved: what any model must beat
server:NAME    a model of the manifest as it is served, through the product's own code (Node); `warp` is short for server:warp. This is the
               figure to report.
               server:NAME@relative takes the driver's motion relative to the driver at rest, as calls do; server:NAME@unfiltered leaves the
               filter out
PATH.pt        a checkpoint of a training run; PATH.pt@512 at another size than its network's
MANIFEST:NAME  exported graphs by onnxruntime in Python, given the true landmarks: column NAME-graph, to which the served path's gap is told
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..data.batches import head_direction
from ..data.layers import Matting
from ..data.plates import plate_of
from ..networks.composition import Composition
from ..networks.lite import Past, Person
from .gap import GRAPH

SWITCH_DEGREES = 4.0  # another portrait must be so much nearer to be taken: else the picture flips to and fro
# And than the first, the calm one, which has less far to be warped. Both as the server has them, which takes the angles from a rigid fit.
CALM_DEGREES = 8.0
HERE = Path(__file__).parent


class Animator(Protocol):
    name: str

    def stream(
        self, portraits: np.ndarray, portrait_landmarks: np.ndarray, landmarks: np.ndarray, frame_rate: float
    ) -> Iterator[np.ndarray]:
        """portraits u8 [K, S, S, 3], portrait_landmarks [K, 478, 3], landmarks [T, 478, 3] (picture widths) -> u8 [S, S, 3], T times."""


def animate(
    animator: Animator, portraits: np.ndarray, portrait_landmarks: np.ndarray, landmarks: np.ndarray, frame_rate: float
) -> np.ndarray:
    """A whole clip: u8 [T, S, S, 3]."""
    return np.stack(list(animator.stream(portraits, portrait_landmarks, landmarks, frame_rate)))


def choose_reference(portrait_landmarks: np.ndarray, landmarks: np.ndarray, previous: int | None) -> int:
    """The portrait whose head looks most like the driver's ([K, 478, 3], [478, 3]), the first before its likes; the one before stays unless
    another is plainly nearer."""
    portraits, driver = (head_direction(torch.from_numpy(np.array(points, np.float32))) for points in (portrait_landmarks, landmarks))
    away = (portraits - driver).norm(dim=-1).numpy()
    away[1:] += CALM_DEGREES
    nearest = int(away.argmin())
    return nearest if previous is None or away[nearest] < away[previous] - SWITCH_DEGREES else previous


def choose_references(portrait_landmarks: np.ndarray, landmarks: np.ndarray) -> list[int]:
    """For each frame of a clip [T, 478, 3]."""
    chosen: list[int] = []
    for points in landmarks:
        chosen.append(choose_reference(portrait_landmarks, points, chosen[-1] if chosen else None))
    return chosen


class Copy:
    """The portrait, unmoved."""

    name = "copy"

    def stream(
        self, portraits: np.ndarray, portrait_landmarks: np.ndarray, landmarks: np.ndarray, frame_rate: float
    ) -> Iterator[np.ndarray]:
        for index in choose_references(portrait_landmarks, landmarks):
            yield portraits[index]


class Served:
    """A model through the server's own enrolment and AvatarSession: its Retargeter and its filter included. In absolute motion unless said
    otherwise."""

    def __init__(self, model: str):
        self.model, _, variant = model.partition("@")
        if variant not in ("", "relative", "unfiltered"):
            raise ValueError(f"{model}: after the @ stands relative or unfiltered")
        self.name = f"{self.model}-{variant}" if variant else self.model
        self._options = ["relative" if variant == "relative" else "absolute", "off" if variant == "unfiltered" else "on"]
        self._node: dict[int, subprocess.Popen] = {}

    def stream(
        self, portraits: np.ndarray, portrait_landmarks: np.ndarray, landmarks: np.ndarray, frame_rate: float
    ) -> Iterator[np.ndarray]:
        size = portraits.shape[1]
        node = self._node.get(size) or self._node.setdefault(size, self._start(size))
        header = json.dumps({"k": len(portraits), "frames": len(landmarks), "frameRate": frame_rate}).encode() + b"\n"
        node.stdin.write(header + np.ascontiguousarray(portraits).tobytes() + np.ascontiguousarray(portrait_landmarks, "<f4").tobytes())
        for points in landmarks:  # one by one: two full pipes would wait for each other
            node.stdin.write(np.ascontiguousarray(points, "<f4").tobytes())
            node.stdin.flush()
            raw = node.stdout.read(size * size * 3 // 2)
            if len(raw) < size * size * 3 // 2:
                raise RuntimeError(f"the server's code ended with {node.wait()} while animating with {self.model}")
            yield cv2.cvtColor(np.frombuffer(raw, np.uint8).reshape(size * 3 // 2, size), cv2.COLOR_YUV2RGB_I420)

    def _start(self, size: int) -> subprocess.Popen:
        cache = os.environ.get("LANDMARKER_CACHE") or str(Path.home() / ".cache/gioconda/landmarker")
        command = [node_command(), str(HERE / "animate.mjs"), self.model, str(size), cache, *self._options]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def close(self) -> None:
        for node in self._node.values():
            node.stdin.close()
            node.wait()
        self._node.clear()


class Checkpoint:
    """A training run's averaged weights. A network of another size gets smaller pictures and its own are enlarged."""

    def __init__(self, path: Path, size: int | None = None):
        """`size`: side of its pictures, the network's unless given, else two or three times that."""
        from ..checkpoint import load_model, read

        own = read(path)[0].network.size
        self.size = size or own
        if self.size % own or not 1 <= self.size // own <= 3:
            raise ValueError(f"{path} makes pictures of {own}, {2 * own} or {3 * own} pixels, not of {size}")
        self.name = (Path(path).parent.name if Path(path).stem == "last" else Path(path).stem) + (f"@{size}" if size else "")
        self.model = load_model(path, self.size // own)

    def stream(
        self, portraits: np.ndarray, portrait_landmarks: np.ndarray, landmarks: np.ndarray, frame_rate: float
    ) -> Iterator[np.ndarray]:
        for made in self.explain(portraits, portrait_landmarks, landmarks):
            yield to_bytes(made["frame"], portraits.shape[1])

    def person(self, portraits: np.ndarray, portrait_landmarks: np.ndarray) -> Person:
        """What is enrolled: portraits u8 [K, S, S, 3], portrait_landmarks [K, 478, 3]."""
        plate = plate_planes(portraits, self.size)
        return self.model.enrol(
            to_planes(portraits, self.size)[None], torch.from_numpy(np.array(portrait_landmarks, np.float32))[None], plate
        )

    @torch.inference_mode()
    def explain(self, portraits: np.ndarray, portrait_landmarks: np.ndarray, landmarks: np.ndarray) -> Iterator[dict[str, Tensor]]:
        """All that the network tells of each frame."""
        person, past = self.person(portraits, portrait_landmarks), None
        for index, points in zip(choose_references(portrait_landmarks, landmarks), landmarks, strict=True):
            now = torch.from_numpy(np.array(points, np.float32))[None]
            made = self.model.frame(person, now, past, torch.tensor([index]))
            past = Past(made["frame"], now, torch.ones(1))
            yield made


class Exported:
    """The shipped graphs, run frame by frame as the live call runs them, at the size of the portraits where the model has it."""

    def __init__(self, manifest: Path, name: str):
        import onnxruntime

        from .. import graphs

        self.name = f"{name}{GRAPH}"
        spec = json.loads(Path(manifest).read_text())["models"][name]["composed"]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1

        def load(part: str) -> onnxruntime.InferenceSession:
            file = Path(manifest).parent / (spec.get(f"{part}Int8") or spec[part])["file"]
            return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])

        self._graphs, self._enrolment = graphs, load("enrolment")
        self._run = graphs.run_graphs(load("motion"), load("picture"))
        self._sizes, self._network_size = spec["sizes"], spec["networkSize"]

    def stream(
        self, portraits: np.ndarray, portrait_landmarks: np.ndarray, landmarks: np.ndarray, frame_rate: float
    ) -> Iterator[np.ndarray]:
        """Shown is I420, the picture that the encoder gets."""
        side = portraits.shape[1]
        size = side if side in self._sizes else self._network_size
        composition = Composition(size // self._network_size)
        points = torch.from_numpy(np.array(portrait_landmarks, np.float32))
        pictures, plate = to_planes(portraits, size), plate_planes(portraits, size)
        person = self._graphs.Enrolled.by_graph(self._enrolment, pictures, points, plate, composition.scale)
        past = Past.none(torch.from_numpy(np.array(landmarks[:1], np.float32)), size)
        for index, driver in zip(choose_references(portrait_landmarks, landmarks), landmarks, strict=True):
            now = torch.from_numpy(np.array(driver[None], np.float32))
            frame = self._graphs.make_frame(composition, person, now, past, torch.tensor([index]), self._run).made["frame"].clamp(0, 1)
            past = Past(frame, now, torch.ones(1))
            picture = cv2.cvtColor(self._graphs.i420(frame)[0].numpy(), cv2.COLOR_YUV2RGB_I420)
            yield picture if side == size else cv2.resize(picture, (side, side), interpolation=cv2.INTER_CUBIC)


def node_command() -> str:
    """NODE, else the project's own: the server's code needs a version that reads TypeScript."""
    own = HERE.parents[2] / "node_modules/.bin/node"
    return os.environ.get("NODE") or (str(own) if own.exists() else "node")


@functools.cache
def matting() -> Matting:
    return Matting()


def to_planes(pictures: np.ndarray, size: int) -> Tensor:
    """u8 [K, S, S, 3] -> f32 [K, 3, size, size] 0..1."""
    planes = torch.from_numpy(np.array(pictures)).permute(0, 3, 1, 2).float() / 255
    return planes if planes.shape[-1] == size else F.interpolate(planes, size=(size, size), mode="area")


def plate_planes(portraits: np.ndarray, size: int) -> Tensor:
    """The background of the first portrait: f32 [1, 3, size, size] 0..1."""
    return to_planes(plate_of(matting(), portraits[0])[None], size)


def to_bytes(frame: Tensor, side: int) -> np.ndarray:
    """f32 [1, C, S, S] 0..1 -> u8 [side, side, C]."""
    if frame.shape[-1] != side:
        frame = F.interpolate(frame, size=(side, side), mode="bicubic", align_corners=False)
    return (frame[0].float().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()


def load_animator(text: str) -> Animator:
    """From what the command line says; see the head of this file."""
    if text == "copy":
        return Copy()
    if text == "warp" or text.startswith("server:"):
        return Served(text.removeprefix("server:"))
    path, _, size = text.partition("@")
    if path.endswith(".pt"):
        return Checkpoint(Path(path), int(size) if size else None)
    manifest, _, name = text.rpartition(":")
    if not manifest.endswith(".json"):
        raise ValueError(f"{text}: neither copy, warp, server:NAME, a checkpoint (.pt) nor MANIFEST.json:NAME")
    return Exported(Path(manifest), name)
