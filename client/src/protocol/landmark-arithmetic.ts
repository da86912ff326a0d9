/**
 * A binary-output arithmetic coder with 15-bit frequencies (Witten, Neal, Cleary: Arithmetic coding for data compression, CACM 1987).
 *
 * Only integer-valued arithmetic below 2^53, so that every engine codes alike. The number of bits follows from the symbols alone:
 * a decoder knows, once it has read them, how long the packet must be.
 */
export const FREQUENCY_BITS = 15;
const TOTAL = 1 << FREQUENCY_BITS;
const TOP = 2 ** 30;
const HALF = TOP / 2;
const QUARTER = TOP / 4;

export class ArithmeticEncoder {
  readonly bytes: Uint8Array;
  #start = 0;
  #bit = 0;
  #low = 0;
  #high = TOP - 1;
  #pending = 0;

  /** Writes into `bytes`; what does not fit is dropped, and `finish` still tells the whole length. */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  begin(startByte: number): void {
    this.bytes.fill(0, startByte);
    this.#start = startByte;
    this.#bit = 0;
    this.#low = 0;
    this.#high = TOP - 1;
    this.#pending = 0;
  }

  /** `from` up to but without `to`, out of 2^15, is the symbol's share. */
  encode(from: number, to: number): void {
    const range = this.#high - this.#low + 1;
    this.#high = this.#low + Math.floor((range * to) / TOTAL) - 1;
    this.#low += Math.floor((range * from) / TOTAL);
    for (;;) {
      if (this.#high < HALF) this.#emit(0);
      else if (this.#low >= HALF) {
        this.#emit(1);
        this.#low -= HALF;
        this.#high -= HALF;
      } else if (this.#low >= QUARTER && this.#high < HALF + QUARTER) {
        this.#pending++;
        this.#low -= QUARTER;
        this.#high -= QUARTER;
      } else return;
      this.#low *= 2;
      this.#high = this.#high * 2 + 1;
    }
  }

  /** The lowest `count` bits of a non-negative integer, highest first. */
  encodeBits(value: number, count: number): void {
    for (let left = count; left > 0;) {
      const take = Math.min(left, 10);
      left -= take;
      const part = Math.floor(value / 2 ** left) % 2 ** take;
      const share = TOTAL >> take;
      this.encode(part * share, (part + 1) * share);
    }
  }

  /** Ends the code; returns the first byte behind it. */
  finish(): number {
    this.#pending++;
    this.#emit(this.#low < QUARTER ? 0 : 1);
    return this.#start + Math.ceil(this.#bit / 8);
  }

  #emit(bit: number): void {
    this.#put(bit);
    for (; this.#pending > 0; this.#pending--) this.#put(1 - bit);
  }

  #put(bit: number): void {
    const at = this.#start + (this.#bit >> 3);
    if (bit === 1 && at < this.bytes.length) this.bytes[at]! |= 0x80 >> (this.#bit & 7);
    this.#bit++;
  }
}

export class ArithmeticDecoder {
  #bytes: Uint8Array = new Uint8Array(0);
  #start = 0;
  #bit = 0;
  #shifts = 0;
  #low = 0;
  #high = TOP - 1;
  #code = 0;

  begin(bytes: Uint8Array, startByte: number): void {
    this.#bytes = bytes;
    this.#start = startByte;
    this.#bit = 0;
    this.#shifts = 0;
    this.#low = 0;
    this.#high = TOP - 1;
    this.#code = 0;
    for (let i = 0; i < 30; i++) this.#code = this.#code * 2 + this.#next();
  }

  /** Reads one symbol of a cumulative table: `table[offset + s]` .. `table[offset + s + 1]` is the share of symbol `s` < `symbols`. */
  decode(table: Uint16Array, offset: number, symbols: number): number {
    const value = this.#position();
    let symbol = 0;
    while (symbol < symbols - 1 && table[offset + symbol + 1]! <= value) symbol++;
    this.#narrow(table[offset + symbol]!, table[offset + symbol + 1]!);
    return symbol;
  }

  decodeBits(count: number): number {
    let value = 0;
    for (let left = count; left > 0;) {
      const take = Math.min(left, 10);
      left -= take;
      const share = TOTAL >> take;
      const part = Math.floor(this.#position() / share);
      this.#narrow(part * share, (part + 1) * share);
      value = value * 2 ** take + part;
    }
    return value;
  }

  /** Where the encoder's code of what was read so far would have ended; at the end: the packet's length. */
  get end(): number {
    return this.#start + Math.ceil((this.#shifts + 2) / 8);
  }

  #position(): number {
    const range = this.#high - this.#low + 1;
    return Math.floor(((this.#code - this.#low + 1) * TOTAL - 1) / range);
  }

  #narrow(from: number, to: number): void {
    const range = this.#high - this.#low + 1;
    this.#high = this.#low + Math.floor((range * to) / TOTAL) - 1;
    this.#low += Math.floor((range * from) / TOTAL);
    for (;;) {
      let base = 0;
      if (this.#high < HALF) base = 0;
      else if (this.#low >= HALF) base = HALF;
      else if (this.#low >= QUARTER && this.#high < HALF + QUARTER) base = QUARTER;
      else return;
      this.#low = (this.#low - base) * 2;
      this.#high = (this.#high - base) * 2 + 1;
      this.#code = (this.#code - base) * 2 + this.#next();
      this.#shifts++;
    }
  }

  /** Zeros follow the last byte. */
  #next(): number {
    const at = this.#start + (this.#bit >> 3);
    const bit = at < this.#bytes.length ? (this.#bytes[at]! >> (7 - (this.#bit & 7))) & 1 : 0;
    this.#bit++;
    return bit;
  }
}
