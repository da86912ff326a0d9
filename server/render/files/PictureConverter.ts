/** Decoded frames of any pixel format and size → upright RGB of one size. */
import { FFmpegError, Frame, SoftwareScaleContext } from 'node-av/lib';
import { AV_PIX_FMT_RGB24, AVCOL_PRI_UNSPECIFIED, AVCOL_TRC_UNSPECIFIED, type AVPixelFormat } from 'node-av/constants';
import type { RgbImage } from '../../landmarker/types.ts';
import { orient, type Orientation } from './orientation.ts';

interface Size {
  width: number;
  height: number;
}

export class PictureConverter {
  readonly #size: Size;
  readonly #orientation: Orientation;
  readonly #shrinking = new SoftwareScaleContext();
  readonly #colours = new SoftwareScaleContext();
  readonly #rgb: Frame;
  /** At the wanted size, but in the file's own colours; null while frames are not larger than wanted. */
  #small: Frame | null = null;
  /** Pixel formats that can be read but not written, so that shrinking changes the colours as well. */
  readonly #readOnly = new Set<number>();
  #closed = false;

  /** @param size of the pictures before they are turned */
  constructor(size: Size, orientation: Orientation) {
    this.#size = size;
    this.#orientation = orientation;
    this.#rgb = allocate(size, AV_PIX_FMT_RGB24);
    this.#shrinking.allocContext();
    this.#colours.allocContext();
  }

  /** @returns a picture that the caller owns */
  convert(frame: Frame): RgbImage {
    // Landmarks need no exact colours, and the way from wide gamuts and HDR curves to sRGB takes 120 ms a picture.
    frame.colorPrimaries = AVCOL_PRI_UNSPECIFIED;
    frame.colorTrc = AVCOL_TRC_UNSPECIFIED;
    const source = this.#shrunk(frame);
    FFmpegError.throwIfError(this.#rgb.makeWritable(), 'makeWritable');
    FFmpegError.throwIfError(this.#colours.scaleFrameSync(this.#rgb, source), 'scaleFrame');
    return orient({ ...this.#size, data: this.#rgb.toBuffer() }, this.#orientation);
  }

  /** A 4K picture is made small first: colours are the slow part, most of all those of 10 bits. */
  #shrunk(frame: Frame): Frame {
    const { width, height } = this.#size;
    const format = frame.format as AVPixelFormat;
    if (frame.width * frame.height <= width * height || this.#readOnly.has(format)) return frame;
    try {
      const small = this.#smallFrame(frame, format);
      if (this.#shrinking.scaleFrameSync(small, frame) >= 0) return small;
    } catch (error) {
      if (!(error instanceof FFmpegError)) throw error;
    }
    this.#readOnly.add(format);
    return frame;
  }

  #smallFrame(frame: Frame, format: AVPixelFormat): Frame {
    if (this.#small?.format !== format) {
      this.#small?.free();
      this.#small = null;
      this.#small = allocate(this.#size, format);
    }
    FFmpegError.throwIfError(this.#small.makeWritable(), 'makeWritable');
    // The same on both sides: only the size changes here.
    this.#small.colorRange = frame.colorRange;
    this.#small.colorSpace = frame.colorSpace;
    this.#small.chromaLocation = frame.chromaLocation;
    return this.#small;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#rgb.free();
    this.#small?.free();
    this.#shrinking.freeContext();
    this.#colours.freeContext();
  }
}

function allocate({ width, height }: Size, format: AVPixelFormat): Frame {
  const frame = new Frame();
  frame.alloc();
  frame.format = format;
  frame.width = width;
  frame.height = height;
  FFmpegError.throwIfError(frame.getBuffer(), 'getBuffer');
  return frame;
}
