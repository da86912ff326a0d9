/** What a face in a video does, measured by the server's own landmarker. */
import { VideoReader } from '../../server/render/files/VideoReader.ts';
import type { Landmarker } from '../../server/landmarker/Landmarker.ts';
import { headPose } from '../../server/landmarker/head-pose.ts';
import type { DetectedFace, RgbImage } from '../../server/landmarker/types.ts';

export interface FaceCourse {
  /** Gap of the inner lips over the face's height. */
  mouth: number[];
  /** Degrees. */
  yaw: number[];
  pitch: number[];
  /** Lid gap over eye width, mean of both eyes. */
  eyes: number[];
  /** Pictures in which a face was found. */
  found: number;
}

const distance = (p: Float32Array, a: number, b: number): number => Math.hypot(p[a * 3]! - p[b * 3]!, p[a * 3 + 1]! - p[b * 3 + 1]!);

export async function measureFaces(path: string, landmarker: Landmarker, onFrame?: (image: RgbImage) => void): Promise<FaceCourse> {
  const course: FaceCourse = { mouth: [], yaw: [], pitch: [], eyes: [], found: 0 };
  const reader = await VideoReader.open(path);
  let face: DetectedFace | null = null;
  for await (const item of reader.items()) {
    if (item.kind !== 'frame') continue;
    onFrame?.(item.image);
    face = await landmarker.track(item.image, face);
    if (!face) continue;
    const { points } = face;
    const pose = headPose(points);
    course.found += 1;
    course.mouth.push(distance(points, 13, 14) / distance(points, 10, 152));
    course.yaw.push(pose.yaw);
    course.pitch.push(pose.pitch);
    course.eyes.push(
      (distance(points, 159, 145) / distance(points, 33, 133) + distance(points, 386, 374) / distance(points, 263, 362)) / 2,
    );
  }
  await reader.close();
  return course;
}
