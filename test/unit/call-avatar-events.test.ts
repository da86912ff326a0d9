/** What a room is told of an avatar: its end by a fault, its stage times, how many frames have left. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AppError, type FrameTrace } from '../../client/src/protocol/index.ts';
import type { FakeConnection } from '../support/call-fakes.ts';
import { FakeRooms } from '../support/FakeRooms.ts';

describe("an avatar's events", () => {
  let fakes: FakeRooms;
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    fakes = new FakeRooms();
  });
  afterEach(() => {
    fakes.rooms.close();
    vi.useRealTimers();
  });

  it('an avatar that keeps failing is closed: its owner learns why, the others that it is gone', async () => {
    const { participant, connection } = await fakes.enter('Ada');
    const { connection: other } = await fakes.enter('Ben');
    await participant.setAvatar({ avatarId: 'av-1', model: 'warp' });
    fakes.sessions[0]!.failed(new AppError('synthesis-failed', 'The avatar cannot be rendered'));
    const told = connection.events.find(({ name }) => name === 'avatar-failed')!.event;
    expect(told).toEqual({ code: 'synthesis-failed', message: expect.stringContaining('The avatar cannot be rendered') });
    expect(participant.avatar).toBeNull();
    expect(other.names()).not.toContain('avatar-failed');
    expect(other.names().slice(-2)).toEqual(['media-unpublished', 'participant-changed']);
    expect(fakes.medias[0]!.tracks.every(({ closed }) => closed)).toBe(true);
    fakes.sessions[0]!.failed(new AppError('synthesis-failed')); // of an avatar that has gone
    expect(connection.names().filter((name) => name === 'avatar-failed')).toHaveLength(1);
  });

  describe('about frames', () => {
    const sendFrame = (): void =>
      fakes.sessions[0]!.sent({ keyframeRequests: 0, frames: [{ bytes: 1, keyframe: true, trace: { rtpTimestamp: 1 } as FrameTrace }] });
    const count = (of: FakeConnection, event: string): number => of.names().filter((name) => name === event).length;

    it('sends stage times to those who asked for them, while they want them', async () => {
      const { participant, connection } = await fakes.enter('Ada');
      const { participant: ben, connection: wants } = await fakes.enter('Ben');
      await participant.setAvatar({ avatarId: 'av-1', model: 'warp' });
      const told = (): number[] => {
        sendFrame();
        vi.advanceTimersByTime(300);
        return [count(connection, 'frame-traces'), count(wants, 'frame-traces')];
      };
      expect(told()).toEqual([0, 0]);
      ben.wantsTraces = true;
      expect(told()).toEqual([0, 1]);
      ben.wantsTraces = false;
      expect(told()).toEqual([0, 1]);
    });

    it('tells everybody twice a second how many have left, and nothing where none has', async () => {
      const { participant } = await fakes.enter('Ada');
      const { connection: viewer } = await fakes.enter('Ben');
      await participant.setAvatar({ avatarId: 'av-1', model: 'warp' });
      for (let n = 0; n < 15; n++) sendFrame();
      vi.advanceTimersByTime(1600);
      expect(viewer.events.filter(({ name }) => name === 'frames-sent').map(({ event }) => event)).toEqual([
        { participantId: participant.id, frames: 15 },
      ]);
    });
  });
});
