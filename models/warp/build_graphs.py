"""Writes the `warp` model's ONNX graphs and the manifest's entry for it. No learning, no weights.

    python models/warp/build_graphs.py

Enrolment: portraits -> what every frame samples (cached tensors). Frame: cached tensors + geometry -> I420 planes.
Everything is float32 in 0..1 unless it says otherwise; sampling grids are GridSample's (-1..1, align_corners 0), kept
inside of the outermost pixel centres by the caller, so that the fast zero-padding path never shows its zeros.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper

HERE = Path(__file__).parent
SIZES = (256, 512)
INTERIOR = 128
VERSION = "2"
OPSET = 17
CHANNELS = ("mouth", "mouth-light", "reuse", "fold")


class Graph:
    """Collects nodes and constants; every method returns the name of its output."""

    def __init__(self, name):
        self.name, self.nodes, self.constants, self.inputs, self.outputs, self.count = name, [], [], [], [], 0

    def const(self, value, dtype=np.float32):
        self.count += 1
        name = f"c{self.count}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def ints(self, *values):
        return self.const(values, np.int64)

    def op(self, kind, *inputs, out=None, **attributes):
        self.count += 1
        name = out or f"{kind.lower()}_{self.count}"
        self.nodes.append(h.make_node(kind, list(inputs), [name], **attributes))
        return name

    def input(self, name, shape, kind=T.FLOAT):
        self.inputs.append(h.make_tensor_value_info(name, kind, shape))
        return name

    def output(self, name, shape, kind=T.FLOAT):
        self.outputs.append(h.make_tensor_value_info(name, kind, shape))

    def slice(self, x, axis, start, end):
        return self.op("Slice", x, self.ints(start), self.ints(end), self.ints(axis))

    def sample(self, x, grid):
        return self.op("GridSample", x, grid, mode="bilinear", padding_mode="zeros", align_corners=0)

    def save(self, path):
        model = h.make_model(
            h.make_graph(self.nodes, self.name, self.inputs, self.outputs, self.constants),
            opset_imports=[h.make_opsetid("", OPSET)],
            ir_version=8,
            producer_name="gioconda",
        )
        onnx.checker.check_model(model, full_check=True)
        path.write_bytes(model.SerializeToString(deterministic=True))


def enrolment(size):
    g = Graph("warp-enrolment")
    portraits = g.input("portraits", ["K", 3, size, size])
    alpha = g.input("alpha", [1, 1, size, size])
    foreground = g.input("foreground", [1, 3, size, size])
    background = g.input("background", [1, 3, size, size])
    base = g.input("base_index", [1], T.INT64)
    interior = g.input("interior_index", [1], T.INT64)
    flow = g.input("interior_flow", [1, INTERIOR, INTERIOR, 2])
    mask = g.input("interior_mask", [1, 1, INTERIOR, INTERIOR])
    fill = g.input("interior_fill", [1, 3, INTERIOR, INTERIOR])
    gain = g.input("interior_gain", [1, 3, 1, 1])

    portrait = g.op("Gather", portraits, base, axis=0)
    plate = g.op("Clip", background, g.const(0), g.const(1), out="plate")
    # what the person adds over the plate, so that at rest the composite is the portrait itself; the more background shines
    # through, the more of the person's own colour instead, or a moving head would carry a seam of the old background along
    veil = g.op("Sub", g.const(1), alpha)
    over = g.op("Sub", portrait, g.op("Mul", veil, plate))
    own = g.op("Mul", alpha, foreground)
    over = g.op("Add", over, g.op("Mul", g.op("Mul", g.const(0.6), veil), g.op("Sub", own, over)))
    over = g.op("Max", g.op("Min", over, alpha), g.const(0))
    g.op("Concat", over, alpha, axis=1, out="source")

    teeth = g.op("Clip", g.op("Mul", g.sample(g.op("Gather", portraits, interior, axis=0), flow), gain), g.const(0), g.const(1))
    g.op("Add", fill, g.op("Mul", mask, g.op("Sub", teeth, fill)), out="interior")
    g.output("source", [1, 4, size, size])
    g.output("plate", [1, 3, size, size])
    g.output("interior", [1, 3, INTERIOR, INTERIOR])
    return g


def i420(g, rgb, size):
    """[1,3,S,S] 0..1 -> uint8 [1, S*3/2, S], BT.601 limited range, chroma averaged over 2x2."""
    luma = g.const(np.array([65.481, 128.553, 24.966]).reshape(1, 3, 1, 1))
    y = g.op("Conv", rgb, luma, g.const([16.5]))
    small = g.op("AveragePool", rgb, kernel_shape=[2, 2], strides=[2, 2])
    chroma = np.array([[-37.797, -74.203, 112.0], [112.0, -93.786, -18.214]]).reshape(2, 3, 1, 1)
    uv = g.op("Conv", small, g.const(chroma), g.const([128.5, 128.5]))
    y = g.op("Cast", y, to=T.UINT8)
    uv = g.op("Cast", uv, to=T.UINT8)
    y = g.op("Reshape", y, g.ints(1, size, size))
    uv = g.op("Reshape", uv, g.ints(1, size // 2, size))
    g.op("Concat", y, uv, axis=1, out="i420")
    g.output("i420", [1, size * 3 // 2, size], T.UINT8)


def frame(size):
    g = Graph("warp-frame")
    source = g.input("source", [1, 4, size, size])
    plate = g.input("plate", [1, 3, size, size])
    interior = g.input("interior", [1, 3, INTERIOR, INTERIOR])
    prior = g.input("prior_flow", [1, size, size, 2])
    inner = g.input("interior_flow", [1, size, size, 2])
    semantic = g.input("semantic_map", [1, len(CHANNELS), size, size])
    previous = g.input("previous_frame", [1, 3, size, size])
    back = g.input("previous_flow", [1, size, size, 2])
    mouth, light, reuse, fold = (g.slice(semantic, 1, i, i + 1) for i in range(len(CHANNELS)))

    person = g.sample(source, prior)
    veil = g.op("Sub", g.const(1), g.slice(person, 1, 3, 4))
    fresh = g.op("Add", g.slice(person, 1, 0, 3), g.op("Mul", veil, plate))
    # where one surface hides another the flow has a hard edge: smooth the picture there
    soft = g.op("AveragePool", fresh, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    fresh = g.op("Add", fresh, g.op("Mul", fold, g.op("Sub", soft, fresh)))
    inside = g.op("Mul", g.sample(interior, inner), light)
    fresh = g.op("Add", fresh, g.op("Mul", mouth, g.op("Sub", inside, fresh)))
    # the paper's matting: occlusion 1 takes the fresh pixel, 0 the previous output carried along
    g.op("Sub", g.const(1), reuse, out="occlusion")
    carried = g.sample(previous, back)
    mixed = g.op("Add", carried, g.op("Mul", "occlusion", g.op("Sub", fresh, carried)))
    g.op("Clip", mixed, g.const(0), g.const(1), out="frame")
    i420(g, "frame", size)
    g.output("frame", [1, 3, size, size])
    g.output("occlusion", [1, 1, size, size])
    return g


def tensors(values):
    kinds = {T.FLOAT: "float32", T.UINT8: "uint8", T.INT64: "int64"}
    out = {}
    for v in values:
        shape = [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim]
        out[v.name] = {"type": kinds[v.type.tensor_type.elem_type], "shape": shape, **RANGES.get(v.name, {})}
    return out


UNIT = {"range": [0, 1]}
GRID = {"range": [-1, 1], "meaning": "GridSample grid, align_corners 0"}
RANGES = {
    "portraits": {**UNIT, "layout": "NCHW RGB", "normalisation": "value / 255"},
    "alpha": {**UNIT, "meaning": "the person's share of each pixel of the base portrait; ones where there is no matte"},
    "foreground": {**UNIT, "layout": "NCHW RGB", "meaning": "the person's own colour, continued beyond the edge"},
    "background": {**UNIT, "layout": "NCHW RGB", "meaning": "the base portrait with the person filled from around"},
    "source": {**UNIT, "layout": "premultiplied RGBA"},
    "plate": UNIT,
    "interior": UNIT,
    "interior_mask": UNIT,
    "interior_fill": UNIT,
    "prior_flow": GRID,
    "interior_flow": {**GRID, "range": [-2, 1]},
    "previous_flow": GRID,
    "semantic_map": UNIT,
    "previous_frame": {**UNIT, "layout": "NCHW RGB"},
    "frame": {**UNIT, "layout": "NCHW RGB"},
    "occlusion": UNIT,
    "i420": {"range": [16, 240], "layout": "planar Y, U, V; BT.601 limited range"},
}


def entry(path, g):
    return {
        "file": path.relative_to(HERE.parent).as_posix(),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "inputs": tensors(g.inputs),
        "outputs": tensors(g.outputs),
    }


def main():
    variants = []
    for size in SIZES:
        pair = {}
        for kind, build in (("enrolment", enrolment), ("frame", frame)):
            path = HERE / f"{kind}-{size}.onnx"
            g = build(size)
            g.save(path)
            pair[kind] = entry(path, g)
        variants.append({"size": size, **pair})
    manifest = HERE.parent / "manifest.json"
    book = json.loads(manifest.read_text()) if manifest.exists() else {"format": 1, "default": "warp", "models": {}}
    book["models"]["warp"] = {
        "version": VERSION,
        "title": "Portrait warped by its face mesh; no learning",
        "licence": "Apache-2.0",
        "semanticChannels": list(CHANNELS),
        "interiorSize": INTERIOR,
        "cached": ["source", "plate", "interior"],
        "variants": variants,
    }
    manifest.write_text(json.dumps(book, indent=1) + "\n")


if __name__ == "__main__":
    main()
