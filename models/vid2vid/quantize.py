"""A frame's graphs with 8-bit convolutions where that cannot be seen: what the CPU runs.

In float stay W, whose rounding moves edges, and the finest level, whose rounding is the picture's own: with them in 8 bits the distances to
the truth are the same but still pictures flicker. Weights have 7 bits: on x86 without VNNI two products of 8 bits overflow the 16 in which
they are summed (ONNX Runtime, "Quantize ONNX models", on reduce_range)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

KEPT = ("/flow_", "/key/", "/levels.0/", "/warped.0/", "/at_2/", "/refine_2/", "/out/")  # in float
PEOPLE, FRAMES = 6, 6  # of each source, to find the activations' ranges with


class CalibrationInputs(CalibrationDataReader):
    def __init__(self, feeds: Iterator[dict[str, np.ndarray]]):
        self._feeds = feeds

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._feeds, None)


def convolutions(graph: onnx.GraphProto) -> list[str]:
    return [node.name for node in graph.node if node.op_type == "Conv" and not any(part in node.name for part in KEPT)]


def quantize_graph(source: Path, feeds: Iterator[dict[str, np.ndarray]], path: Path) -> None:
    """`source`: the graph in float. `feeds`: its inputs for some frames of people it was trained on. Raises ValueError when there is
    nothing to quantise."""
    prepared = path.with_suffix(".prepared")
    try:
        quant_pre_process(source, prepared, skip_symbolic_shape=True)
        names = convolutions(onnx.load(str(prepared)).graph)
        if not names:
            raise ValueError(f"{source} has no convolutions of a network")
        quantize_static(
            str(prepared),
            str(path),
            CalibrationInputs(feeds),
            quant_format=QuantFormat.QDQ,
            nodes_to_quantize=names,
            op_types_to_quantize=["Conv"],
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
    finally:
        prepared.unlink(missing_ok=True)
    model = onnx.load(str(path))
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString(deterministic=True))
