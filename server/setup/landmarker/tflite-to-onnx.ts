/**
 * Turns a TensorFlow Lite network into ONNX: float32, channels first.
 *
 * Feature maps ([1, h, w, c] in tflite) become [1, c, h, w]; tensors of other ranks keep their layout. Constants are folded and laid
 * out at conversion, so the graph that runs has no transposes but before a reshape that mixes channels with places.
 */
import { landmarksToTransformMatrix, regionOptions, transformLandmarks, transformTensorBilinear } from './attention-operators.ts';
import { OnnxGraph } from './onnx-graph.ts';
import type { TfliteModel, TfliteOperator, TfliteTensor } from './tflite-model.ts';

/** The schema's Padding and ActivationFunctionType. */
const SAME = 0;
const activations: Record<number, string | null> = { 0: null, 1: 'Relu' };

export class TfliteConverter {
  readonly graph: OnnxGraph;
  readonly model: TfliteModel;
  private readonly values = new Map<number, string>();

  constructor(name: string, model: TfliteModel) {
    this.graph = new OnnxGraph(name);
    this.model = model;
    for (const index of model.inputs) {
      const { shape } = this.tensor(index);
      this.values.set(index, this.graph.input('image', channelsFirst(shape)));
    }
    for (const operator of model.operators) this.convert(operator);
  }

  /** The ONNX value of a tflite tensor by its name. @throws Error when there is none. */
  valueNamed(name: string): string {
    const index = this.model.tensors.findIndex((tensor) => tensor.name === name);
    return this.value(index);
  }

  private tensor(index: number | undefined): TfliteTensor {
    const tensor = this.model.tensors[index ?? -1];
    if (tensor === undefined) throw new Error(`tflite: no tensor ${index}`);
    return tensor;
  }

  private floats(index: number | undefined): Float32Array {
    const { data, name } = this.tensor(index);
    if (!(data instanceof Float32Array)) throw new Error(`tflite: ${name} is not a float constant`);
    return data;
  }

  private integers(index: number | undefined): number[] {
    const { data, name } = this.tensor(index);
    if (!(data instanceof Int32Array)) throw new Error(`tflite: ${name} is not an integer constant`);
    return [...data];
  }

  private value(index: number | undefined): string {
    const known = this.values.get(index ?? -1);
    if (known !== undefined) return known;
    const { shape } = this.tensor(index);
    const data = this.floats(index);
    const name =
      shape.length === 4 ? this.graph.floats(permute(data, shape, [0, 3, 1, 2]), channelsFirst(shape)) : this.graph.floats(data, shape);
    this.values.set(index ?? -1, name);
    return name;
  }

  private convert(operator: TfliteOperator): void {
    const handler = handlers[operator.name];
    const [output] = operator.outputs;
    if (handler === undefined || output === undefined) throw new Error(`tflite: operator ${operator.name} is not supported`);
    const value = handler.call(this, operator);
    if (value !== null) this.values.set(output, value);
  }

  /** float16 weights: unpacked in place, so that later operators see plain float constants. */
  dequantize({ inputs, outputs }: TfliteOperator): null {
    const { data, name } = this.tensor(inputs[0]);
    if (!(data instanceof Uint16Array)) throw new Error(`tflite: ${name} is not a float16 constant`);
    this.tensor(outputs[0]).data = halfToFloat(data);
    return null;
  }

  convolution(operator: TfliteOperator): string {
    const [input, weights, bias] = operator.inputs;
    const shape = this.tensor(weights).shape;
    const depthwise = operator.name === 'DEPTHWISE_CONV_2D';
    // Conv: [out, kh, kw, in] → [out, in, kh, kw]. Depthwise: [1, kh, kw, out] → [out, 1, kh, kw].
    const order = depthwise ? [3, 0, 1, 2] : [0, 3, 1, 2];
    const kernel = [shape[1] ?? 1, shape[2] ?? 1];
    const strides = [operator.option(2, 'int', 1), operator.option(1, 'int', 1)];
    const dilations = depthwise
      ? [operator.option(6, 'int', 1), operator.option(5, 'int', 1)]
      : [operator.option(5, 'int', 1), operator.option(4, 'int', 1)];
    const inputShape = this.tensor(input).shape;
    const onnxWeights = this.graph.floats(
      permute(this.floats(weights), shape, order),
      order.map((axis) => shape[axis] ?? 1),
    );
    const inputs = [this.value(input), onnxWeights];
    if (bias !== undefined && bias >= 0) inputs.push(this.value(bias));
    const convolved = this.graph.add('Conv', inputs, {
      kernel_shape: kernel,
      strides,
      dilations,
      group: depthwise ? (inputShape[3] ?? 1) : 1,
      pads: padding(operator.option(0, 'byte', SAME), { size: inputShape, kernel, strides, dilations }),
    });
    return this.activated(convolved, operator.option(depthwise ? 4 : 3, 'byte', 0));
  }

  /** MediaPipe's own transposed convolution with a bias: weights [out, kh, kw, in], options a C struct {padding, strideW, strideH}. */
  transposedConvolution(operator: TfliteOperator): string {
    const [input, weights, bias] = operator.inputs;
    const shape = this.tensor(weights).shape;
    const [strideW = 0, strideH = 0] = new Int32Array(operator.customBytes().buffer as ArrayBuffer, 4, 2);
    if (strideH !== shape[1] || strideW !== shape[2]) throw new Error('tflite: a transposed convolution with overlap is not supported');
    const onnxWeights = this.graph.floats(
      permute(this.floats(weights), shape, [3, 0, 1, 2]),
      [3, 0, 1, 2].map((axis) => shape[axis] ?? 1),
    );
    return this.graph.add('ConvTranspose', [this.value(input), onnxWeights, this.value(bias)], {
      kernel_shape: [strideH, strideW],
      strides: [strideH, strideW],
    });
  }

  pool(operator: TfliteOperator): string {
    const { shape } = this.tensor(operator.inputs[0]);
    const kernel = [operator.option(4, 'int', 1), operator.option(3, 'int', 1)];
    const strides = [operator.option(2, 'int', 1), operator.option(1, 'int', 1)];
    const input = this.value(operator.inputs[0]);
    if (operator.name === 'AVERAGE_POOL_2D' && kernel[0] === shape[1] && kernel[1] === shape[2])
      return this.graph.add('GlobalAveragePool', [input]);
    const pads = padding(operator.option(0, 'byte', SAME), { size: shape, kernel, strides, dilations: [1, 1] });
    const name = operator.name === 'MAX_POOL_2D' ? 'MaxPool' : 'AveragePool';
    return this.activated(this.graph.add(name, [input], { kernel_shape: kernel, strides, pads }), operator.option(5, 'byte', 0));
  }

  elementwise(operator: TfliteOperator): string {
    const name = operator.name === 'ADD' ? 'Add' : 'Mul';
    return this.activated(
      this.graph.add(
        name,
        operator.inputs.map((index) => this.value(index)),
      ),
      operator.option(0, 'byte', 0),
    );
  }

  unary(operator: TfliteOperator): string {
    const name = { RELU: 'Relu', LOGISTIC: 'Sigmoid', HARD_SWISH: 'HardSwish' }[operator.name] ?? '';
    return this.graph.add(name, [this.value(operator.inputs[0])]);
  }

  /**
   * PReLU with one slope a channel as slope * x + (1 - slope) * relu(x), the factors as 1x1 depthwise convolutions: onnxruntime fuses
   * these and keeps its blocked layout between them, which it gives up at a PRelu. The mesh takes 2.1 instead of 4.6 ms.
   */
  prelu(operator: TfliteOperator): string {
    const input = this.value(operator.inputs[0]);
    const slopes = this.floats(operator.inputs[1]);
    const scaled = (value: string, factors: Float32Array) =>
      this.graph.add('Conv', [value, this.graph.floats(factors, [slopes.length, 1, 1, 1])], { kernel_shape: [1, 1], group: slopes.length });
    const rest = slopes.map((slope) => 1 - slope);
    return this.graph.add('Add', [scaled(input, slopes), scaled(this.graph.add('Relu', [input]), rest)]);
  }

  pad(operator: TfliteOperator): string {
    const [n0 = 0, n1 = 0, top = 0, bottom = 0, left = 0, right = 0, c0 = 0, c1 = 0] = this.integers(operator.inputs[1]);
    return this.graph.add('Pad', [this.value(operator.inputs[0]), this.graph.ints([n0, c0, top, left, n1, c1, bottom, right])]);
  }

  reshape(operator: TfliteOperator): string {
    const from = this.tensor(operator.inputs[0]).shape;
    const to = this.tensor(operator.outputs[0]).shape;
    let value = this.value(operator.inputs[0]);
    // Memory order is that of channels last; with a single place both orders are the same.
    const mixed = from.length === 4 && (from[1] ?? 1) * (from[2] ?? 1) > 1;
    if (mixed) value = this.graph.add('Transpose', [value], { perm: [0, 2, 3, 1] });
    if (to.length === 4 && (to[1] ?? 1) * (to[2] ?? 1) > 1) throw new Error('tflite: a reshape to a feature map is not supported');
    return this.graph.add('Reshape', [value, this.graph.ints(to.length === 4 ? channelsFirst(to) : to)]);
  }

  concatenate(operator: TfliteOperator): string {
    const { shape } = this.tensor(operator.outputs[0]);
    const axis = (operator.option(0, 'int', 0) + shape.length) % shape.length;
    const onnxAxis = shape.length === 4 ? ([0, 2, 3, 1][axis] ?? 0) : axis;
    return this.graph.add(
      'Concat',
      operator.inputs.map((index) => this.value(index)),
      { axis: onnxAxis },
    );
  }

  resize(operator: TfliteOperator): string {
    const alignCorners = operator.option(2, 'byte', 0) === 1;
    const halfPixels = operator.option(3, 'byte', 0) === 1;
    const mode = alignCorners ? 'align_corners' : halfPixels ? 'half_pixel' : 'asymmetric';
    const sizes = this.graph.ints(channelsFirst(this.tensor(operator.outputs[0]).shape));
    return this.graph.add('Resize', [this.value(operator.inputs[0]), '', '', sizes], {
      mode: 'linear',
      coordinate_transformation_mode: mode,
    });
  }

  /** Only the slice that takes everything occurs (a renamed output). */
  stridedSlice(operator: TfliteOperator): string {
    const [from, to] = [this.tensor(operator.inputs[0]).shape, this.tensor(operator.outputs[0]).shape];
    if (from.join() !== to.join()) throw new Error('tflite: a slice that cuts is not supported');
    return this.value(operator.inputs[0]);
  }

  regionMatrix(operator: TfliteOperator): string {
    return landmarksToTransformMatrix(this.graph, this.value(operator.inputs[0]), regionOptions(operator.customMap()));
  }

  regionOfMap(operator: TfliteOperator): string {
    const [map, matrix] = operator.inputs;
    const [, height = 0, width = 0] = this.tensor(operator.outputs[0]).shape;
    return transformTensorBilinear(this.graph, { map: this.value(map), shape: this.tensor(map).shape, matrix: this.value(matrix) }, [
      width,
      height,
    ]);
  }

  pointsOutOfRegion(operator: TfliteOperator): string {
    return transformLandmarks(this.graph, this.value(operator.inputs[0]), this.value(operator.inputs[1]));
  }

  private activated(value: string, activation: number): string {
    const name = activations[activation];
    if (name === undefined) throw new Error(`tflite: activation ${activation} is not supported`);
    return name === null ? value : this.graph.add(name, [value]);
  }
}

type Handler = (this: TfliteConverter, operator: TfliteOperator) => string | null;
const is = TfliteConverter.prototype;
const handlers: Record<string, Handler> = {
  DEQUANTIZE: is.dequantize,
  CONV_2D: is.convolution,
  DEPTHWISE_CONV_2D: is.convolution,
  Convolution2DTransposeBias: is.transposedConvolution,
  MAX_POOL_2D: is.pool,
  AVERAGE_POOL_2D: is.pool,
  ADD: is.elementwise,
  MUL: is.elementwise,
  RELU: is.unary,
  LOGISTIC: is.unary,
  HARD_SWISH: is.unary,
  PRELU: is.prelu,
  PAD: is.pad,
  RESHAPE: is.reshape,
  CONCATENATION: is.concatenate,
  RESIZE_BILINEAR: is.resize,
  STRIDED_SLICE: is.stridedSlice,
  Landmarks2TransformMatrix: is.regionMatrix,
  TransformTensorBilinear: is.regionOfMap,
  TransformLandmarks: is.pointsOutOfRegion,
};

const channelsFirst = (shape: number[]): number[] => [0, 3, 1, 2].map((axis) => shape[axis] ?? 1);

/** tflite's SAME padding puts the odd row and column at the end: [top, left, bottom, right]. */
function padding(scheme: number, layer: { size: number[]; kernel: number[]; strides: number[]; dilations: number[] }): number[] {
  if (scheme !== SAME) return [0, 0, 0, 0];
  const along = (axis: 0 | 1): [number, number] => {
    const size = layer.size[axis + 1] ?? 1;
    const stride = layer.strides[axis] ?? 1;
    const reach = ((layer.kernel[axis] ?? 1) - 1) * (layer.dilations[axis] ?? 1) + 1;
    const total = Math.max((Math.ceil(size / stride) - 1) * stride + reach - size, 0);
    return [Math.floor(total / 2), Math.ceil(total / 2)];
  };
  const [top, bottom] = along(0);
  const [left, right] = along(1);
  return [top, left, bottom, right];
}

/** Reorders the axes of a 4-D array. */
export function permute(data: Float32Array, shape: number[], order: number[]): Float32Array {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
  const [a = 1, b = 1, c = 1, d = 1] = order.map((axis) => shape[axis] ?? 1);
  const [sa = 0, sb = 0, sc = 0, sd = 0] = order.map((axis) => strides[axis] ?? 0);
  const out = new Float32Array(data.length);
  let at = 0;
  for (let i = 0; i < a; i += 1)
    for (let j = 0; j < b; j += 1)
      for (let k = 0; k < c; k += 1) for (let l = 0; l < d; l += 1) out[at++] = data[i * sa + j * sb + k * sc + l * sd] ?? 0;
  return out;
}

/** IEEE 754 binary16 bits → numbers. */
export function halfToFloat(bits: Uint16Array): Float32Array {
  return Float32Array.from(bits, (half) => {
    const sign = half & 0x8000 ? -1 : 1;
    const exponent = (half >> 10) & 31;
    const fraction = half & 1023;
    if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
    return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  });
}
