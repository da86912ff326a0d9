/**
 * Runs in a process of its own: loads one native package by name and prints what it can do, so that a package that crashes
 * while loading takes nothing else with it. The name comes by argument, since these packages may be imported, in the product,
 * by one folder each only.
 */
import '../base/no-telemetry.ts';

type Loaded = Record<string, any>;

const describe: Record<string, (module: Loaded) => { ok: boolean; detail: string }> = {
  'onnxruntime-node'(module) {
    const backends = module.listSupportedBackends() as { name: string; bundled: boolean }[];
    const bundled = backends.filter((backend) => backend.bundled).map((backend) => backend.name);
    return { ok: bundled.includes('cpu'), detail: `execution providers: ${bundled.join(', ')}` };
  },
  'node-av'(module) {
    const has = (name: string): boolean => module.Codec.findEncoderByName(name) !== null;
    const needed = ['libvpx', 'libx264', 'libopus', 'aac'];
    const missing = needed.filter((name) => !has(name));
    const listed = needed.filter((name) => !missing.includes(name)).join(', ');
    const { version } = module.getFFmpegInfo() as { version: string };
    return {
      ok: missing.length === 0,
      detail: `FFmpeg ${version}; ${missing.length > 0 ? `no ${missing.join(', ')}` : `encoders: ${listed}`}`,
    };
  },
  sharp(module) {
    const { default: sharp } = module;
    const reads = (name: string): boolean => Boolean(sharp.format[name]?.input.buffer);
    const suffixes = (sharp.format.heif?.input.fileSuffix ?? []) as string[];
    const formats = ['jpeg', 'png', 'webp', 'gif'].filter(reads);
    if (suffixes.includes('.avif')) formats.push('avif');
    const heic = suffixes.includes('.heic');
    return {
      ok: formats.length === 5,
      detail: `reads ${formats.join(', ')}${heic ? ', heic' : '; no heic (a licensed codec is not in its build)'}`,
    };
  },
  '@roamhq/wrtc'(module) {
    const peer = new module.default.RTCPeerConnection();
    peer.close();
    return { ok: true, detail: 'opens a peer connection' };
  },
};

const name = process.argv[2] ?? '';
const module = (await import(name)) as Loaded;
console.log(JSON.stringify(describe[name]?.(module) ?? { ok: false, detail: 'not known here' }));
// A native thread may hold the process.
process.exit(0);
