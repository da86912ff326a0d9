"""Few-shot vid2vid for faces: data, networks, training, export and evaluation of the model `lite` (docs/model.md tells the method)."""
