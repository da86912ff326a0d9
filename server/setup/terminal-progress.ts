/** Progress for people: a bar on a terminal, a few plain lines in a log. */
import { SingleBar } from 'cli-progress';
import type { Progress } from './part.ts';

/** In a log a line for every tenth is enough. */
const logEvery = 0.1;

export interface TerminalProgress extends Progress {
  /** Takes the bar away. */
  close(): void;
}

export function createTerminalProgress(stream: NodeJS.WriteStream = process.stderr): TerminalProgress {
  let bar: SingleBar | null = null;
  let logged = 0;
  const close = (): void => {
    bar?.stop();
    bar = null;
    logged = 0;
  };
  return {
    step(text) {
      close();
      stream.write(`  ${text}\n`);
    },
    advance(fraction, text = '') {
      if (!stream.isTTY) {
        if (fraction < logged + logEvery) return;
        logged = fraction;
        stream.write(`  ${Math.round(fraction * 100)} %\n`);
        return;
      }
      bar ??= startBar(stream);
      bar.update(fraction, { text: text.slice(0, 40) });
    },
    close,
  };
}

function startBar(stream: NodeJS.WriteStream): SingleBar {
  const bar = new SingleBar({
    stream,
    hideCursor: true,
    clearOnComplete: true,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    etaBuffer: 30,
    format: '  {bar} {percentage} %  {duration_formatted}, about {eta_formatted} to go  {text}',
  });
  bar.start(1, 0, { text: '' });
  return bar;
}

export const silentProgress: Progress = { step: () => {}, advance: () => {} };
