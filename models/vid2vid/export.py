"""Writes a checkpoint as the two ONNX graphs of the server's contract: python -m vid2vid.export --checkpoint FILE --data DIR --out
../models/lite

Also the manifest's entry, the averaged weights to train on from, and a parity file: one held-out synthetic person's portraits and three
frames with what PyTorch makes of them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from . import checkpoint, quantize
from .data.batches import nearest_portrait
from .data.store import SourceReader
from .evaluation.animators import to_planes
from .evaluation.cases import evenly
from .networks.geometry import LANDMARKS
from .networks.lite import Lite, Past, Person

NAME = "lite"
OPSET = 17
MODELS = Path(__file__).parents[1]
CACHED = tuple(Person.__dataclass_fields__)
INT8_ENTRY, INT8_FILE = "frameInt8", "frame-int8"
SINGLE = ("plate", "interior", "interior_landmarks")  # one for all portraits, with its batch axis
# The server's AvatarFace compresses motion from the knee on and never reaches the limit; degrees, and natural log of scale.
POSE_LIMITS = {
    "nod": {"kneeDegrees": 16, "limitDegrees": 26},
    "turn": {"kneeDegrees": 20, "limitDegrees": 32},
    "tilt": {"kneeDegrees": 18, "limitDegrees": 30},
    "logScale": {"knee": 0.1, "limit": 0.24},
}
UNIT = {"range": [0, 1]}
PICTURE = {**UNIT, "layout": "NCHW RGB", "normalisation": "value / 255"}
POINTS = {"meaning": "x right, y down, z away, in picture widths"}
ABOUT = {
    "portraits": PICTURE,
    "portrait_landmarks": POINTS,
    "background": {**PICTURE, "meaning": "the base portrait with the person filled from around"},
    "plate": {**UNIT, "layout": "NCHW RGB", "meaning": "the background"},
    "references": {**UNIT, "layout": "NCHW RGB", "meaning": "the portraits"},
    "reference_landmarks": POINTS,
    "landmarks": POINTS,
    "previous_landmarks": {"meaning": "landmarks of the frame before"},
    "previous_frame": {**UNIT, "layout": "NCHW RGB", "meaning": "the output frame of the frame before"},
    "has_previous": {**UNIT, "meaning": "1, or 0 when there was no frame before"},
    "reference_index": {"meaning": "the portrait to be warped: the one whose head looks most alike, the calm one before its likes"},
    "keep": {**UNIT, "meaning": "share of the previous output that stays as it is: a cross-fade"},
    "keys": {"meaning": "attention keys of each portrait's places"},
    "values": {"meaning": "appearance at these places"},
    "weights": {"meaning": "generated weights of the modulation convolutions"},
    "interior": {**UNIT, "layout": "NCHW RGB and mask", "meaning": "the open mouth of the portrait that shows most teeth, 0 elsewhere"},
    "interior_landmarks": {"meaning": "landmarks of that portrait"},
    "frame": {**UNIT, "layout": "NCHW RGB"},
    "i420": {"range": [16, 240], "layout": "planar Y, U, V; BT.601 limited range"},
}


class EnrolmentGraph(nn.Module):
    """Portraits of one person -> the cached tensors."""

    def __init__(self, network: Lite):
        super().__init__()
        self.network = network

    def forward(self, portraits: Tensor, portrait_landmarks: Tensor, background: Tensor) -> tuple[Tensor, ...]:
        person = self.network.enrol(portraits[None], portrait_landmarks[None], background)
        size = self.network.output
        single = (
            person.interior.reshape(1, 4, size, size),
            person.interior_landmarks.reshape(1, LANDMARKS, 3),
        )  # what is chosen would have an open first axis
        return (
            background.clamp(0, 1),
            portraits.clamp(0, 1),
            portrait_landmarks + 0.0,
            person.keys[0],
            person.values[0],
            person.weights[0],
            *single,
        )


class FrameGraph(nn.Module):
    """Cached tensors and this frame's landmarks -> I420 and RGB."""

    def __init__(self, network: Lite):
        super().__init__()
        self.network = network
        luma = torch.tensor([65.481, 128.553, 24.966]).view(1, 3, 1, 1)
        chroma = torch.tensor([[-37.797, -74.203, 112.0], [112.0, -93.786, -18.214]]).view(2, 3, 1, 1)
        self.register_buffer("luma", luma), self.register_buffer("chroma", chroma)

    def forward(
        self, plate: Tensor, references: Tensor, reference_landmarks: Tensor, keys: Tensor, values: Tensor, weights: Tensor,
        interior: Tensor,
        interior_landmarks: Tensor, landmarks: Tensor, previous_landmarks: Tensor, previous_frame: Tensor, has_previous: Tensor,
        reference_index: Tensor, keep: Tensor,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        person = Person(
            plate, references[None], reference_landmarks[None], keys[None], values[None], weights[None], interior, interior_landmarks
        )
        made = self.network(person, landmarks, Past(previous_frame, previous_landmarks, has_previous), reference_index)["frame"]
        frame = (made + keep * (previous_frame - made)).clamp(0, 1)
        frame = frame.reshape(
            1, 3, self.network.output, self.network.output
        )  # gathers leave open axes, and the server makes room for it beforehand
        return self.i420(frame), frame

    def i420(self, rgb: Tensor) -> Tensor:
        """[1, 3, S, S] 0..1 -> uint8 [1, S * 3 / 2, S], BT.601 limited range, chroma averaged over 2 x 2."""
        size = self.network.output
        y = nn.functional.conv2d(rgb, self.luma) + 16.5
        uv = nn.functional.conv2d(nn.functional.avg_pool2d(rgb, 2), self.chroma) + 128.5
        planes = [y.to(torch.uint8).reshape(1, size, size), uv.to(torch.uint8).reshape(1, size // 2, size)]
        return torch.cat(planes, 1)


def frame_inputs(person: Person, landmarks: Tensor, past: Past, index: Tensor) -> dict[str, Tensor]:
    """For one person, by the graph's names."""
    cached = {name: getattr(person, name) if name in SINGLE else getattr(person, name)[0] for name in CACHED}
    return cached | {
        "landmarks": landmarks, "previous_landmarks": past.landmarks, "previous_frame": past.frame, "has_previous": past.known,
        "reference_index": index, "keep": torch.zeros(1),
    }  # fmt: skip


def write_graph(module: nn.Module, inputs: dict[str, Tensor], outputs: list[str], path: Path, dynamic: set[str]) -> None:
    with warnings.catch_warnings():  # the tracer doubts constants that are constant here
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, tuple(inputs.values()), str(path), input_names=list(inputs), output_names=outputs, opset_version=OPSET,
            dynamic_axes={name: {0: "K"} for name in dynamic}, dynamo=False,
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


def example(data: Path, size: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Two portraits [2, 3, S, S] and their landmarks of a held-out person (a synthetic one where there are any), and landmarks [3, 478, 3]
    of consecutive frames; the plate [1, 3, S, S]."""
    kinds = [name for name in ("synthetic", *sorted(f.name for f in data.iterdir())) if (data / name / "index.json").exists()]
    reader = SourceReader(data / kinds[0])
    person = reader.people(held_out=True)[0]
    frames, points = reader.array("frames"), reader.array("landmarks")
    rows = [person.start, person.start + 1]
    number = reader.source.people.index(person)
    pictures, plate = to_planes(frames[rows], size), to_planes(reader.array("plate")[number : number + 1], size)
    start = person.clips[0].start
    return (
        pictures,
        torch.from_numpy(points[rows].astype(np.float32)),
        torch.from_numpy(points[start : start + 3].astype(np.float32)),
        plate,
    )


@torch.no_grad()
def parity(network: Lite, folder: Path, data: Path) -> tuple[dict[str, np.ndarray], float]:
    """Runs PyTorch and ONNX Runtime over the same three frames; gives the file's tensors and the largest difference of `frame`."""
    size = network.config.size
    portraits, portrait_points, points, plate = example(data, size)
    run = {
        kind: onnxruntime.InferenceSession(str(folder / f"{kind}-{size}.onnx"), providers=["CPUExecutionProvider"])
        for kind in ("enrolment", "frame")
    }
    person = network.enrol(portraits[None], portrait_points[None], plate)
    cached = dict(
        zip(
            CACHED,
            run["enrolment"].run(
                list(CACHED), {"portraits": portraits.numpy(), "portrait_landmarks": portrait_points.numpy(), "background": plate.numpy()}
            ),
        )
    )
    worst = max(float(np.abs(cached[name].squeeze() - getattr(person, name).numpy().squeeze()).max()) for name in CACHED)
    tensors = {
        "portraits": (portraits * 255).round().byte().numpy(),
        "background": (plate * 255).round().byte().numpy(),
        "portrait_landmarks": portrait_points.numpy(),
        "landmarks": points.numpy(),
    }
    graph, past = FrameGraph(network), Past.none(points[:1], size)
    for number in range(len(points)):
        now = points[number : number + 1]
        inputs = frame_inputs(person, now, past, nearest_portrait(person.reference_landmarks, now))
        i420, frame = graph(*inputs.values())
        feed = {name: value.numpy() for name, value in inputs.items()} | cached
        worst = max(worst, float(np.abs(run["frame"].run(["frame"], feed)[0] - frame.numpy()).max()))
        tensors[f"i420.{number}"] = i420.numpy()
        tensors[f"reference_index.{number}"] = inputs["reference_index"].numpy().astype(np.int32)
        tensors[f"frame.{number}"] = np.ascontiguousarray(frame[:, :, ::4, ::4].numpy())
        past = Past(frame, now, torch.ones(1))
    return tensors, worst


@torch.no_grad()
def calibration_inputs(network: Lite, data: Path, sources: list[str], *, held_out: bool) -> Iterator[dict[str, np.ndarray]]:
    """The frame graph's inputs for frames all over the clips of some people of each source, with one to four portraits; each from the frame
    made before."""
    size = network.config.size
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
                yield {key: value.numpy() for key, value in frame_inputs(enrolled, now, past, index).items()}


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
    manifest = MODELS / "manifest.json"
    book = json.loads(manifest.read_text())
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
        "variants": [
            {
                "size": size,
                **{kind: describe(folder / f"{kind}-{size}.onnx") for kind in ("enrolment", "frame")},
                INT8_ENTRY: file_entry(folder / f"{INT8_FILE}-{size}.onnx"),
            }
        ],
    }
    manifest.write_text(json.dumps(book, indent=1) + "\n")


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
    options = parser.parse_args()
    if not options.out.resolve().is_relative_to(MODELS.resolve()):
        parser.error(f"--out must lie in {MODELS}, where the manifest names its files from")
    config, state = checkpoint.read(options.checkpoint)
    network = checkpoint.load_model(options.checkpoint).network
    size = config.network.size
    options.out.mkdir(parents=True, exist_ok=True)
    float_graph, int8_graph = (options.out / f"{kind}-{size}.onnx" for kind in ("frame", INT8_FILE))
    portraits, portrait_points, points, plate = example(options.data, size)
    with torch.no_grad():
        person = network.enrol(portraits[None], portrait_points[None], plate)
        past = Past(torch.rand(1, 3, size, size), points[:1], torch.ones(1))
        write_graph(
            EnrolmentGraph(network), {"portraits": portraits, "portrait_landmarks": portrait_points, "background": plate}, list(CACHED),
            options.out / f"enrolment-{size}.onnx", {"portraits", "portrait_landmarks", *CACHED} - {*SINGLE},
        )  # fmt: skip
        write_graph(
            FrameGraph(network),
            frame_inputs(person, points[1:2], past, torch.zeros(1, dtype=torch.long)),
            ["i420", "frame"],
            float_graph,
            set(CACHED) - {*SINGLE},
        )
    trained_on = list(config.data.sources)
    quantize.quantize_frame(float_graph, calibration_inputs(network, options.data, trained_on, held_out=False), int8_graph)
    sessions = (onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]) for path in (float_graph, int8_graph))
    likeness = quantize.likeness(*sessions, calibration_inputs(network, options.data, trained_on, held_out=True))
    checkpoint.lighten(options.checkpoint, options.out / f"weights-{size}.pt")
    tensors, worst = parity(network, options.out, options.data)
    write_safetensors(options.out / f"parity-{size}.safetensors", tensors)
    made = {
        "steps": state["step"],
        "hours": round(state["trained_s"] / 3600, 2),
        "commit": state.get("commit", "unknown"),
        "sources": config.data.sources,
        "dataHash": data_hash(options.data, trained_on),
    }
    write_manifest(options.out, size, options.version, made)
    total = sum(f.stat().st_size for f in options.out.iterdir()) / 1e6
    print(
        f"{options.out}: {total:.1f} MB; ONNX Runtime and PyTorch differ by at most {worst:.2g} of 1; "
        f"with 8 bits {likeness:.1f} dB from float"
    )


if __name__ == "__main__":
    main()
