"""Writes a checkpoint as the ONNX graphs of the server's contract: python -m vid2vid.export --checkpoint FILE --data DIR --version N

Also the manifest's entry, the averaged weights to train on from, and a parity file: a held-out person's portraits and three frames with
what PyTorch makes of them, at each size of output. The graphs are the same for all sizes."""

from __future__ import annotations

import argparse
import hashlib
import json
import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from . import checkpoint, graphs, quantize
from .config import TrainConfig
from .data.batches import nearest_portrait
from .data.store import SourceReader
from .evaluation.animators import to_planes
from .evaluation.cases import evenly
from .evaluation.metrics import psnr
from .graphs import (
    CACHED,
    MOTION_OUTPUTS,
    PER_PORTRAIT,
    PICTURE_OUTPUTS,
    Enrolled,
    EnrolmentGraph,
    MotionGraph,
    PictureGraph,
    make_frame,
    run_graphs,
    run_network,
)
from .networks import topology as t
from .networks.lite import Lite, Past, Person

NAME = "lite"
OPSET = 17
MODELS = Path(__file__).parents[1]
SCALES = (1, 2, 3)  # of the output over the network
FRAME_GRAPHS = ("motion", "picture")
INT8 = "Int8"
PARITY_SCALES = (1, 2)
PARITY_WINDOW = 64  # pixels
# The server's AvatarFace compresses motion from the knee on and never reaches the limit; degrees, and natural log of scale.
POSE_LIMITS = {
    "pitch": {"kneeDegrees": 16, "limitDegrees": 26},
    "yaw": {"kneeDegrees": 20, "limitDegrees": 32},
    "roll": {"kneeDegrees": 18, "limitDegrees": 30},
    "logScale": {"knee": 0.1, "limit": 0.24},
}
UNIT = {"range": [0, 1]}
PICTURE = {**UNIT, "layout": "NCHW RGB", "normalisation": "value / 255"}
POINTS = {"meaning": "x right, y down, z away, in picture widths"}
PASSED = {"meaning": "from the motion graph to the picture graph"}
FLOW = {"layout": "NCHW x, y", "meaning": "displacement, the picture's half side is 1"}
ABOUT = {
    "portraits": {**PICTURE, "meaning": "at the network's size, shrunk by area"},
    "portrait_landmarks": POINTS,
    "reference_landmarks": POINTS,
    "landmarks": POINTS,
    "previous_landmarks": {"meaning": "landmarks of the frame before"},
    "has_previous": {**UNIT, "meaning": "1, or 0 when there was no frame before"},
    "reference_index": {"meaning": "the portrait to be warped: the one whose head looks most alike, the calm one before its likes"},
    "small_references": {**PICTURE, "meaning": "the portraits, shrunk by area"},
    "small_plate": {**PICTURE, "meaning": "the background without the person, shrunk by area"},
    "small_previous": {**PICTURE, "meaning": "the frame before, shrunk by area"},
    "sketches": {**UNIT, "meaning": "the portraits' semantic maps"},
    "keys": {"meaning": "attention keys of each portrait's places"},
    "values": {"meaning": "appearance at these places"},
    "weights": {"meaning": "generated weights of the modulation convolutions"},
    "interior_landmarks": {"meaning": "landmarks of the portrait that shows most teeth"},
    "interior_knots": {"layout": "upper and lower curve, points, x and y", "meaning": "the opening of its mouth, in -1..1"},
    "interior_index": {"meaning": "which portrait that is"},
    "flow": {**FLOW, "meaning": "to the portrait; the picture's half side is 1"},
    "flow_previous": {**FLOW, "meaning": "to the frame before; the picture's half side is 1"},
    "mouth": {"layout": "upper and lower curve, points, x and y", "meaning": "the opening of the mouth, in -1..1"},
    "inside": {
        "meaning": "what an open mouth shows in the lender's picture: a matrix and a shift, the jaw's further shift; the mouth's middle"
    },
    "eyes": {"layout": "eye, upper and lower curve, points, x and y", "meaning": "the openings of the eyes, in -1..1"},
    "turns": {"meaning": "of each eye: what its ball moves beyond the flow (x, y), the iris's middle (x) and radius"},
    "seen": {
        "range": [-0.5, 1],
        "layout": "NCHW: warped portrait, plate, warped frame before, each RGB - 0.5; has_previous",
        "meaning": "shrunk by area",
    },
    "opening": {**UNIT, "meaning": "1 between the lips, shrunk by area"},
    "shown": {**UNIT, "meaning": "1 where a portrait shows what is there, shrunk by area"},
    "picture": {**UNIT, "layout": "NCHW RGB", "meaning": "what H synthesises"},
    "logits": {"layout": "NCHW: portrait, plate, frame before, synthesised", "meaning": "of the masks, to be enlarged before the softmax"},
    **dict.fromkeys(graphs.PASSED, PASSED),
}


def write_graph(module: nn.Module, inputs: dict[str, Tensor], outputs: tuple[str, ...], path: Path) -> None:
    with warnings.catch_warnings():  # the tracer doubts constants that are constant here
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, tuple(inputs.values()), str(path), input_names=list(inputs), output_names=list(outputs), opset_version=OPSET,
            dynamic_axes={name: {0: "K"} for name in (*inputs, *outputs) if name in PER_PORTRAIT}, dynamo=False,
        )  # fmt: skip
    model = onnx.load(str(path))
    for node in model.graph.node:
        node.ClearField("doc_string")  # paths of the machine that exported it
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))


def describe(path: Path) -> dict:
    """The manifest's entry of a graph."""
    graph = onnx.load(str(path)).graph
    kinds = {onnx.TensorProto.FLOAT: "float32", onnx.TensorProto.UINT8: "uint8", onnx.TensorProto.INT64: "int64"}

    def tensors(values) -> dict:
        out = {}
        for value in values:
            sides = value.type.tensor_type.shape.dim
            shape = [d.dim_value if d.HasField("dim_value") else "K" for d in sides]
            out[value.name] = {"type": kinds[value.type.tensor_type.elem_type], "shape": shape, **ABOUT.get(value.name, {})}
        return out

    return {**file_entry(path), "inputs": tensors(graph.input), "outputs": tensors(graph.output)}


def file_entry(path: Path) -> dict:
    """A file's name in the manifest and the hash that it is checked by; main() has seen to it that it lies in MODELS."""
    return {"file": path.resolve().relative_to(MODELS.resolve()).as_posix(), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


@dataclass
class Example:
    portraits: np.ndarray  # u8 [2, S, S, 3]
    portrait_landmarks: Tensor  # [2, 478, 3]
    landmarks: Tensor  # [3, 478, 3] of consecutive frames
    plate: np.ndarray  # u8 [S, S, 3]


def example(data: Path) -> Example:
    """Of a held-out person (a synthetic one where there are any): the calm portrait and the frame with the widest mouth; frames around
    another wide one."""
    kinds = [name for name in ("synthetic", *sorted(f.name for f in data.iterdir())) if (data / name / "index.json").exists()]
    reader = SourceReader(data / kinds[0])
    person = next(p for p in reader.people(held_out=True) if p.clips)
    points = reader.array("landmarks")
    gap = np.abs(points[:, t.INNER_LOWER_LIP[5], 1] - points[:, t.INNER_UPPER_LIP[5], 1])
    clip = max(person.clips, key=lambda c: gap[c.start : c.start + c.length].max())
    start = clip.start + min(int(gap[clip.start : clip.start + clip.length].argmax()), clip.length - 3)
    others = [row for row in range(person.start, person.start + person.frames) if not start <= row < start + 3]
    rows = [person.start, max(others, key=lambda row: gap[row])]
    number = reader.source.people.index(person)
    plate = np.array(reader.array("plate")[number])
    return Example(
        np.array(reader.array("frames")[rows]),
        *(torch.from_numpy(points[r].astype(np.float32)) for r in (rows, slice(start, start + 3))),
        plate,
    )


def enlarged(pictures: np.ndarray, scale: int) -> np.ndarray:
    """u8 [..., S, S, 3] -> [..., S * scale, S * scale, 3]: each pixel repeated, under a pattern, so that there is detail of the larger
    size. The server's test does the same."""
    large = pictures.repeat(scale, -3).repeat(scale, -2).astype(np.int32)
    if scale > 1:
        y, x = np.indices(large.shape[-3:-1])
        large += (((x * 5 + y * 3) % 7 - 3) * 4)[..., None]
    return large.clip(0, 255).astype(np.uint8)


@torch.no_grad()
def parity(networks: list[Lite], folder: Path, data: Path) -> tuple[dict[str, np.ndarray], float]:
    """PyTorch's frames at each size, one from the other, for the server's test; and the largest difference of what the graphs make of the
    same."""
    given = example(data)
    tensors = {
        "portraits": given.portraits,
        "background": given.plate,
        "portrait_landmarks": given.portrait_landmarks.numpy(),
        "landmarks": given.landmarks.numpy(),
    }
    run = load_graphs(folder, "")
    worst = 0.0
    for network in networks:
        size, scale = network.output, network.scale
        pictures, plate = (to_planes(enlarged(p, scale), size) for p in (given.portraits, given.plate[None]))
        person = network.enrol(pictures[None], given.portrait_landmarks[None], plate)
        enrolled = Enrolled.by_network(network, person)
        past = Past.none(given.landmarks[:1], size)
        for number in range(len(given.landmarks)):
            now = given.landmarks[number : number + 1]
            index = nearest_portrait(person.reference_landmarks, now)
            frame = network(person, now, past, index)["frame"].clamp(0, 1)
            worst = max(worst, float((make_frame(network.composition, enrolled, now, past, index, run).made["frame"] - frame).abs().max()))
            past = Past(frame, now, torch.ones(1))
            tensors |= stored(frame, now, f"{size}.{number}") | {f"reference_index.{size}.{number}": index.numpy().astype(np.int32)}
    return tensors, worst


def stored(frame: Tensor, landmarks: Tensor, name: str) -> dict[str, np.ndarray]:
    """What is kept of a frame [1, 3, S, S]: 64 x 64 pixels all over it, a window on the mouth and one on an eye, and every seventh row of
    I420."""
    size = frame.shape[3]
    thin = frame[0, :, :: size // 64, :: size // 64]
    out = {f"frame.{name}": thin, f"i420.{name}": graphs.i420(frame)[0, ::7]}
    for part, point in (("mouth", t.INNER_UPPER_LIP[5]), ("eye", t.IRISES[0][0])):
        x, y = (round(float(v) * size) for v in landmarks[0, point, :2])
        left, top = (min(max(v - PARITY_WINDOW // 2, 0), size - PARITY_WINDOW) for v in (x, y))
        out |= {
            f"{part}.{name}": frame[0, :, top : top + PARITY_WINDOW, left : left + PARITY_WINDOW],
            f"{part}.corner.{name}": torch.tensor([left, top], dtype=torch.int32),
        }
    return {key: np.ascontiguousarray(value.numpy()) for key, value in out.items()}


def load_graphs(folder: Path, mark: str) -> graphs.Runner:
    """The graphs of a frame; `mark`: "" or "-int8"."""
    files = (folder / f"{kind}{mark}.onnx" for kind in FRAME_GRAPHS)
    return run_graphs(*(onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]) for path in files))


@dataclass
class Case:
    """One frame of a person, with what was made before it."""

    person: Person
    landmarks: Tensor
    past: Past
    index: Tensor


@torch.no_grad()
def calibration(network: Lite, data: Path, sources: list[str], *, held_out: bool) -> Iterator[Case]:
    """Frames all over the clips of some people of each source, with one to four portraits; each from the frame made before."""
    size = network.output
    for name in sources:
        reader = SourceReader(data / name)
        frames, points, plates = (reader.array(kind) for kind in ("frames", "landmarks", "plate"))
        people = [p for p in reader.people(held_out=held_out) if p.clips]
        for turn, person in enumerate(people[i] for i in evenly(len(people), quantize.PEOPLE)):
            rows = slice(person.start, person.start + min(person.references, 1 + turn % 4))
            number = reader.source.people.index(person)
            own = torch.from_numpy(points[rows].astype(np.float32))[None]
            enrolled = network.enrol(to_planes(frames[rows], size)[None], own, to_planes(plates[number : number + 1], size))
            shown = [clip.start + at for clip in person.clips for at in range(clip.length)]
            for row in (shown[i] for i in evenly(len(shown), quantize.FRAMES)):
                first, now = (torch.from_numpy(points[r : r + 1].astype(np.float32)) for r in (max(row - 1, person.start), row))
                index = nearest_portrait(own, now)
                past = Past.none(first, size)
                past = Past(network(enrolled, first, past, index)["frame"].clamp(0, 1), first, torch.ones(1))
                yield Case(enrolled, now, past, index)


@torch.no_grad()
def feeds(network: Lite, cases: Iterator[Case], kind: str) -> Iterator[dict[str, np.ndarray]]:
    """The inputs of one of the frame's graphs."""
    run = run_network(network)
    for case in cases:
        step = make_frame(network.composition, Enrolled.by_network(network, case.person), case.landmarks, case.past, case.index, run)
        yield {name: value.numpy() for name, value in getattr(step, kind).items()}


@torch.no_grad()
def likeness(network: Lite, folder: Path, cases: Iterator[Case]) -> float:
    """PSNR in dB between frames of the graphs in float and in 8 bits; NaN without any."""
    runs, errors = (load_graphs(folder, ""), load_graphs(folder, "-int8")), []
    for case in cases:
        person, how = Enrolled.by_network(network, case.person), (case.landmarks, case.past, case.index)
        first, second = (make_frame(network.composition, person, *how, run).made["frame"] for run in runs)
        errors.append(float((first - second).square().mean()))
    return psnr(float(np.mean(errors))) if errors else float("nan")


def write_safetensors(path: Path, tensors: dict[str, np.ndarray]) -> None:
    kinds = {"float32": "F32", "uint8": "U8", "int32": "I32"}
    header, body = {}, b""
    for name, array in tensors.items():
        start = len(body)
        body += array.tobytes() + b"\0" * (-array.nbytes % 8)
        header[name] = {"dtype": kinds[str(array.dtype)], "shape": list(array.shape), "data_offsets": [start, start + array.nbytes]}
        if array.nbytes % 8:
            header[f"pad.{name}"] = {"dtype": "U8", "shape": [-array.nbytes % 8], "data_offsets": [start + array.nbytes, len(body)]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def write_manifest(folder: Path, size: int, version: str, made: dict) -> None:
    """`size`: the network's."""
    manifest = MODELS / "manifest.json"
    book = json.loads(manifest.read_text())
    frame = {kind: describe(folder / f"{kind}.onnx") for kind in FRAME_GRAPHS} | {
        f"{kind}{INT8}": file_entry(folder / f"{kind}-int8.onnx") for kind in FRAME_GRAPHS
    }
    book["models"][NAME] = {
        "version": version,
        "title": "Few-shot vid2vid for faces, trained by this project",
        "licence": "Apache-2.0",
        "semanticChannels": [],
        "landmarks": "tracked",
        "sharedBackground": True,
        "poseLimits": POSE_LIMITS,
        "cached": list(CACHED),
        "made": made,
        "composed": {
            "sizes": [size * scale for scale in SCALES],
            "networkSize": size,
            "enrolment": describe(folder / "enrolment.onnx"),
            **frame,
        },
    }
    manifest.write_text(json.dumps(book, indent=1) + "\n")


def made_by(state: dict, config: TrainConfig, data: Path) -> dict:
    sources = config.data.sources
    return {
        "steps": state["step"],
        "hours": round(state["trained_s"] / 3600, 2),
        "commit": state.get("commit", "unknown"),
        "sources": sources,
        "dataHash": data_hash(data, list(sources)),
    }


def write_graphs(network: Lite, folder: Path, given: Example) -> None:
    """enrolment.onnx, motion.onnx and picture.onnx, in float."""
    size = network.config.size
    pictures, plate = to_planes(given.portraits, size), to_planes(given.plate[None], size)
    person = network.enrol(pictures[None], given.portrait_landmarks[None], plate)
    past = Past(torch.rand(1, 3, size, size), given.landmarks[:1], torch.ones(1))
    index, run = torch.zeros(1, dtype=torch.long), run_network(network)
    step = make_frame(network.composition, Enrolled.by_network(network, person), given.landmarks[1:2], past, index, run)
    write_graph(
        EnrolmentGraph(network), {"portraits": pictures, "portrait_landmarks": given.portrait_landmarks}, CACHED, folder / "enrolment.onnx"
    )
    write_graph(MotionGraph(network), step.motion, MOTION_OUTPUTS, folder / "motion.onnx")
    write_graph(PictureGraph(network), step.picture, PICTURE_OUTPUTS, folder / "picture.onnx")


def data_hash(data: Path, sources: list[str]) -> str:
    """Of who was trained on, and of all landmarks, which no other pictures would give."""
    digest = hashlib.sha256()
    for name in sorted(sources):
        for file in ("index.json", "landmarks.npy"):
            digest.update((data / name / file).read_bytes())
    return digest.hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=MODELS / NAME)
    parser.add_argument("--version", required=True, help="raise it with every model that is put into use: people are enrolled anew")
    parser.add_argument(
        "--again",
        action="store_true",
        help="shipped weights once more: what the manifest says of their making stays, 8 bits are calibrated by the sources there are",
    )
    options = parser.parse_args()
    if not options.out.resolve().is_relative_to(MODELS.resolve()):
        parser.error(f"--out must lie in {MODELS}, where the manifest names its files from")
    config, state = checkpoint.read(options.checkpoint)
    sources = [name for name in config.data.sources if not options.again or (options.data / name / "index.json").exists()]
    networks = [checkpoint.load_model(options.checkpoint, scale).network for scale in SCALES]
    first, folder, size = networks[0], options.out, config.network.size
    folder.mkdir(parents=True, exist_ok=True)
    with torch.no_grad():
        write_graphs(first, folder, example(options.data))
    for kind in FRAME_GRAPHS:
        quantize.quantize_graph(
            folder / f"{kind}.onnx",
            feeds(first, calibration(first, options.data, sources, held_out=False), kind),
            folder / f"{kind}-int8.onnx",
        )
    alike = likeness(first, folder, calibration(first, options.data, sources, held_out=True))
    weights = folder / f"weights-{size}.pt"
    if options.checkpoint.resolve() != weights.resolve():
        checkpoint.lighten(options.checkpoint, weights)
    tensors, worst = parity([network for network in networks if network.scale in PARITY_SCALES], folder, options.data)
    write_safetensors(folder / "parity.safetensors", tensors)
    made = (
        json.loads((MODELS / "manifest.json").read_text())["models"][NAME]["made"]
        if options.again
        else made_by(state, config, options.data)
    )
    write_manifest(folder, size, options.version, made)
    total = sum(f.stat().st_size for f in folder.iterdir()) / 1e6
    print(f"{folder}: {total:.1f} MB; ONNX Runtime and PyTorch differ by at most {worst:.2g} of 1; with 8 bits {alike:.1f} dB from float")


if __name__ == "__main__":
    main()
