/**
 * Finds faces and their 478 landmarks in pictures, without a browser: the same networks as the browser's offline tracker, on one thread
 * of onnxruntime. Runs in a synthesis process or in the command line, not on the event loop that serves calls.
 */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { DetectedFace, RgbImage } from '../types.ts';
import { DETECTOR_SIZE, decodeDetections, overlap, suppress, type Detection } from './face-detector.ts';
import { projectPoints, regionChange, regionOfDetection, regionOfPoints } from './face-region.ts';
import { sampleRegion, type ImageRegion } from './image-region.ts';
import { ensureLandmarkModels } from './landmark-models.ts';
import { resizePlane, toBytes } from './resize-plane.ts';

const MESH_SIZE = 192;
const MATTE_SIZE = 256;
/** The detector's own operating point. */
const DETECTOR_SCORE = 0.5;
/** Second chance for paintings, statues and odd light, where the mesh has the last word. */
const FAINT_SCORE = 0.25;
/** The mesh network's flag below which there is no face. */
const MIN_PRESENCE = 0.5;
/** The first result of the mesh comes from the detector's box and is off by up to 2 % in size: it is repeated on its own region. */
const MAX_ROUNDS = 6;
const MIN_ROUNDS = 3;
const SETTLED_CHANGE = 0.004;
/** At most this many faces are looked at in one picture. */
const MAX_FACES = 8;

export interface LandmarkerOptions {
  /** Folder of the converted networks; filled at the first call. */
  cacheDir: string;
  /** Threads of each inference; one is fastest on a machine that does other work too. */
  threads?: number;
}

interface MeshResult {
  /** Pixels of the picture. */
  points: Float32Array;
  presence: number;
}

export class Landmarker {
  private readonly sessions: { detector: InferenceSession; mesh: InferenceSession; matte: InferenceSession };
  private readonly inputs = {
    detector: new Float32Array(3 * DETECTOR_SIZE * DETECTOR_SIZE),
    mesh: new Float32Array(3 * MESH_SIZE * MESH_SIZE),
    matte: new Float32Array(3 * MATTE_SIZE * MATTE_SIZE),
  };
  /** Inputs are shared: calls run one after the other. */
  private tail: Promise<unknown> = Promise.resolve();
  private closed = false;

  private constructor(sessions: Landmarker['sessions']) {
    this.sessions = sessions;
  }

  /** @throws Error when the networks cannot be made or loaded. */
  static async create({ cacheDir, threads = 1 }: LandmarkerOptions): Promise<Landmarker> {
    const paths = await ensureLandmarkModels(cacheDir);
    const options: InferenceSession.SessionOptions = {
      executionProviders: ['cpu'],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      extra: { session: { intra_op: { allow_spinning: '0' } } },
    };
    const [detector, mesh, matte] = await Promise.all([paths.detector, paths.mesh, paths.matte].map((path) => InferenceSession.create(path, options)));
    if (!detector || !mesh || !matte) throw new Error('landmarker: a network could not be loaded');
    return new Landmarker({ detector, mesh, matte });
  }

  /** Every face in a picture, the largest first; empty when there is none. Small faces in large pictures are found too. */
  detect(image: RgbImage): Promise<DetectedFace[]> {
    return this.exclusive(() => this.findFaces(image));
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
        if (result.presence >= MIN_PRESENCE) return toFace(result, boxOf(result.points), image.width);
      }
      const [largest] = await this.findFaces(image);
      return largest ?? null;
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
    await this.tail.catch(() => undefined); // its caller has the error
    await Promise.all(Object.values(this.sessions).map((session) => session.release()));
  }

  private exclusive<T>(work: () => Promise<T>): Promise<T> {
    if (this.closed) return Promise.reject(new Error('landmarker: closed'));
    const turn = this.tail.then(work, work);
    this.tail = turn.catch(() => undefined); // the chain goes on; the caller of `turn` has the error
    return turn;
  }

  private async findFaces(image: RgbImage): Promise<DetectedFace[]> {
    for (const minScore of [DETECTOR_SCORE, FAINT_SCORE]) {
      for (const regions of searchRegions(image)) {
        const found: Detection[] = [];
        for (const region of regions) found.push(...(await this.runDetector(image, region, minScore)));
        const faces = await this.settleAll(image, suppress(found).slice(0, MAX_FACES));
        if (faces.length > 0) return faces;
      }
    }
    return [];
  }

  /** Runs the mesh on each detection; drops what the mesh denies and what turns out to be the same face. */
  private async settleAll(image: RgbImage, detections: Detection[]): Promise<DetectedFace[]> {
    const faces: { face: DetectedFace; extent: DetectedFace['box'] }[] = [];
    for (const detection of detections) {
      const result = await this.settle(image, regionOfDetection(detection));
      if (result === null) continue;
      const extent = boxOf(result.points);
      if (faces.some((other) => overlap(other.extent, extent) > 0.4)) continue;
      faces.push({ face: toFace(result, detection.box, image.width), extent });
    }
    return faces.sort((a, b) => b.extent[2] * b.extent[3] - a.extent[2] * a.extent[3]).map(({ face }) => face);
  }

  private async settle(image: RgbImage, start: ImageRegion): Promise<MeshResult | null> {
    let region = start;
    let result: MeshResult | null = null;
    for (let round = 1; round <= MAX_ROUNDS; round += 1) {
      result = await this.runMesh(image, region);
      // One miss is forgiven on the detector's own, rough region only.
      if (result.presence < MIN_PRESENCE && round > 1) return null;
      const next = regionOfPoints(result.points);
      if (round >= MIN_ROUNDS && regionChange(next, region) < SETTLED_CHANGE) break;
      region = next;
    }
    return result;
  }

  private async runDetector(image: RgbImage, region: ImageRegion, minScore: number): Promise<Detection[]> {
    const input = this.inputs.detector;
    sampleRegion(image, region, { size: DETECTOR_SIZE, scale: 2 / 255, offset: -1, border: 'black' }, input);
    const outputs = await this.sessions.detector.run({ image: new Tensor('float32', input, [1, 3, DETECTOR_SIZE, DETECTOR_SIZE]) });
    return decodeDetections(floats(outputs.boxes), floats(outputs.scores), region, minScore);
  }

  private async runMesh(image: RgbImage, region: ImageRegion): Promise<MeshResult> {
    const input = this.inputs.mesh;
    sampleRegion(image, region, { size: MESH_SIZE, scale: 1 / 255, offset: 0, border: 'replicate' }, input);
    const outputs = await this.sessions.mesh.run({ image: new Tensor('float32', input, [1, 3, MESH_SIZE, MESH_SIZE]) });
    return { points: projectPoints(floats(outputs.points), region, MESH_SIZE), presence: floats(outputs.presence)[0] ?? 0 };
  }
}

/**
 * Where to look, in this order until something is found: the whole picture; further out, for a face that fills or leaves the picture;
 * overlapping tiles of a half and of a quarter, for small faces.
 */
function searchRegions(image: RgbImage): ImageRegion[][] {
  const long = Math.max(image.width, image.height);
  const whole = { centreX: image.width / 2, centreY: image.height / 2, side: long, angle: 0 };
  return [[whole], [{ ...whole, side: 1.6 * long }], tiles(image, 0.55 * long), tiles(image, 0.3 * long)];
}

function tiles(image: RgbImage, side: number): ImageRegion[] {
  const along = (length: number): number[] => {
    const count = Math.max(1, Math.ceil((length - side) / (0.6 * side)) + 1);
    return Array.from({ length: count }, (_, i) => (count === 1 ? length / 2 : side / 2 + (i * (length - side)) / (count - 1)));
  };
  return along(image.height).flatMap((centreY) => along(image.width).map((centreX) => ({ centreX, centreY, side, angle: 0 })));
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

const scaled = (points: Float32Array, factor: number): Float32Array => points.map((value) => value * factor);

const toFace = (result: MeshResult, box: DetectedFace['box'], width: number): DetectedFace => ({
  points: scaled(result.points, 1 / width),
  confidence: result.presence,
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
