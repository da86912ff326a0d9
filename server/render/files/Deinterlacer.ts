/**
 * Two fields woven into one picture → whole pictures, one for one (FFmpeg's bwdif). A file may change between both kinds from picture to
 * picture: those that are not interlaced pass unchanged.
 */
import { FFmpegError, Filter, FilterGraph, Frame, type FilterContext } from 'node-av/lib';
import { AV_FRAME_FLAG_INTERLACED, AVERROR_EAGAIN, AVERROR_EOF } from 'node-av/constants';
import type { Fraction } from './fraction.ts';

/** The filter looks at the rows above and below: less than this it cannot work on. */
const LEAST_SIDE = 4;

interface Graph {
  key: string;
  graph: FilterGraph;
  source: FilterContext;
  sink: FilterContext;
}

export class Deinterlacer {
  readonly #timeBase: Fraction;
  readonly #out = new Frame();
  /** Made with the first interlaced picture, and again when size or format change. */
  #graph: Graph | null = null;
  #closed = false;

  constructor(timeBase: Fraction) {
    this.#timeBase = timeBase;
    this.#out.alloc();
  }

  /**
   * @param frame its `pts` comes out again with the picture that belongs to it; null at the end gives what is still held
   * @returns whole pictures in their order, each valid until the next is taken
   */
  *pictures(frame: Frame | null): Generator<Frame> {
    if (frame === null) return void (yield* this.#drop());
    const key = `${frame.width} ${frame.height} ${frame.format}`;
    if (this.#graph && this.#graph.key !== key) yield* this.#drop();
    if (!this.#graph && frame.hasFlags(AV_FRAME_FLAG_INTERLACED)) {
      if (Math.min(frame.width, frame.height) >= LEAST_SIDE) this.#graph = buildGraph(key, frame, this.#timeBase);
      else frame.clearFlags(AV_FRAME_FLAG_INTERLACED);
    }
    if (!this.#graph) return void (yield frame);
    FFmpegError.throwIfError(this.#graph.source.buffersrcAddFrameSync(frame), 'deinterlace');
    yield* this.#taken(this.#graph);
  }

  *#taken({ sink }: Graph): Generator<Frame> {
    const unit = sink.buffersinkGetTimeBase();
    for (;;) {
      const status = sink.buffersinkGetFrameSync(this.#out);
      if (status === AVERROR_EAGAIN || status === AVERROR_EOF) return;
      FFmpegError.throwIfError(status, 'deinterlace');
      // The filter counts in fields.
      this.#out.pts = (this.#out.pts * BigInt(unit.num) * BigInt(this.#timeBase.den)) / (BigInt(unit.den) * BigInt(this.#timeBase.num));
      this.#out.clearFlags(AV_FRAME_FLAG_INTERLACED);
      yield this.#out;
      this.#out.unref();
    }
  }

  *#drop(): Generator<Frame> {
    const graph = this.#graph;
    if (!graph) return;
    this.#graph = null;
    try {
      FFmpegError.throwIfError(graph.source.buffersrcAddFrameSync(null), 'deinterlace');
      yield* this.#taken(graph);
    } finally {
      graph.graph.free();
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#graph?.graph.free();
    this.#out.free();
  }
}

function buildGraph(key: string, frame: Frame, timeBase: Fraction): Graph {
  const graph = new FilterGraph();
  graph.alloc();
  graph.nbThreads = 1;
  const sized = `video_size=${frame.width}x${frame.height}:pix_fmt=${frame.format}:time_base=${timeBase.num}/${timeBase.den}:pixel_aspect=1/1`;
  // Stated, or the filters would be built again for the first picture, whose colours differ from the unstated ones.
  const coloured = `colorspace=${frame.colorSpace}:range=${frame.colorRange}`;
  const source = filter(graph, 'buffer', 'in', `${sized}:${coloured}`);
  const bwdif = filter(graph, 'bwdif', 'whole', 'mode=send_frame:parity=auto:deint=interlaced');
  const sink = filter(graph, 'buffersink', 'out', null);
  FFmpegError.throwIfError(source.link(0, bwdif, 0), 'link');
  FFmpegError.throwIfError(bwdif.link(0, sink, 0), 'link');
  FFmpegError.throwIfError(graph.configSync(), 'deinterlacer');
  return { key, graph, source, sink };
}

function filter(graph: FilterGraph, name: string, label: string, options: string | null): FilterContext {
  const kind = Filter.getByName(name);
  const context = kind && graph.createFilter(kind, label, options);
  if (!context) throw new Error(`node-av's FFmpeg has no filter ${name}`);
  return context;
}
