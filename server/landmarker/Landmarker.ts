/**
 * Finds faces and their 478 landmarks in pictures, without a browser: the same networks as the browser's offline tracker, on one thread
 * of onnxruntime. Runs in a synthesis process or in the command line, not on the event loop that serves calls.
 */
import '../base/no-telemetry.ts';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { DetectedFace, RgbImage } from './types.ts';
import { SerialQueue } from '../base/SerialQueue.ts';
import { DETECTOR_SIZE, decodeDetections, sharedPart, suppress, type Detection } from './face-detector.ts';
import { projectPoints, regionChange, regionOfDetection, regionOfPoints } from './face-region.ts';
import { sampleRegion, type ImageRegion } from './image-region.ts';
import { convertedLandmarkModels } from './landmark-models.ts';
import { resizePlane, toBytes } from './resize-plane.ts';

const MESH_SIZE = 192;
const MATTE_SIZE = 256;
/** Low on purpose, for paintings, statues and odd light: the mesh network has the last word. */
const DETECTOR_SCORE = 0.25;
/** Once a face is found, another one must be plain: wheels and emblems in the background reach 0.4 and a flag of 14. */
const FURTHER_SCORE = 0.5;
const FURTHER_FLAG = 16;
/**
 * The mesh's face flag, a logit. Measured: 17 to 34 on 392 portraits, 20 and up on every frame of three clips, 10 to 34 on portraits made
 * into drawings, 7 to 8 on palm leaves that look like faces, below 0 on most other things. Confidence is 0.5 at the first, which a new
 * face must reach; a face that was there a moment ago stays down to the second.
 */
const FOUND_FLAG = 9;
const KEPT_FLAG = 3;
const FLAG_SLOPE = 2;
/** Upside down, a face's flag is the larger by so much the right way up. */
const UPSIDE_DOWN_LEAD = 2;
/** At the first look, on the detector's rough region, less than this ends it. */
const REJECTED_FLAG = -6;
/** Boxes that share more than this of the smaller one show the same face. */
const SAME_FACE = 0.5;
/** The first result of the mesh comes from the detector's box and is off by up to 2 % in size: it is repeated on its own region. */
const MAX_ROUNDS = 6;
const MIN_ROUNDS = 3;
const SETTLED_CHANGE = 0.004;
/** At most this many candidates are looked at in one pass over a picture. */
const MAX_CANDIDATES = 8;
/** A face at least this share of the square searched: then no other that matters (0.4 of its width) was too small to be seen. */
const ALL_SEEN_SHARE = 0.28;
/** A video's frame is not searched in squares smaller than this share of it: a lost face must not stall the video. */
const FAST_SHARE = 0.5;
const WHOLE_SHARE = 1;
/** Neighbouring tiles share the rest: a face on a seam is smaller than that, or was seen in the larger square. */
const TILE_STEP = 0.8;
/** The finest search looks at squares of this side at least: a face of 60 pixels is large in them. */
const MIN_TILE_PX = 400;

export interface LandmarkerOptions {
  /** Folder of the converted networks (`landmarkFolder`); the set-up fills it. */
  cacheDir: string;
  /** Threads of each inference; one is fastest on a machine that does other work too. */
  threads?: number;
}

interface MeshResult {
  /** Pixels of the picture. */
  points: Float32Array;
  /** Logit of the face flag. */
  flag: number;
}

interface FoundFace {
  face: DetectedFace;
  /** Box of the landmarks, pixels. */
  extent: DetectedFace['box'];
}

export class Landmarker {
  private readonly sessions: { detector: InferenceSession; mesh: InferenceSession; matte: InferenceSession };
  private readonly inputs = {
    detector: new Float32Array(3 * DETECTOR_SIZE * DETECTOR_SIZE),
    mesh: new Float32Array(3 * MESH_SIZE * MESH_SIZE),
    matte: new Float32Array(3 * MATTE_SIZE * MATTE_SIZE),
  };
  /** Inputs are shared: calls run one after the other. */
  private readonly queue = new SerialQueue();
  private closed = false;

  private constructor(sessions: Landmarker['sessions']) {
    this.sessions = sessions;
  }

  /** @throws Error when the networks have not been converted or cannot be loaded. */
  static async create({ cacheDir, threads = 1 }: LandmarkerOptions): Promise<Landmarker> {
    const paths = await convertedLandmarkModels(cacheDir);
    const options: InferenceSession.SessionOptions = {
      executionProviders: ['cpu'],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      extra: { session: { intra_op: { allow_spinning: '0' } } },
    };
    const [detector, mesh, matte] = await Promise.all(
      [paths.detector, paths.mesh, paths.matte].map((path) => InferenceSession.create(path, options)),
    );
    if (!detector || !mesh || !matte) throw new Error('landmarker: a network could not be loaded');
    return new Landmarker({ detector, mesh, matte });
  }

  /** Every face in a picture, the largest first; empty when there is none. Small faces in large pictures are found too. */
  detect(image: RgbImage): Promise<DetectedFace[]> {
    return this.exclusive(async () => {
      const faces: FoundFace[] = [];
      await this.findFaces(image, faces, { leastShare: 0 });
      return faces.sort((a, b) => b.extent[2] * b.extent[3] - a.extent[2] * a.extent[3]).map(({ face }) => face);
    });
  }

  /**
   * The face of a video's next frame: from where it was, or by a new detection when it is lost (or `previous` is null).
   * @returns null when no face is seen
   */
  track(image: RgbImage, previous: DetectedFace | null): Promise<DetectedFace | null> {
    return this.exclusive(async () => {
      if (previous !== null) {
        const region = regionOfPoints(scaled(previous.points, image.width));
        const result = await this.runMesh(image, region);
        if (result.flag >= KEPT_FLAG) return toFace(result, boxOf(result.points), image.width);
      }
      const faces: FoundFace[] = [];
      await this.findFaces(image, faces, { leastShare: FAST_SHARE, first: true });
      return largestOf(faces)?.face ?? null;
    });
  }

  /**
   * The faces of a video's next frame, where there may be several: those of `known` where they still are, first and in their order, and what
   * a search finds beside them. `whole` looks at the picture once and sees faces of an eighth of it, `parts` at its parts, too: some 40 ms.
   */
  follow(image: RgbImage, known: readonly DetectedFace[], search: 'none' | 'whole' | 'parts'): Promise<DetectedFace[]> {
    return this.exclusive(async () => {
      const faces: FoundFace[] = [];
      for (const { points } of known) {
        const result = await this.runMesh(image, regionOfPoints(scaled(points, image.width)));
        const extent = boxOf(result.points);
        if (result.flag >= KEPT_FLAG && !isThere(extent, faces)) faces.push({ face: toFace(result, extent, image.width), extent });
      }
      if (search !== 'none') await this.findFaces(image, faces, { leastShare: search === 'whole' ? WHOLE_SHARE : FAST_SHARE });
      return faces.map(({ face }) => face);
    });
  }

  /** Who is person and who is background: [height, width] 0..255. The picture should be framed on head and shoulders. */
  matte(image: RgbImage): Promise<Uint8Array> {
    return this.exclusive(async () => {
      const square = stretchedTo(image, MATTE_SIZE, this.inputs.matte);
      const outputs = await this.sessions.matte.run({ image: new Tensor('float32', square, [1, 3, MATTE_SIZE, MATTE_SIZE]) });
      return toBytes(resizePlane({ data: floats(outputs.matte), width: MATTE_SIZE, height: MATTE_SIZE }, image.width, image.height));
    });
  }

  /** Idempotent; calls under way finish first. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.queue.idle();
    await Promise.all(Object.values(this.sessions).map((session) => session.release()));
  }

  private exclusive<T>(work: () => Promise<T>): Promise<T> {
    if (this.closed) return Promise.reject(new Error('landmarker: closed'));
    return this.queue.run(work);
  }

  /** Adds to `faces`. `first` stops at the first pass that finds something; otherwise it goes on while smaller faces that matter may be left. */
  private async findFaces(image: RgbImage, faces: FoundFace[], { leastShare, first = false }: SearchExtent): Promise<void> {
    for (const pass of searchPasses(image)) {
      if (pass.side < leastShare * Math.max(image.width, image.height)) break;
      if (faces.length > 0 && pass.onlyIfNone) continue;
      const found: Detection[] = [];
      for (const region of pass.regions) found.push(...(await this.runDetector(image, region)));
      await this.settleAll(image, suppress(found).slice(0, MAX_CANDIDATES), faces);
      const largest = largestOf(faces)?.extent[2] ?? 0;
      if (faces.length > 0 && (first || largest >= ALL_SEEN_SHARE * pass.side)) break;
    }
  }

  /** Runs the mesh on each detection and adds to `faces`; drops what the mesh denies and what turns out to be there already. */
  private async settleAll(image: RgbImage, detections: Detection[], faces: FoundFace[]): Promise<void> {
    for (const detection of detections) {
      if (faces.length > 0 && detection.score < FURTHER_SCORE) continue;
      if (faces.some((other) => sharedPart(other.face.box, detection.box) > SAME_FACE)) continue;
      const settled = await this.settle(image, regionOfDetection(detection));
      const result = settled && (await this.rightWayUp(image, settled));
      if (result === null || (faces.length > 0 && result.flag < FURTHER_FLAG)) continue;
      const extent = boxOf(result.points);
      if (!isThere(extent, faces)) faces.push({ face: toFace(result, detection.box, image.width), extent });
    }
  }

  /**
   * On a head that stands upside down the detector sees an upright face: eyes in the mouth's place. Of this one and its like turned
   * by half the mesh believes the right one more.
   */
  private async rightWayUp(image: RgbImage, result: MeshResult): Promise<MeshResult> {
    const region = regionOfPoints(result.points);
    const turned = await this.settle(image, { ...region, angle: region.angle + Math.PI });
    return turned !== null && turned.flag > result.flag + UPSIDE_DOWN_LEAD ? turned : result;
  }

  private async settle(image: RgbImage, start: ImageRegion): Promise<MeshResult | null> {
    let region = start;
    for (let round = 1; ; round += 1) {
      const result = await this.runMesh(image, region);
      // The first look is at the detector's rough region: it may miss.
      if (result.flag < (round === 1 ? REJECTED_FLAG : KEPT_FLAG)) return null;
      const next = regionOfPoints(result.points);
      const settled = round >= MIN_ROUNDS && regionChange(next, region) < SETTLED_CHANGE;
      if (settled || round === MAX_ROUNDS) return result.flag >= FOUND_FLAG ? result : null;
      region = next;
    }
  }

  private async runDetector(image: RgbImage, region: ImageRegion): Promise<Detection[]> {
    const input = this.inputs.detector;
    sampleRegion(image, region, { size: DETECTOR_SIZE, scale: 2 / 255, offset: -1, border: 'black' }, input);
    const outputs = await this.sessions.detector.run({ image: new Tensor('float32', input, [1, 3, DETECTOR_SIZE, DETECTOR_SIZE]) });
    return decodeDetections(floats(outputs.boxes), floats(outputs.scores), region, DETECTOR_SCORE);
  }

  private async runMesh(image: RgbImage, region: ImageRegion): Promise<MeshResult> {
    const input = this.inputs.mesh;
    sampleRegion(image, region, { size: MESH_SIZE, scale: 1 / 255, offset: 0, border: 'replicate' }, input);
    const outputs = await this.sessions.mesh.run({ image: new Tensor('float32', input, [1, 3, MESH_SIZE, MESH_SIZE]) });
    return { points: projectPoints(floats(outputs.points), region, MESH_SIZE), flag: floats(outputs.presence)[0] ?? -Infinity };
  }
}

interface SearchExtent {
  /** Of the picture's longer side: no smaller squares are searched. */
  leastShare: number;
  first?: boolean;
}

interface SearchPass {
  /** Side of the squares, pixels. */
  side: number;
  regions: ImageRegion[];
  onlyIfNone: boolean;
}

/**
 * Where to look, in this order: the whole picture; further out, for a face that fills or leaves the picture; overlapping tiles of a half,
 * of a third and of a sixth, for small faces. The detector sees faces of an eighth of the square or more.
 */
function* searchPasses({ width, height }: RgbImage): Generator<SearchPass> {
  const long = Math.max(width, height);
  const whole = { centreX: width / 2, centreY: height / 2, angle: 0 };
  yield { side: long, regions: [{ ...whole, side: long }], onlyIfNone: false };
  yield { side: 1.6 * long, regions: [{ ...whole, side: 1.6 * long }], onlyIfNone: true };
  for (const share of [0.56, 0.3]) yield { side: share * long, regions: tiles(width, height, share * long), onlyIfNone: false };
  if (0.16 * long >= MIN_TILE_PX) yield { side: 0.16 * long, regions: tiles(width, height, 0.16 * long), onlyIfNone: true };
}

function tiles(width: number, height: number, side: number): ImageRegion[] {
  const along = (length: number): number[] => {
    const count = Math.max(1, Math.ceil((length - side) / (TILE_STEP * side)) + 1);
    return Array.from({ length: count }, (_, i) => (count === 1 ? length / 2 : side / 2 + (i * (length - side)) / (count - 1)));
  };
  return along(height).flatMap((centreY) => along(width).map((centreX) => ({ centreX, centreY, side, angle: 0 })));
}

function floats(tensor: InferenceSession.OnnxValueMapType[string] | undefined): Float32Array {
  if (!(tensor?.data instanceof Float32Array)) throw new Error('landmarker: a network gave no float output');
  return tensor.data;
}

function boxOf(points: Float32Array): DetectedFace['box'] {
  let [minX, minY, maxX, maxY] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < points.length; i += 3) {
    minX = Math.min(minX, points[i]!);
    maxX = Math.max(maxX, points[i]!);
    minY = Math.min(minY, points[i + 1]!);
    maxY = Math.max(maxY, points[i + 1]!);
  }
  return [minX, minY, maxX - minX, maxY - minY];
}

/** Whether one of them shows the same face as this box. */
const isThere = (extent: DetectedFace['box'], faces: readonly FoundFace[]): boolean =>
  faces.some((other) => sharedPart(other.extent, extent) > SAME_FACE);

const largestOf = (faces: readonly FoundFace[]): FoundFace | undefined =>
  faces.toSorted((a, b) => b.extent[2] * b.extent[3] - a.extent[2] * a.extent[3])[0];

const scaled = (points: Float32Array, factor: number): Float32Array => points.map((value) => value * factor);

const toFace = (result: MeshResult, box: DetectedFace['box'], width: number): DetectedFace => ({
  points: scaled(result.points, 1 / width),
  confidence: 1 / (1 + Math.exp((FOUND_FLAG - result.flag) / FLAG_SLOPE)),
  box,
});

/** The whole picture, stretched to a square [3, size, size] 0..1 (the matte network is used to that). */
function stretchedTo(image: RgbImage, size: number, out: Float32Array): Float32Array {
  const channel = new Float32Array(image.width * image.height);
  for (let c = 0; c < 3; c += 1) {
    for (let i = 0; i < channel.length; i += 1) channel[i] = image.data[3 * i + c]! / 255;
    out.set(resizePlane({ data: channel, width: image.width, height: image.height }, size, size), c * size * size);
  }
  return out;
}
