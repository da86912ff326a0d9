/**
 * Reads a .tflite file: the tensors, constants and operators of its first subgraph, as plain objects.
 * Field numbers are those of TensorFlow Lite's published schema (schema.fbs, version 3).
 */
import { ByteBuffer } from 'flatbuffers';
import { toObject } from 'flatbuffers/js/flexbuffers.js';

export type TfliteType = 'float32' | 'float16' | 'int32';

export interface TfliteTensor {
  name: string;
  shape: number[];
  type: TfliteType;
  /** Present on constants; float16 comes as its raw bits. */
  data?: Float32Array | Uint16Array | Int32Array;
}

export interface TfliteOperator {
  /** The builtin's name, or a custom operator's own. */
  name: string;
  version: number;
  inputs: number[];
  outputs: number[];
  /** A number field of the builtin options, by its slot in the schema. */
  option(slot: number, kind: 'byte' | 'int', absent: number): number;
  /** Custom options: a flexbuffer map decoded, or the raw bytes of a C struct. */
  customMap(): Record<string, unknown>;
  customBytes(): Uint8Array;
}

export interface TfliteModel {
  tensors: TfliteTensor[];
  operators: TfliteOperator[];
  inputs: number[];
  outputs: number[];
}

const tensorTypes: Record<number, TfliteType> = { 0: 'float32', 1: 'float16', 2: 'int32' };

/** The builtin operators that our models use; another one is refused by its number. */
const builtins: Record<number, string> = {
  0: 'ADD',
  1: 'AVERAGE_POOL_2D',
  2: 'CONCATENATION',
  3: 'CONV_2D',
  4: 'DEPTHWISE_CONV_2D',
  6: 'DEQUANTIZE',
  14: 'LOGISTIC',
  17: 'MAX_POOL_2D',
  18: 'MUL',
  19: 'RELU',
  22: 'RESHAPE',
  23: 'RESIZE_BILINEAR',
  34: 'PAD',
  45: 'STRIDED_SLICE',
  54: 'PRELU',
  117: 'HARD_SWISH',
};
const CUSTOM = 32;

/** A flatbuffer table: fields by slot, as the schema numbers them. */
class Table {
  readonly bytes: ByteBuffer;
  readonly at: number;

  constructor(bytes: ByteBuffer, at: number) {
    this.bytes = bytes;
    this.at = at;
  }

  /** Position of a field, 0 when it is absent. */
  field(slot: number): number {
    const offset = this.bytes.__offset(this.at, 4 + 2 * slot);
    return offset === 0 ? 0 : this.at + offset;
  }

  int(slot: number, absent = 0): number {
    const at = this.field(slot);
    return at === 0 ? absent : this.bytes.readInt32(at);
  }

  byte(slot: number, absent = 0): number {
    const at = this.field(slot);
    return at === 0 ? absent : this.bytes.readUint8(at);
  }

  text(slot: number): string {
    const at = this.field(slot);
    return at === 0 ? '' : String(this.bytes.__string(at));
  }

  table(slot: number): Table | null {
    const at = this.field(slot);
    return at === 0 ? null : new Table(this.bytes, this.bytes.__indirect(at));
  }

  tables(slot: number): Table[] {
    return this.vector(slot, 4, (at) => new Table(this.bytes, this.bytes.__indirect(at)));
  }

  ints(slot: number): number[] {
    return this.vector(slot, 4, (at) => this.bytes.readInt32(at));
  }

  /** A copy, so that typed arrays of any width may lie over it. */
  blob(slot: number): Uint8Array<ArrayBuffer> {
    const at = this.field(slot);
    if (at === 0) return new Uint8Array(0);
    const start = this.bytes.__vector(at);
    return new Uint8Array(this.bytes.bytes().subarray(start, start + this.bytes.__vector_len(at)));
  }

  private vector<T>(slot: number, stride: number, read: (at: number) => T): T[] {
    const at = this.field(slot);
    if (at === 0) return [];
    const start = this.bytes.__vector(at);
    return Array.from({ length: this.bytes.__vector_len(at) }, (_, i) => read(start + i * stride));
  }
}

function readTensor(table: Table, buffers: Table[]): TfliteTensor {
  const code = table.byte(1);
  const type = tensorTypes[code];
  if (type === undefined) throw new Error(`tflite: tensor type ${code} is not supported`);
  const tensor: TfliteTensor = { name: table.text(3), shape: table.ints(0), type };
  const bytes = buffers[table.int(2)]?.blob(0);
  if (bytes === undefined || bytes.length === 0) return tensor;
  if (type === 'float32') tensor.data = new Float32Array(bytes.buffer);
  else if (type === 'float16') tensor.data = new Uint16Array(bytes.buffer);
  else tensor.data = new Int32Array(bytes.buffer);
  return tensor;
}

function readOperator(table: Table, codes: Table[]): TfliteOperator {
  const code = codes[table.int(0)];
  if (code === undefined) throw new Error('tflite: an operator without a code');
  // Codes above 127 have their own, wider field; older files fill the byte only.
  const number = Math.max(code.byte(0), code.int(3));
  const name = number === CUSTOM ? code.text(1) : builtins[number];
  if (name === undefined) throw new Error(`tflite: operator ${number} is not supported`);
  const options = table.table(4);
  const customBytes = () => table.blob(5);
  return {
    name,
    version: code.int(2, 1),
    inputs: table.ints(1),
    outputs: table.ints(2),
    option: (slot, kind, absent) => (options === null ? absent : kind === 'byte' ? options.byte(slot, absent) : options.int(slot, absent)),
    customBytes,
    customMap: () => toObject(customBytes().buffer as ArrayBuffer) as Record<string, unknown>,
  };
}

/** @throws Error when the bytes are not a model or hold what this reader does not know. */
export function readTflite(bytes: Uint8Array): TfliteModel {
  const buffer = new ByteBuffer(bytes);
  if (!buffer.__has_identifier('TFL3')) throw new Error('tflite: not a TFL3 file');
  const model = new Table(buffer, buffer.readInt32(0));
  const [graph] = model.tables(2);
  if (graph === undefined) throw new Error('tflite: no subgraph');
  const buffers = model.tables(4);
  const codes = model.tables(1);
  return {
    tensors: graph.tables(0).map((table) => readTensor(table, buffers)),
    operators: graph.tables(3).map((table) => readOperator(table, codes)),
    inputs: graph.ints(1),
    outputs: graph.ints(2),
  };
}
