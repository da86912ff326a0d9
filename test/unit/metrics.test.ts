import { describe, expect, it } from 'vitest';
import { createLog } from '../../server/base/log.ts';
import { Metrics } from '../../server/metrics.ts';

const trace = {
  rtpTimestamp: 1,
  capturedMs: 1000,
  landmarksSentMs: 1010,
  arrivedMs: 1011,
  synthesisStartMs: 1013,
  synthesisEndMs: 1023,
  encodedMs: 1026,
  sentMs: 1027,
};

describe('Metrics', () => {
  it('counts rooms, participants and avatars up and down', async () => {
    const metrics = Metrics.create({ processDefaults: false });
    metrics.roomOpened();
    metrics.participantJoined();
    metrics.participantJoined();
    metrics.participantLeft();
    metrics.avatarStarted();
    for (const on of [true, true, false]) metrics.repeatsChanged(on);
    metrics.avatarStopped();
    const text = await metrics.text();
    expect(text).toMatch(/^gioconda_rooms 1$/m);
    expect(text).toMatch(/^gioconda_participants 1$/m);
    expect(text).toMatch(/^gioconda_avatars_active 0$/m);
    expect(text).toMatch(/^gioconda_avatars_repeating 1$/m);
  });

  it("splits a frame's way into its stages, in seconds", async () => {
    const metrics = Metrics.create({ processDefaults: false });
    metrics.frameSent({ bytes: 1500, keyframe: false, trace });
    const text = await metrics.text();
    const sum = (stage: string): number =>
      Number(new RegExp(`gioconda_frame_stage_seconds_sum\\{stage="${stage}"\\} (\\S+)`).exec(text)?.[1]);
    expect(['uplink', 'queue', 'synthesis', 'encode', 'send', 'capture_to_sent'].map(sum)).toEqual([
      0.001, 0.002, 0.01, 0.003, 0.001, 0.027,
    ]);
    expect(text).toMatch(/^gioconda_encoder_bytes_total 1500$/m);
    expect(text).toMatch(/^gioconda_frames_total 1$/m);
  });

  it('keeps the sign of the skew, and takes clocks that disagree for no time at all', async () => {
    const metrics = Metrics.create({ processDefaults: false });
    metrics.playbackReported({ skewMs: -20, presentedLatencyMs: [-3, 40] });
    metrics.playbackReported({ presentedLatencyMs: [] });
    const text = await metrics.text();
    expect(text).toMatch(/^gioconda_audio_video_skew_seconds_sum -0\.02$/m);
    expect(text).toMatch(/^gioconda_audio_video_skew_seconds_count 1$/m);
    expect(text).toMatch(/^gioconda_presented_latency_seconds_sum 0\.04$/m);
  });

  it('lets no absurd time into the sums', async () => {
    const metrics = Metrics.create({ processDefaults: false });
    metrics.playbackReported({ skewMs: -1.7e308, presentedLatencyMs: [1.7e308, Infinity, NaN] });
    metrics.playbackReported({ skewMs: NaN, presentedLatencyMs: [] });
    metrics.frameSent({ bytes: 1, keyframe: false, trace: { ...trace, capturedMs: -1.7e308, landmarksSentMs: NaN } });
    const text = await metrics.text();
    expect(text).toMatch(/^gioconda_audio_video_skew_seconds_sum -10$/m);
    expect(text).toMatch(/^gioconda_presented_latency_seconds_sum 120$/m);
    expect(text).toMatch(/^gioconda_frame_stage_seconds_sum\{stage="capture_to_sent"\} 60$/m);
    expect(text).not.toMatch(/stage="uplink"/);
    expect(text).toMatch(/^gioconda_frames_total 1$/m);
  });

  it('tells what the machine holds as it is at each scrape', async () => {
    const metrics = Metrics.create({ processDefaults: false });
    let [idle, lowest] = [3, 14 as number | null];
    metrics.watchAvatars(() => ({
      rendered: 2,
      idle,
      sharing: {
        costs: new Map([['warp', 8]]),
        fits: new Map([['warp', { atFullRate: 5, atLowestRate: 13 }]]),
        lowest,
        median: lowest,
      },
    }));
    expect(
      (await metrics.text()).split('\n').filter((line) => /^gioconda_(avatars\{|frame_cost|capacity|avatar_frames)/.test(line)),
    ).toEqual([
      'gioconda_avatars{state="rendered"} 2',
      'gioconda_avatars{state="idle"} 3',
      'gioconda_frame_cost_seconds{model="warp"} 0.008',
      'gioconda_capacity_avatars{model="warp",rate="full"} 5',
      'gioconda_capacity_avatars{model="warp",rate="lowest"} 13',
      'gioconda_avatar_frames_per_second{quantile="0"} 14',
      'gioconda_avatar_frames_per_second{quantile="0.5"} 14',
    ]);
    [idle, lowest] = [0, null];
    const text = await metrics.text();
    expect(text).toMatch(/^gioconda_avatars\{state="idle"\} 0$/m);
    expect(text).not.toMatch(/^gioconda_avatar_frames_per_second\{/m);
  });

  it('says of each figure what it measures', async () => {
    const text = await Metrics.create({ processDefaults: false }).text();
    expect(text).toMatch(/^# HELP gioconda_presented_latency_seconds Camera picture to avatar picture presented/m);
  });

  it("keeps two instances apart, and adds the process's own figures", async () => {
    const [one, two] = [Metrics.create(), Metrics.create({ processDefaults: false })];
    one.landmarkPacket(900);
    one.landmarkPacket(10, 'invalid');
    one.keyframeRequested('viewer');
    one.workerRestarted();
    one.enrolled('created', 0.4);
    const text = await one.text();
    expect(text).toMatch(/^gioconda_landmark_packets_total\{outcome="accepted"\} 1$/m);
    expect(text).toMatch(/^gioconda_landmark_packets_total\{outcome="invalid"\} 1$/m);
    expect(text).toMatch(/^gioconda_keyframes_total\{reason="viewer"\} 1$/m);
    expect(text).toMatch(/^gioconda_synthesis_worker_restarts_total 1$/m);
    expect(text).toContain('process_resident_memory_bytes');
    expect(await two.text()).toMatch(/^gioconda_synthesis_worker_restarts_total 0$/m);
  });
});

describe('createLog', () => {
  it('cuts what must not be in a log', () => {
    const lines: string[] = [];
    const log = createLog({ logLevel: 'info' }, { write: (line: string) => void lines.push(line) });
    log.info(
      {
        token: 'secret-1',
        join: { displayName: 'secret-2', resumeKey: 'secret-3' },
        req: { headers: { authorization: 'Bearer secret-4' } },
        callId: 'kept',
      },
      'joined',
    );
    log.debug('not at this level');
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toContain('secret-');
    expect(JSON.parse(lines[0]!)).toMatchObject({ level: 'info', msg: 'joined', callId: 'kept', token: '[cut]' });
  });
});
