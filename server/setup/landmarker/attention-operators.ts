/**
 * The three custom operators of MediaPipe's attention mesh, said in ONNX's own operators.
 *
 * The network finds the mesh, cuts lips and eyes out of its own feature map by the mesh (`Landmarks2TransformMatrix`,
 * `TransformTensorBilinear`), refines them there, and carries the refined points back (`TransformLandmarks`).
 * Paper: Grishchenko et al., Attention Mesh, CVPR 2020 workshop, arXiv 2006.10962. Version 2 of each operator.
 */
import type { OnnxGraph } from './onnx-graph.ts';

export interface RegionOptions {
  /** Landmarks whose line is made horizontal. */
  leftIndex: number;
  rightIndex: number;
  /** Landmarks whose box (in the turned frame) is cut out, enlarged by `scale`. */
  subset: number[];
  scale: [x: number, y: number];
  outputSize: [width: number, height: number];
}

function numbers(value: unknown): number[] {
  if (!Array.isArray(value)) throw new Error('tflite: a list was expected in the custom options');
  return value.flat().map(Number);
}

export function regionOptions(options: Record<string, unknown>): RegionOptions {
  if (Number(options.target_rotation_radians) !== 0) throw new Error('tflite: Landmarks2TransformMatrix supports no target rotation but 0');
  return {
    leftIndex: Number(options.left_rotation_idx),
    rightIndex: Number(options.right_rotation_idx),
    subset: numbers(options.subset_idxs),
    scale: [Number(options.scale_x), Number(options.scale_y)],
    outputSize: [Number(options.output_width), Number(options.output_height)],
  };
}

const slice = (graph: OnnxGraph, value: string, axis: number, from: number, to: number): string =>
  graph.add('Slice', [value, graph.ints([from]), graph.ints([to]), graph.ints([axis])]);

/** [1, n, 3] landmarks → [1, 4, 4], which takes pixels of the cut-out region to pixels of the feature map. */
export function landmarksToTransformMatrix(graph: OnnxGraph, landmarks: string, options: RegionOptions): string {
  const { leftIndex, rightIndex, subset, scale, outputSize } = options;
  const flat = slice(graph, landmarks, 2, 0, 2);
  const left = graph.add('Gather', [flat, graph.ints([leftIndex])], { axis: 1 });
  const right = graph.add('Gather', [flat, graph.ints([rightIndex])], { axis: 1 });
  const across = graph.add('Sub', [right, left]);
  // The unit vector along the line is (cos, sin) of its angle: no arc tangent needed, and no quadrant lost.
  const along = graph.add('Div', [across, graph.add('ReduceL2', [across], { axes: [2], keepdims: 1 })]);
  const normal = graph.add('MatMul', [along, graph.floats([0, 1, -1, 0], [1, 2, 2])]);
  const inverse = graph.add('Concat', [along, normal], { axis: 1 }); // rows: the frame's axes
  const rotation = graph.add('Transpose', [inverse], { perm: [0, 2, 1] });

  const turned = graph.add('MatMul', [graph.add('Gather', [flat, graph.ints(subset)], { axis: 1 }), rotation]);
  const low = graph.add('ReduceMin', [turned], { axes: [1], keepdims: 1 });
  const high = graph.add('ReduceMax', [turned], { axes: [1], keepdims: 1 });
  const centre = graph.add('MatMul', [graph.add('Mul', [graph.add('Add', [low, high]), graph.floats([0.5], [1])]), inverse]);

  const [width, height] = outputSize;
  const perPixel = graph.add('Mul', [graph.add('Sub', [high, low]), graph.floats([scale[0] / width, scale[1] / height], [1, 1, 2])]);
  const linear = graph.add('Mul', [rotation, perPixel]);
  const toCorner = graph.add('MatMul', [linear, graph.floats([-width / 2, -height / 2], [1, 2, 1])]);
  const shift = graph.add('Add', [graph.add('Transpose', [centre], { perm: [0, 2, 1] }), toCorner]);
  const top = graph.add('Concat', [linear, graph.floats([0, 0], [1, 2, 1]), shift], { axis: 2 });
  return graph.add('Concat', [top, graph.floats([0, 0, 1, 0, 0, 0, 0, 1], [1, 2, 4])], { axis: 1 });
}

/** Cuts a region out of a feature map [1, C, h, w] by a [1, 4, 4] matrix; 0 wherever it leaves the map's pixel centres. */
export function transformTensorBilinear(
  graph: OnnxGraph,
  input: { map: string; shape: number[]; matrix: string },
  outputSize: [number, number],
): string {
  const [mapHeight, mapWidth] = [input.shape[1] ?? 0, input.shape[2] ?? 0];
  const [width, height] = outputSize;
  const centres: number[] = [];
  for (let y = 0; y < height; y += 1) for (let x = 0; x < width; x += 1) centres.push(x + 0.5, y + 0.5, 0, 1);
  const rows = graph.add('Transpose', [slice(graph, input.matrix, 1, 0, 2)], { perm: [0, 2, 1] });
  const places = graph.add('MatMul', [graph.floats(centres, [1, width * height, 4]), rows]); // pixel corners at whole numbers
  const grid = graph.add('Sub', [
    graph.add('Mul', [places, graph.floats([2 / mapWidth, 2 / mapHeight], [1, 1, 2])]),
    graph.floats([1], [1]),
  ]);
  const shaped = graph.add('Reshape', [grid, graph.ints([1, height, width, 2])]);
  const sampled = graph.add('GridSample', [input.map, shaped], { mode: 'bilinear', padding_mode: 'zeros', align_corners: 0 });
  const above = graph.add('GreaterOrEqual', [places, graph.floats([0.5], [1])]);
  const below = graph.add('LessOrEqual', [places, graph.floats([mapWidth - 0.5, mapHeight - 0.5], [1, 1, 2])]);
  const inside = graph.add('ReduceMin', [graph.add('Cast', [graph.add('And', [above, below])], { to: 1 })], { axes: [2], keepdims: 1 });
  return graph.add('Mul', [sampled, graph.add('Reshape', [inside, graph.ints([1, 1, height, width])])]);
}

/** [1, n, 2] points of a region → the frame that the [1, 4, 4] matrix leads to. */
export function transformLandmarks(graph: OnnxGraph, landmarks: string, matrix: string): string {
  const top = slice(graph, matrix, 1, 0, 2);
  const linear = graph.add('Transpose', [slice(graph, top, 2, 0, 2)], { perm: [0, 2, 1] });
  const shift = graph.add('Transpose', [slice(graph, top, 2, 3, 4)], { perm: [0, 2, 1] });
  return graph.add('Add', [graph.add('MatMul', [landmarks, linear]), shift]);
}
