/** What the routers carry: Opus passed through untouched, and the avatar's one video codec. */
import type { types } from 'mediasoup';
import type { VideoCodec } from '../video/rtp-packetizer.ts';

export const videoCodecs = {
  vp8: { mimeType: 'video/VP8', clockRate: 90_000, parameters: {} },
  h264: {
    mimeType: 'video/H264',
    clockRate: 90_000,
    parameters: { 'packetization-mode': 1, 'profile-level-id': '42e01f', 'level-asymmetry-allowed': 1 },
  },
} as const satisfies Record<VideoCodec, { mimeType: string; clockRate: number; parameters: Record<string, unknown> }>;

export function routerCodecs(video: VideoCodec): types.RouterRtpCodecCapability[] {
  return [
    { kind: 'audio', mimeType: 'audio/opus', clockRate: 48_000, channels: 2, parameters: { useinbandfec: 1, usedtx: 1 } },
    { kind: 'video', ...videoCodecs[video] },
  ];
}
