/**
 * Builds an ONNX model in memory and encodes it (protobuf, IR version 8, opset 17).
 * Field numbers are those of onnx.proto3; the wire format is RFC-less but short: developers.google.com/protocol-buffers/docs/encoding.
 */
const OPSET = 17;
const IR_VERSION = 8;
/** TensorProto.DataType. */
const types = { float32: 1, uint8: 2, int64: 7, bool: 9 } as const;
export type OnnxType = keyof typeof types;

/** A graph is the body of a control flow operator. */
export type OnnxAttribute = number | number[] | string | { float: number } | { graph: OnnxGraph };
type Constant = Float32Array | BigInt64Array;

/** A protobuf message under construction. */
class Message {
  private readonly chunks: Uint8Array[] = [];
  private length = 0;

  private push(bytes: Uint8Array): void {
    this.chunks.push(bytes);
    this.length += bytes.length;
  }

  private varint(value: number | bigint): void {
    let rest = BigInt.asUintN(64, BigInt(value));
    const bytes: number[] = [];
    while (rest > 127n) {
      bytes.push(Number(rest & 127n) | 128);
      rest >>= 7n;
    }
    bytes.push(Number(rest));
    this.push(Uint8Array.from(bytes));
  }

  int(field: number, value: number | bigint): this {
    this.varint(field << 3);
    this.varint(value);
    return this;
  }

  float(field: number, value: number): this {
    this.varint((field << 3) | 5);
    this.push(new Uint8Array(Float32Array.of(value).buffer));
    return this;
  }

  bytes(field: number, value: Uint8Array): this {
    this.varint((field << 3) | 2);
    this.varint(value.length);
    this.push(value);
    return this;
  }

  text(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value));
  }

  message(field: number, value: Message): this {
    return this.bytes(field, value.encode());
  }

  encode(): Uint8Array {
    const whole = new Uint8Array(this.length);
    let at = 0;
    for (const chunk of this.chunks) {
      whole.set(chunk, at);
      at += chunk.length;
    }
    return whole;
  }
}

function attribute(name: string, value: OnnxAttribute): Message {
  const message = new Message().text(1, name);
  if (typeof value === 'string') return message.bytes(4, new TextEncoder().encode(value)).int(20, 3);
  if (typeof value === 'number') return message.int(3, value).int(20, 2);
  if ('float' in value) return message.float(2, value.float).int(20, 1);
  if ('graph' in value) return message.message(6, value.graph.message()).int(20, 5);
  for (const item of value) message.int(8, item);
  return message.int(20, 7);
}

function valueInfo(name: string, shape: number[], type: OnnxType): Message {
  const dims = new Message();
  for (const size of shape) dims.message(1, new Message().int(1, size));
  const tensorType = new Message().int(1, types[type]).message(2, dims);
  return new Message().text(1, name).message(2, new Message().message(1, tensorType));
}

export class OnnxGraph {
  private readonly nodes: Message[] = [];
  private readonly initializers: Message[] = [];
  private readonly inputs: Message[] = [];
  private readonly outputs: Message[] = [];
  private readonly name: string;
  private unique = 0;

  constructor(name: string) {
    this.name = name;
  }

  /** An input of fixed shape; gives its name back. */
  input(name: string, shape: number[], type: OnnxType = 'float32'): string {
    this.inputs.push(valueInfo(name, shape, type));
    return name;
  }

  /** Names a value as an output of the model. */
  output(name: string, shape: number[], value: string, type: OnnxType = 'float32'): void {
    this.nodes.push(new Message().text(1, value).text(2, name).text(4, 'Identity'));
    this.outputs.push(valueInfo(name, shape, type));
  }

  floats(data: Float32Array | number[], shape: number[]): string {
    return this.constant(data instanceof Float32Array ? data : Float32Array.from(data), shape, types.float32);
  }

  ints(data: number[], shape: number[] = [data.length]): string {
    return this.constant(BigInt64Array.from(data, BigInt), shape, types.int64);
  }

  /** Adds an operator with one output; gives the output's name. An empty input name leaves an optional input out. */
  add(operator: string, inputs: string[], attributes: Record<string, OnnxAttribute> = {}): string {
    const output = this.fresh(operator);
    const node = new Message();
    for (const input of inputs) node.text(1, input);
    node.text(2, output).text(4, operator);
    for (const [name, value] of Object.entries(attributes)) node.message(5, attribute(name, value));
    this.nodes.push(node);
    return output;
  }

  encode(): Uint8Array {
    return new Message().int(1, IR_VERSION).text(2, 'gioconda').message(7, this.message()).message(8, new Message().int(2, OPSET)).encode();
  }

  /** @internal */
  message(): Message {
    const graph = new Message();
    for (const node of this.nodes) graph.message(1, node);
    graph.text(2, this.name);
    for (const tensor of this.initializers) graph.message(5, tensor);
    for (const input of this.inputs) graph.message(11, input);
    for (const output of this.outputs) graph.message(12, output);
    return graph;
  }

  private constant(data: Constant, shape: number[], type: number): string {
    const count = shape.reduce((product, size) => product * size, 1);
    if (count !== data.length) throw new Error(`onnx: ${data.length} values do not fill [${shape.join(', ')}]`);
    const name = this.fresh('c');
    const tensor = new Message();
    for (const size of shape) tensor.int(1, size);
    tensor
      .int(2, type)
      .text(8, name)
      .bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    this.initializers.push(tensor);
    return name;
  }

  private fresh(stem: string): string {
    this.unique += 1;
    return `${stem}_${this.unique}`;
  }
}
