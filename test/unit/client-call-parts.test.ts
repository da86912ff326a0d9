import { describe, expect, it, vi } from 'vitest';
import { Emitter } from '../../client/src/call/Emitter.ts';
import { LandmarkChannel } from '../../client/src/call/LandmarkChannel.ts';
import { Roster } from '../../client/src/call/Roster.ts';
import { LANDMARK_COUNT } from '../../client/src/protocol/index.ts';
import { LandmarkDecoder, LandmarkEncoder } from '../../client/src/protocol/landmark-packet.ts';
import type { LandmarkFrame, ParticipantInfo } from '../../client/src/protocol/index.ts';
import { meanFace } from '../support/mean-face.ts';

describe('Emitter', () => {
  it('unsubscribes, also in the middle of an event', () => {
    const emitter = new Emitter<{ tick: number }>();
    const seen: number[] = [];
    const off = emitter.on('tick', (value) => {
      seen.push(value);
      off();
    });
    emitter.on('tick', (value) => seen.push(value * 10));
    emitter.emit('tick', 1);
    emitter.emit('tick', 2);
    expect(seen).toEqual([1, 10, 20]);
  });

  it('tells the other listeners when one throws, and reports the error', async () => {
    const report = vi.spyOn(globalThis, 'queueMicrotask').mockImplementation(() => undefined);
    const emitter = new Emitter<{ tick: null }>();
    const second = vi.fn<() => void>();
    emitter.on('tick', () => {
      throw new Error('listener');
    });
    emitter.on('tick', second);
    emitter.emit('tick', null);
    expect(second).toHaveBeenCalledTimes(1);
    expect(() => report.mock.calls[0]![0]()).toThrow('listener');
    report.mockRestore();
  });
});

describe('LandmarkChannel', () => {
  const face = (confidence = 1): LandmarkFrame => ({ points: meanFace(), capturedMs: 10_000, confidence });
  const sinkOf = (bufferedAmount = 0, readyState = 'open') => ({
    readyState,
    bufferedAmount,
    sent: [] as Uint8Array[],
    send(packet: Uint8Array) {
      this.sent.push(packet);
    },
  });

  it('sends packets that decode to the frame and carry the time of sending', async () => {
    const channel = new LandmarkChannel(() => 10_007);
    const sink = sinkOf();
    channel.attach(sink);
    await channel.prepare();
    expect(channel.send(face())).toBe(true);
    const decoded = new LandmarkDecoder().decode(sink.sent[0]!);
    expect(decoded.points).toHaveLength(LANDMARK_COUNT * 3);
    expect(decoded.capturedMs).toBeCloseTo(10_000, 0);
    expect(decoded.sentMs).toBeCloseTo(10_007, 0);
    expect([channel.packets, channel.bytes]).toEqual([1, sink.sent[0]!.byteLength]);
  });

  it('loads its encoder with the first frame that could go out, not before, and tries again after a failure', async () => {
    let loads = 0;
    const channel = new LandmarkChannel(
      () => 0,
      async () => {
        if (loads++ === 0) throw new Error('the network was away');
        return new LandmarkEncoder();
      },
    );
    const sink = sinkOf();
    expect([channel.send(face()), loads]).toEqual([false, 0]);
    channel.attach(sink);
    expect([channel.send(face()), loads]).toEqual([false, 1]);
    await expect(channel.prepare()).rejects.toMatchObject({ code: 'tracker-failed' });
    await channel.prepare();
    expect([channel.send(face()), loads, sink.sent.length]).toEqual([true, 2, 1]);
  });

  it('drops frames while the network is behind instead of queueing them', async () => {
    const channel = new LandmarkChannel(() => 0);
    await channel.prepare();
    const sink = sinkOf(100_000);
    channel.attach(sink);
    expect(channel.send(face())).toBe(false);
    expect([sink.sent.length, channel.dropped, channel.packets]).toEqual([0, 1, 0]);
    sink.bufferedAmount = 0;
    expect(channel.send(face())).toBe(true);
  });

  it('says a few times a second that no face is seen, and at once when it comes back', async () => {
    let nowMs = 0;
    const channel = new LandmarkChannel(() => nowMs);
    await channel.prepare();
    const sink = sinkOf();
    channel.attach(sink);
    for (; nowMs < 1000; nowMs += 33) channel.send(face(0));
    expect(sink.sent.length).toBeGreaterThanOrEqual(4);
    expect(sink.sent.length).toBeLessThanOrEqual(6);
    expect(channel.send(face())).toBe(true);
    expect(channel.send(face(0))).toBe(true);
  });

  it('sends nothing without an open channel', () => {
    const channel = new LandmarkChannel(() => 0);
    expect(channel.send(face())).toBe(false);
    channel.attach(sinkOf(0, 'connecting'));
    expect(channel.send(face())).toBe(false);
  });
});

describe('Roster', () => {
  const person = (id: string, extra: Partial<ParticipantInfo> = {}): ParticipantInfo => ({
    id,
    displayName: id,
    muted: false,
    avatar: null,
    media: [],
    ...extra,
  });
  const watched = () => {
    const events: string[] = [];
    const roster = new Roster((name, event) =>
      events.push(`${name} ${'participant' in event ? event.participant.id : event.participantId}`),
    );
    return { events, roster };
  };

  it('tells the differences when the whole room is told anew', () => {
    const { events, roster } = watched();
    roster.replace([person('a'), person('b')]);
    roster.replace([person('b'), person('c')]);
    expect(events).toEqual([
      'participant-joined a',
      'participant-joined b',
      'participant-left a',
      'participant-changed b',
      'participant-joined c',
    ]);
  });

  it('keeps what each one publishes, without doubles', () => {
    const { roster } = watched();
    roster.upsert(person('a'));
    const media = { producerId: 'p', kind: 'video', source: 'avatar' } as const;
    roster.addMedia('a', media);
    roster.addMedia('a', media);
    roster.addMedia('stranger', media);
    expect(roster.participants).toEqual([person('a', { media: [media] })]);
    roster.removeMedia('a', 'p');
    expect(roster.participants[0]!.media).toEqual([]);
  });

  it('says nothing about somebody unknown who leaves', () => {
    const { events, roster } = watched();
    roster.remove('nobody');
    expect(events).toEqual([]);
  });
});
