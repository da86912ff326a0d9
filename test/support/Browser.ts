/** Headless Chromium with a camera that shows the fixtures' driver and a microphone that hears them. */
import type { Browser as PlaywrightBrowser, BrowserContextOptions, Page } from 'playwright-core';
import { chromiumPath } from '../../server/setup/index.ts';
import { driver } from './fixtures.ts';

const FLAGS = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  '--autoplay-policy=no-user-gesture-required',
  // Several pages of one window: none of them may be put to sleep.
  '--disable-background-timer-throttling',
  '--disable-renderer-backgrounding',
  '--disable-backgrounding-occluded-windows',
];

/** Samples of a moving picture, JPEG as data URLs, with the machine's clock. */
export interface PictureSample {
  atMs: number;
  jpeg: string;
}

export class Browser {
  readonly #browser: PlaywrightBrowser;
  readonly problems: string[] = [];

  /** @throws Error with what to install where there is no Chromium. */
  static async create(): Promise<Browser> {
    const executablePath = await chromiumPath();
    if (!executablePath) throw new Error('no Chromium: npx gioconda setup chromium');
    const { chromium } = await import('playwright-core');
    const args = [...FLAGS, `--use-file-for-fake-video-capture=${driver.mjpeg}`, `--use-file-for-fake-audio-capture=${driver.wav}`];
    return new Browser(await chromium.launch({ executablePath, headless: false, args }));
  }

  private constructor(browser: PlaywrightBrowser) {
    this.#browser = browser;
  }

  /** A person with a browser profile of their own. What goes wrong on the page is kept in `problems`. */
  async person(options: BrowserContextOptions = {}): Promise<Page> {
    const context = await this.#browser.newContext({
      viewport: { width: 1280, height: 800 },
      permissions: ['camera', 'microphone'],
      ...options,
    });
    const page = await context.newPage();
    page.on('pageerror', (error) => this.problems.push(error.message));
    await page.addInitScript(keepCameraStreams);
    return page;
  }

  async close(): Promise<void> {
    await this.#browser.close();
  }
}

/** Runs in the page before anything else: the test wants to see what the camera shows. */
function keepCameraStreams(): void {
  if (!('mediaDevices' in navigator)) return; // about:blank is no secure context
  const original = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (constraints) => {
    const stream = await original(constraints);
    if (stream.getVideoTracks().length > 0) Object.assign(window, { cameraStream: stream });
    return stream;
  };
}

/** Samples a video in the page: the camera's own picture, or the first element that `selector` finds. */
export function samplePictures(
  page: Page,
  { source, seconds, everyMs = 80 }: { source: 'camera' | { selector: string }; seconds: number; everyMs?: number },
): Promise<PictureSample[]> {
  return page.evaluate(
    async ({ selector, seconds, everyMs }) => {
      let video = selector === null ? null : document.querySelector<HTMLVideoElement>(selector);
      if (!video) {
        video = document.createElement('video');
        video.muted = true;
        video.srcObject = (window as unknown as { cameraStream: MediaStream }).cameraStream.clone();
        await video.play();
      }
      const scale = 320 / Math.max(video.videoWidth, video.videoHeight, 1);
      const canvas = new OffscreenCanvas(Math.round(video.videoWidth * scale), Math.round(video.videoHeight * scale));
      const context = canvas.getContext('2d')!;
      const samples: { atMs: number; jpeg: string }[] = [];
      const endMs = performance.now() + seconds * 1000;
      while (performance.now() < endMs) {
        context.drawImage(video, 0, 0, canvas.width, canvas.height);
        const atMs = Date.now();
        const blob = await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.9 });
        const bytes = new Uint8Array(await blob.arrayBuffer());
        samples.push({ atMs, jpeg: btoa(bytes.reduce((text, byte) => text + String.fromCharCode(byte), '')) });
        await new Promise((resolve) => setTimeout(resolve, everyMs));
      }
      return samples;
    },
    { selector: source === 'camera' ? null : source.selector, seconds, everyMs },
  );
}
