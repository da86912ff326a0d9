import { once } from 'node:events';
import { createServer, connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SideChannel, type Detached } from '../../server/synthesis/process/SideChannel.ts';

const large = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
/** As it goes through Node's IPC. */
const sent = <T>(detached: Detached<T>): Detached<T> => structuredClone(detached);

describe('SideChannel', () => {
  let ends: [Socket, Socket];
  let here: SideChannel;
  let there: SideChannel;

  beforeEach(async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = connect((server.address() as { port: number }).port, '127.0.0.1');
    const [other] = (await once(server, 'connection')) as [Socket];
    server.close();
    ends = [socket, other];
    here = new SideChannel(socket);
    there = new SideChannel(other);
  });
  afterEach(() => {
    here.close();
    there.close();
  });

  it('takes large arrays out of a message wherever they are, and the other end puts them back', async () => {
    const message = {
      portraits: [large(300_000, 1), large(40_000, 2), large(10, 3)],
      limits: { maxBytes: 5, weights: Buffer.from(large(100_000, 4)) },
      driver: new Float32Array(20_000).fill(0.5),
      model: 'warp',
      nothing: null,
    };
    const detached = here.detach(message);
    expect(detached.lengths).toEqual([300_000, 40_000, 100_000]);
    expect(message.portraits[0]!.byteLength).toBe(300_000);
    const whole = await there.attach(sent(detached));
    expect(whole.portraits.map(({ byteLength }) => byteLength)).toEqual([300_000, 40_000, 10]);
    expect(whole.portraits.map((array) => array.every((value) => value === array[0]))).toEqual([true, true, true]);
    expect(whole.portraits.map((array) => array[0])).toEqual([1, 2, 3]);
    expect(whole.limits.maxBytes).toBe(5);
    expect(Buffer.compare(whole.limits.weights, message.limits.weights)).toBe(0);
    expect(whole.driver).toEqual(message.driver);
    expect(whole).toMatchObject({ model: 'warp', nothing: null });
  });

  it('leaves small messages as they are', async () => {
    const message = { preview: large(1000, 1), text: 'x' };
    const detached = here.detach(message);
    expect(detached).toEqual({ rest: message, lengths: [] });
    expect(await there.attach(sent(detached))).toEqual(message);
    expect(await there.attach(sent(here.detach(undefined)))).toBeUndefined();
  });

  it('keeps messages apart, whether they come before their arrays or behind', async () => {
    const messages = Array.from({ length: 20 }, (_, n) => [large(50_000 + n, n), large(33_000, n + 100)]);
    const detached = messages.map((message) => here.detach(message));
    const early = detached.slice(0, 10).map((message) => there.attach(sent(message)));
    await once(ends[1], 'data');
    const late = detached.slice(10).map((message) => there.attach(sent(message)));
    const whole = await Promise.all([...early, ...late]);
    whole.forEach((arrays, n) => arrays.forEach((array, index) => expect(Buffer.compare(array, messages[n]![index]!)).toBe(0)));
  });

  it('goes both ways at once', async () => {
    const [question, answer] = [here.detach([large(500_000, 1)]), there.detach([large(400_000, 2)])];
    const [asked, answered] = await Promise.all([there.attach(sent(question)), here.attach(sent(answer))]);
    expect([asked[0]![0], asked[0]!.byteLength, answered[0]![0], answered[0]!.byteLength]).toEqual([1, 500_000, 2, 400_000]);
  });

  it('survives the end of the other process', async () => {
    ends[1].destroy();
    for (let n = 0; n < 50; n++) {
      here.detach([large(100_000, 1)]);
      await new Promise((resolve) => setImmediate(resolve));
    }
  });
});
