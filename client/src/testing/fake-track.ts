/// <reference lib="dom" preserve="true" />
let nextId = 0;
let audio: AudioContext | undefined;

/**
 * A track without a camera: in a browser a picture that changes, or silence; elsewhere (jsdom and the like) an object that looks like a
 * track and has neither.
 */
export function createFakeTrack(kind: 'audio' | 'video'): MediaStreamTrack {
  const real = kind === 'video' ? pictureTrack() : silentTrack();
  return real ?? (new TrackLike(kind) as unknown as MediaStreamTrack);
}

function pictureTrack(): MediaStreamTrack | undefined {
  if (typeof HTMLCanvasElement === 'undefined' || typeof HTMLCanvasElement.prototype.captureStream !== 'function') return undefined;
  const canvas = Object.assign(document.createElement('canvas'), { width: 256, height: 256 });
  const context = canvas.getContext('2d');
  const track = canvas.captureStream(10).getVideoTracks()[0];
  if (!context || !track) return undefined;
  let hue = 0;
  const draw = (): void => {
    context.fillStyle = `hsl(${(hue += 5)} 60% 60%)`;
    context.fillRect(0, 0, canvas.width, canvas.height);
    if (track.readyState === 'ended') clearInterval(timer);
  };
  const timer = setInterval(draw, 100);
  draw();
  return track;
}

function silentTrack(): MediaStreamTrack | undefined {
  if (typeof AudioContext === 'undefined') return undefined;
  audio ??= new AudioContext();
  return audio.createMediaStreamDestination().stream.getAudioTracks()[0];
}

class TrackLike extends EventTarget {
  readonly id = `fake-track-${nextId++}`;
  readonly kind: 'audio' | 'video';
  readonly label = 'fake';
  enabled = true;
  muted = false;
  readyState: MediaStreamTrackState = 'live';

  constructor(kind: 'audio' | 'video') {
    super();
    this.kind = kind;
  }

  stop(): void {
    this.readyState = 'ended';
  }

  clone(): TrackLike {
    return new TrackLike(this.kind);
  }

  getSettings(): MediaTrackSettings {
    return {};
  }
}
