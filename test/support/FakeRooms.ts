/** The call domain's rooms over fakes that remember what they were asked. */
import type { Participant } from '../../server/call/Participant.ts';
import type { CallMetricsPort, RtpOutput } from '../../server/call/ports.ts';
import { parseConfig } from '../../server/config/index.ts';
import { Rooms } from '../../server/call/Rooms.ts';
import { FakeConnection, FakeRoomMedia, FakeSession } from './call-fakes.ts';

const metrics = new Proxy({}, { get: () => () => undefined }) as CallMetricsPort;

export class FakeRooms {
  readonly medias: FakeRoomMedia[] = [];
  readonly sessions: FakeSession[] = [];
  readonly outputs: RtpOutput[] = [];
  readonly rooms: Rooms;

  constructor() {
    this.rooms = new Rooms({
      media: {
        createRoomMedia: async () => {
          await Promise.resolve();
          this.medias.push(new FakeRoomMedia());
          return this.medias.at(-1)!;
        },
      },
      synthesis: {
        open: async ({ avatarId, output }) => {
          this.sessions.push(new FakeSession(avatarId));
          this.outputs.push(output);
          return this.sessions.at(-1)!;
        },
      },
      metrics,
      maxParticipants: 3,
      graceMs: 1000,
      limits: { maxTransports: 4, maxConsumers: 3 },
      seats: parseConfig().limits,
      videoBitrateBps: 500_000,
    });
  }

  async enter(displayName: string, { hidden = false } = {}): Promise<{ participant: Participant; connection: FakeConnection }> {
    const room = await this.rooms.enter('studio', { subject: displayName, address: '192.0.2.1' });
    const participant = room.add({ displayName, subject: displayName, hidden });
    const connection = new FakeConnection();
    participant.attach(connection);
    return { participant, connection };
  }
}
