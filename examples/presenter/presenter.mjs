// A presenter without a browser: enters a room by an invite link, greets, says what is in a WAV file, and leaves.
//   node presenter.mjs 'http://localhost:7000/#room=studio&invite=…' speech.wav
import { readFile } from 'node:fs/promises';
import { Gioconda, SoundSource } from '@gioconda/client/node';

const [link, file] = process.argv.slice(2);
if (!link || !file) {
  console.error("Usage: node presenter.mjs 'INVITE LINK' SPEECH.wav");
  process.exit(2);
}

/** The sound of a WAV file with 16 bit samples. */
function readWave(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const name = (at) => bytes.toString('latin1', at, at + 4);
  if (name(0) !== 'RIFF' || name(8) !== 'WAVE') throw new Error('This is no WAV file');
  let format = null;
  for (let at = 12; at + 8 <= bytes.length; at += 8 + view.getUint32(at + 4, true) + (view.getUint32(at + 4, true) % 2)) {
    const [start, length] = [at + 8, view.getUint32(at + 4, true)];
    if (name(at) === 'fmt ') format = { channelCount: view.getUint16(start + 2, true), sampleRate: view.getUint32(start + 4, true) };
    if (name(at) === 'data') {
      const count = Math.floor(Math.min(length, bytes.length - start) / 2);
      return { ...format, samples: Int16Array.from({ length: count }, (_, i) => view.getInt16(start + i * 2, true)) };
    }
  }
  throw new Error('The WAV file has no sound');
}

const { origin, hash } = new URL(link);
const invite = new URLSearchParams(hash.slice(1)).get('invite');
const { token, roomId } = await Gioconda.enterAsGuest({ url: origin, invite });
const gioconda = await Gioconda.connect({ url: origin, token });
const avatar = (await gioconda.avatars())[0]; // a sample, for a new guest has none of their own

const { samples, sampleRate, channelCount } = readWave(await readFile(file));
const voice = new SoundSource({ sampleRate, channelCount });
const call = await gioconda.join({ displayName: 'Presenter', roomId, avatarId: avatar?.id, microphone: voice.track });
console.log(`in ${roomId} as ${avatar?.name ?? 'a voice'}`);

if (avatar) await call.express('smile');
await voice.play(samples);
if (avatar) await call.express('nod', { durationMs: 1000 });
await new Promise((resolve) => setTimeout(resolve, 1000));

voice.close();
await call.leave();
console.log('done');
process.exit(); // WebRTC's own threads would keep the process
