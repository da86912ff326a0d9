/** A driven avatar, rendered and encoded faster or slower than real time, and kept: what `ReplayEncoder` gives. */
import { LANDMARK_COUNT } from '../../../client/src/protocol/index.ts';
import { VideoEncoder } from '../../video/VideoEncoder.ts';
import { AvatarSession } from '../frame/AvatarSession.ts';
import type { EnrolledAvatar } from '../model/types.ts';
import type { OnnxModel } from '../model/OnnxModel.ts';
import type { VideoSettings } from './messages.ts';
import type { RecordedFrame, VideoRecording } from './VideoRecording.ts';

/** Each keyframe is one that a replay can jump to; more of them would make its stream unlike a real one. */
const KEYFRAME_INTERVAL_MS = 2500;
const STRIDE = LANDMARK_COUNT * 3;

export interface RecordOptions {
  model: OnnxModel;
  avatar: EnrolledAvatar;
  video: VideoSettings;
  /** [frames, 478, 3] in picture widths, one for each frame of the recording. */
  driver: Float32Array;
}

/** @throws AppError `synthesis-failed` of the graph, `internal` of the encoder */
export async function recordVideo({ model, avatar, video, driver }: RecordOptions): Promise<VideoRecording> {
  const { size } = avatar;
  const session = await AvatarSession.create({ model, avatar, motion: 'relative' });
  const encoder = new VideoEncoder({ ...video, width: size, height: size });
  const keyframeSpacing = Math.round((KEYFRAME_INTERVAL_MS / 1000) * video.fps);
  const frames: RecordedFrame[] = [];
  try {
    for (let index = 0; index < driver.length / STRIDE; index++) {
      const timeMs = (index * 1000) / video.fps;
      const points = driver.subarray(index * STRIDE, (index + 1) * STRIDE);
      const { i420 } = await session.render({ landmarks: { points, capturedMs: timeMs, confidence: 1 }, timeMs });
      if (index % keyframeSpacing === 0) encoder.requestKeyframe();
      frames.push(...encoder.encode(i420, timeMs));
    }
  } finally {
    encoder.close();
    await session.close();
  }
  return { codec: video.codec, size, framesPerSecond: video.fps, frames };
}
