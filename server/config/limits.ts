/** What one user, one address or one connection may hold. `docs/security.md` has them as a table. */
import { z } from 'zod';

const MIB = 1024 * 1024;
const MBPS = 1_000_000;
const count = z.int().min(1);
const bytes = z.int().min(1024);
const bitrate = z.int().min(30_000).max(1_000_000_000_000);

export const limitFields = {
  handshakesPerMinute: count
    .default(600)
    .describe('Requests to the signalling endpoint a minute from one address, before any token is read.'),
  connectionsPerAddress: count
    .default(256)
    .describe('Signalling connections from one address at the same time. An IPv6 network of 64 bits counts as one address.'),
  connectionsPerUser: count.default(16).describe('Signalling connections of one user at the same time.'),
  messagesPerSecond: count
    .default(30)
    .describe(
      "Signalling messages a second on one connection, with bursts of four seconds' worth; further ones are answered `rate-limited`, and a connection that goes on sending is ended.",
    ),
  messagesPerSecondPerUser: count
    .default(120)
    .describe('The same on all connections of one user together; further ones are answered `rate-limited`.'),
  messagesPerSecondPerAddress: count.default(1500).describe('The same on all connections from one address.'),
  messageBytes: bytes
    .max(MIB)
    .default(64 * 1024)
    .describe('Bytes of one signalling message; a longer one ends the connection.'),
  inboundBytesPerSecond: bytes
    .default(128 * 1024)
    .describe("Bytes a second that one signalling connection may send, with bursts of eight seconds' worth."),
  unsentBytes: bytes
    .default(MIB)
    .describe('Bytes that may wait for one signalling connection that does not read; it is ended beyond that.'),
  unsentBytesPerUser: bytes
    .default(4 * MIB)
    .describe('The same for all connections of one user together; the one with most waiting is ended first.'),
  unsentBytesPerAddress: bytes.default(32 * MIB).describe('The same for all connections from one address.'),
  roomsPerUser: count
    .default(8)
    .describe('Rooms that one user has opened, by coming first, and that are open still; further ones are refused with `room-limit`.'),
  roomsPerAddress: count.default(64).describe('The same for one address.'),
  seatsPerUser: count
    .default(8)
    .describe('Places in rooms that one user holds at the same time, previews and places kept for a reconnect included.'),
  previewSeatsPerUser: count.default(2).describe('Of those, unseen previews.'),
  seatsPerAddress: count.default(64).describe('Places in rooms that one address holds at the same time.'),
  previewSeatsPerAddress: count.default(32).describe('Of those, unseen previews.'),
  avatarsPerUser: count.default(4).describe('Avatars of one user that are driven at the same time.'),
  avatarsPerAddress: count.default(16).describe('Avatars that are driven from one address at the same time.'),
  transportsPerUser: count
    .default(32)
    .describe('WebRTC transports of one user in all places; further ones are refused with `transport-limit`.'),
  transportsPerAddress: count.default(256).describe('The same for one address.'),
  consumersPerUser: count
    .default(256)
    .describe('Streams that one user receives in all places; further ones are refused with `consumer-limit`.'),
  consumersPerAddress: count.default(2048).describe('The same for one address.'),
  incomingBitratePerUserBps: bitrate
    .default(4 * MBPS)
    .describe(
      'Bit rate that one user sends from all places, averaged over three seconds; beyond it who sends most is put out with `bitrate-limit`.',
    ),
  incomingBitratePerAddressBps: bitrate.default(32 * MBPS).describe('The same for one address.'),
  outgoingBitratePerUserBps: bitrate
    .default(64 * MBPS)
    .describe(
      "Bit rate of all streams that one user receives, an avatar's video counted as `video.bitrateBps`, a voice as 64,000; further ones are refused with `outgoing-bitrate-limit`.",
    ),
  outgoingBitratePerAddressBps: bitrate.default(512 * MBPS).describe('The same for one address.'),
  revokedInvitesPerRoom: count
    .default(1000)
    .describe('Invites of one room that its moderators may end one by one; further ones are refused with `revocation-limit`.'),
  httpConnectionsPerAddress: count.default(512).describe('TCP connections from one address at the same time, trusted proxies excepted.'),
  uploadsPerUser: count
    .default(4)
    .describe('Uploads of one user under way at the same time, from the first byte until the portraits have been checked or enrolled.'),
  uploadsPerAddress: count.default(16).describe('The same for one address.'),
  uploads: count.default(32).describe('The same for all together.'),
  uploadBytesPerUser: bytes
    .default(128 * MIB)
    .describe("Bytes of one user's uploads under way; reserved before the body is read where its length is known."),
  uploadBytesPerAddress: bytes.default(192 * MIB).describe('The same for one address.'),
  uploadBytes: bytes.default(256 * MIB).describe('The same for all together: this much memory uploads may take.'),
  uploadStallMs: z.int().min(100).max(2_147_483_647).default(10_000).describe('An upload that sends nothing for so long is given up.'),
};
