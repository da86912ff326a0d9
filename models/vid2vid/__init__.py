"""Few-shot vid2vid for faces: data, networks, training, export and evaluation of the model `lite` (docs/model.md tells the method)."""

import os

# Read when ONNX Runtime loads, which some of our modules do: no host is looked up, no file is written outside of ours.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
