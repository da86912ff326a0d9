/** What a path does to packets: loses some, alone or in bursts, and delays the rest. */
export interface NetworkWeather {
  /** Share of packets lost, 0..1. */
  loss: number;
  /** Packets lost in a row, on average; 1: each by itself. */
  burst: number;
  /** One way, ms: the mean, and how far packets stray from it. Packets may overtake each other. */
  delayMs: number;
  jitterMs: number;
}

export const fairWeather: NetworkWeather = { loss: 0, burst: 1, delayMs: 0, jitterMs: 0 };

/** One direction of one path. */
export class PacketLane {
  readonly #weather: () => NetworkWeather;
  #losing = false;

  constructor(weather: () => NetworkWeather) {
    this.#weather = weather;
  }

  /** Passes the packet on, later or never. */
  pass(deliver: () => void): void {
    const { delayMs, jitterMs } = this.#weather();
    if (this.#lost()) return;
    if (delayMs === 0 && jitterMs === 0) return deliver();
    setTimeout(deliver, Math.max(0, delayMs + jitterMs * (2 * Math.random() - 1)));
  }

  /** Gilbert's model: a loss goes on with a chance that makes bursts of the wanted mean length. */
  #lost(): boolean {
    const { loss, burst } = this.#weather();
    if (loss === 0) return (this.#losing = false);
    const stay = 1 - 1 / burst;
    const enter = Math.min(1, (loss * (1 - stay)) / (1 - loss));
    this.#losing = Math.random() < (this.#losing ? stay : enter);
    return this.#losing;
  }
}
