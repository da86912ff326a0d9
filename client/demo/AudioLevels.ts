/** Loudness of several tracks, read ten times a second by one timer. */
const INTERVAL_MS = 100;
const SPEAKING_RMS = 0.02;
/** A pause between words is no silence. */
const HANGOVER_MS = 500;

interface Meter {
  source: MediaStreamAudioSourceNode;
  analyser: AnalyserNode;
  samples: Float32Array<ArrayBuffer>;
  spokeMs: number;
  onLevel: (level: number, speaking: boolean) => void;
}

export class AudioLevels {
  readonly #context = new AudioContext();
  readonly #meters = new Map<MediaStreamTrack, Meter>();
  #timer: ReturnType<typeof setInterval> | undefined;

  /** `onLevel` gets 0..1 on a loudness scale. */
  watch(track: MediaStreamTrack, onLevel: Meter['onLevel']): () => void {
    // Browsers start it suspended until the visitor has touched the page.
    if (this.#context.state === 'suspended') void this.#context.resume();
    const source = this.#context.createMediaStreamSource(new MediaStream([track]));
    const analyser = this.#context.createAnalyser();
    analyser.fftSize = 1024;
    source.connect(analyser);
    this.#meters.set(track, { source, analyser, samples: new Float32Array(analyser.fftSize), spokeMs: Number.NEGATIVE_INFINITY, onLevel });
    this.#timer ??= setInterval(() => this.#read(), INTERVAL_MS);
    return () => this.#forget(track);
  }

  close(): void {
    clearInterval(this.#timer);
    for (const track of this.#meters.keys()) this.#forget(track);
    void this.#context.close();
  }

  #forget(track: MediaStreamTrack): void {
    this.#meters.get(track)?.source.disconnect();
    this.#meters.delete(track);
  }

  #read(): void {
    const nowMs = performance.now();
    for (const meter of this.#meters.values()) {
      meter.analyser.getFloatTimeDomainData(meter.samples);
      let sum = 0;
      for (const sample of meter.samples) sum += sample * sample;
      const rms = Math.sqrt(sum / meter.samples.length);
      if (rms > SPEAKING_RMS) meter.spokeMs = nowMs;
      // -60 dB .. 0 dB to 0 .. 1.
      const level = Math.max(0, Math.min(1, 1 + Math.log10(rms + 1e-6) / 3));
      meter.onLevel(level, nowMs - meter.spokeMs < HANGOVER_MS);
    }
  }
}
