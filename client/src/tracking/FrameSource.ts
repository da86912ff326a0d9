/// <reference lib="dom" preserve="true" />
/** Takes pictures from the camera to the tracker: in the worker where the browser can, else from a video element. */
import type { WorkerTracker } from './WorkerTracker.ts';

interface TrackProcessor {
  readable: ReadableStream<VideoFrame>;
}
type TrackProcessorConstructor = new (options: { track: MediaStreamTrack; maxBufferSize?: number }) => TrackProcessor;

const HIDDEN_INTERVAL_MS = 66;

export interface FrameSourceOptions {
  tracker: WorkerTracker;
  track: MediaStreamTrack;
  /** An element that plays the camera; made here when it is not given. */
  video?: HTMLVideoElement;
  /** 'worker' needs MediaStreamTrackProcessor; 'auto' takes it where it exists. */
  mode?: 'auto' | 'worker' | 'element';
}

/** Starts feeding; returns the function that stops. */
export function feedTracker({ tracker, track, video, mode = 'auto' }: FrameSourceOptions): () => void {
  const Processor = (globalThis as { MediaStreamTrackProcessor?: TrackProcessorConstructor }).MediaStreamTrackProcessor;
  if (mode !== 'element' && Processor) {
    // A clone, so that stopping the feed ends the stream without ending the caller's camera.
    const own = track.clone();
    tracker.readStream(new Processor({ track: own, maxBufferSize: 1 }).readable);
    return () => own.stop();
  }
  return feedFromElement(tracker, video ?? playHidden(track));
}

function playHidden(track: MediaStreamTrack): HTMLVideoElement {
  const video = document.createElement('video');
  video.muted = true;
  video.playsInline = true;
  video.srcObject = new MediaStream([track]);
  void video.play();
  return video;
}

function feedFromElement(tracker: WorkerTracker, video: HTMLVideoElement): () => void {
  let stopped = false;
  let handle = 0;

  const grab = async (capturedMs: number): Promise<void> => {
    if (tracker.busy || video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return;
    try {
      const picture = await createImageBitmap(video);
      if (stopped) picture.close();
      else tracker.track(picture, capturedMs);
    } catch (error) {
      // The camera's size can change under our hands; the next picture is fine again.
      if (!(error instanceof DOMException)) throw error;
    }
  };
  const onFrame: VideoFrameRequestCallback = (now, metadata) => {
    if (stopped) return;
    handle = video.requestVideoFrameCallback(onFrame);
    void grab(performance.timeOrigin + (metadata.captureTime ?? now));
  };
  handle = video.requestVideoFrameCallback(onFrame);

  // A hidden page gets no frame callbacks; a worker's timer still ticks there.
  const ticker = startTicker(() => {
    if (document.hidden) void grab(performance.timeOrigin + performance.now());
  });
  return () => {
    stopped = true;
    video.cancelVideoFrameCallback(handle);
    ticker.terminate();
  };
}

function startTicker(tick: () => void): Worker {
  const url = URL.createObjectURL(new Blob([`setInterval(() => postMessage(0), ${HIDDEN_INTERVAL_MS});`], { type: 'text/javascript' }));
  const worker = new Worker(url);
  worker.onmessage = tick;
  URL.revokeObjectURL(url);
  return worker;
}
