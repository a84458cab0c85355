import { readFile } from 'node:fs/promises';
import { ShardcastError } from '@shardcast/shared';
import type { SourceSink, SourceTrack, StreamInlet } from '../../forward/ingest.ts';
import type { WorkerLog } from '../../log.ts';
import { H264_FORMAT } from '../../rtp/h264/nal.ts';
import { parseSps } from '../../rtp/h264/sps.ts';
import { packetiseNal } from '../../rtp/nal/packetise.ts';
import { groupAccessUnits, splitAnnexB } from './annex-b.ts';
import { LoopTrack } from './loop-track.ts';
import { readOggPackets } from './ogg.ts';

const VIDEO_CLOCK = 90_000;
const AUDIO_CLOCK = 48_000;
const OPUS_PACKET_MS = 20;
const DEFAULT_FPS = 25;
const TICK_MS = 10;
const HEADER_BYTES = 12;
const VIDEO_PAYLOAD_TYPE = 96;
const AUDIO_PAYLOAD_TYPE = 111;

export type FileSourceOptions = {
  /** Annex B H.264 (`clip.h264`); Opus in Ogg beside it (`clip.ogg`) is played along. */
  readonly file: string;
  readonly inlet: StreamInlet;
  readonly log: WorkerLog;
  readonly maxPayloadBytes: number;
  /** Monotonic ms since the epoch. */
  readonly clock: () => number;
  /** Playing threw. */
  readonly onFault: (error: unknown) => void;
};

/** A clip played in a loop, as if a camera sent it. Timestamps follow the wall clock, so they go on after a restart. */
export class FileSource {
  readonly #options: FileSourceOptions;
  #timer: NodeJS.Timeout | undefined;
  #sink: SourceSink | undefined;
  #closed = false;

  constructor(options: FileSourceOptions) {
    this.#options = options;
  }

  /** Reads the file and begins to play. @throws ShardcastError CONFIG_INVALID when it holds no H.264. */
  async start(): Promise<void> {
    const { file, inlet, clock, maxPayloadBytes } = this.#options;
    const units = splitAnnexB(await readFile(file));
    const frames = groupAccessUnits(units);
    if (frames.length === 0) throw new ShardcastError('CONFIG_INVALID', `no H.264 picture in "${file}"`);
    const audio = await readAudio(file.replace(/\.[^./\\]+$/, '.ogg'));
    if (this.#closed) return;

    const sps = units.find((unit) => ((unit[0] as number) & 0x1f) === 7);
    const fps = (sps === undefined ? undefined : parseSps(sps)?.framesPerSecond) ?? DEFAULT_FPS;
    const tracks = describe(sps, audio.length > 0);
    const sink = inlet.open(
      {
        type: 'file',
        tracks,
        offered: tracks.map(({ kind, codec }) => ({ kind, codec: codec.name, clockRate: codec.clockRate })),
      },
      { canMakeKeyframes: false, requestKeyframe: () => {}, sendRtcp: () => {}, close: () => this.#stop() },
    );
    this.#sink = sink;

    const video = new LoopTrack(frames.length, 1000 / fps, clock());
    const sound = new LoopTrack(audio.length, OPUS_PACKET_MS, clock());
    const videoOut = new RtpWriter(VIDEO_PAYLOAD_TYPE, VIDEO_CLOCK);
    const audioOut = new RtpWriter(AUDIO_PAYLOAD_TYPE, AUDIO_CLOCK);
    const play = () => {
      const nowMs = clock();
      video.run(nowMs, (frame, atMs) => {
        const nals = frames[frame] ?? [];
        nals.forEach((nal, i) => {
          packetiseNal(H264_FORMAT, nal, maxPayloadBytes, (buffer, start, end, isLast) => {
            const packet = videoOut.write(buffer, start, end, atMs, isLast && i === nals.length - 1);
            sink.tracks[0]?.receive(packet, 0, packet.length);
          });
        });
        sink.flush();
      });
      sound.run(nowMs, (at, atMs) => {
        const opus = audio[at];
        if (opus === undefined) return;
        const packet = audioOut.write(opus, 0, opus.length, atMs, false);
        sink.tracks[1]?.receive(packet, 0, packet.length);
        sink.flush();
      });
    };
    this.#timer = setInterval(() => {
      try {
        play();
      } catch (error) {
        this.#options.onFault(error);
      }
    }, TICK_MS);
  }

  /** Idempotent. */
  close(reason: string): void {
    const sink = this.#sink;
    this.#stop();
    sink?.close(reason);
  }

  #stop(): void {
    this.#closed = true;
    this.#sink = undefined;
    clearInterval(this.#timer);
  }
}

/** Builds RTP packets; a new buffer each, for a source that has a few hundred packets a second at most. */
class RtpWriter {
  readonly #payloadType: number;
  readonly #clockRate: number;
  readonly #ssrc = 1 + Math.floor(Math.random() * 0xffff_fffe);
  #sequence = Math.floor(Math.random() * 0x8000);

  constructor(payloadType: number, clockRate: number) {
    this.#payloadType = payloadType;
    this.#clockRate = clockRate;
  }

  write(payload: Buffer, start: number, end: number, atMs: number, marker: boolean): Buffer {
    const packet = Buffer.allocUnsafe(HEADER_BYTES + end - start);
    packet[0] = 0x80;
    packet[1] = (marker ? 0x80 : 0) | this.#payloadType;
    packet.writeUInt16BE(this.#sequence, 2);
    packet.writeUInt32BE(Math.round((atMs * this.#clockRate) / 1000) % 0x1_0000_0000, 4);
    packet.writeUInt32BE(this.#ssrc, 8);
    payload.copy(packet, HEADER_BYTES, start, end);
    this.#sequence = (this.#sequence + 1) & 0xffff;
    return packet;
  }
}

async function readAudio(file: string): Promise<Buffer[]> {
  try {
    return readOggPackets(await readFile(file));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

function describe(sps: Buffer | undefined, hasAudio: boolean): SourceTrack[] {
  const profile = sps !== undefined && sps.length >= 4 ? `;profile-level-id=${sps.toString('hex', 1, 4)}` : '';
  const video: SourceTrack = {
    kind: 'video',
    codec: { name: 'H264', clockRate: VIDEO_CLOCK, fmtp: `packetization-mode=1${profile}` },
    payloadType: VIDEO_PAYLOAD_TYPE,
  };
  const audio: SourceTrack = {
    kind: 'audio',
    codec: { name: 'OPUS', clockRate: AUDIO_CLOCK, channels: 2, fmtp: 'minptime=10;useinbandfec=1' },
    payloadType: AUDIO_PAYLOAD_TYPE,
  };
  return hasAudio ? [video, audio] : [video];
}
