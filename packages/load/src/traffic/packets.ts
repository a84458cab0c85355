/** Bytes a packet as the reference measurements have them: RTP header and payload. */
export const PACKET_BYTES = 1165;
const HEADER_BYTES = 12;
const FU_BYTES = 2;
/** The mark in every payload: when it was sent (double, ms) and its number in the stream (32 bits). */
const MARK_AT = HEADER_BYTES + FU_BYTES;
const MARK_BYTES = 12;

export const PAYLOAD_TYPE = 96;
export const FRAMES_PER_SECOND = 25;
const CLOCK_RATE = 90_000;
const FRAMES_PER_GOP = 50;
/** From keyframe to keyframe. */
export const GOP_SECONDS = FRAMES_PER_GOP / FRAMES_PER_SECOND;
/** Packets of the frames, in turn: 4.3 on average, 1 Mbit/s at 25 frames a second. */
export const PACKETS_OF_FRAME: readonly number[] = [4, 4, 5];
/** Less than two packets a frame, and an FU-A would begin and end in one (RFC 6184 §5.8). */
export const MIN_BITRATE_BPS = 500_000;
export const MAX_BITRATE_BPS = 50_000_000;

/** A baseline SPS and PPS, 640x360. */
export const SPROP = 'Z0LAHtkAoD2hAAADAAEAAAMAMg8WLkg=,aMuDyyA=';
const [SPS, PPS] = SPROP.split(',').map((set) => Buffer.from(set, 'base64')) as [Buffer, Buffer];

/** How many packets the frames of a second have, in turn, for a bitrate of RTP packets at `FRAMES_PER_SECOND`. */
export function packetsOfFrames(bitrateBps: number): readonly number[] {
  const perFrame = bitrateBps / (PACKET_BYTES * 8) / FRAMES_PER_SECOND;
  const upTo = (frame: number) => Math.round(frame * perFrame);
  return Array.from({ length: FRAMES_PER_SECOND }, (_, frame) => Math.max(2, upTo(frame + 1) - upTo(frame)));
}

const MACHINE_ORIGIN_MS = Number(process.hrtime.bigint()) / 1e6 - performance.now();

/** Writes a stream's RTP packets into interleaved frames (RFC 2326 §10.12), each with a mark that viewers check. */
export class FrameWriter {
  readonly #ssrc: number;
  readonly #packetsOfFrame: readonly number[];
  #sequence: number;
  #number = 0;
  #sent = 0;
  #frame: number;
  /** Every frame that begins so many is a keyframe. */
  framesPerGop = FRAMES_PER_GOP;

  /**
   * @param phase of the GOP
   * @param packetsOfFrame as `packetsOfFrames` gives them
   */
  constructor(ssrc: number, phase: number, packetsOfFrame = PACKETS_OF_FRAME) {
    this.#ssrc = ssrc;
    this.#packetsOfFrame = packetsOfFrame;
    this.#sequence = ssrc & 0x7fff;
    this.#frame = phase % FRAMES_PER_GOP;
  }

  /** Marked packets written so far, which is the next one's number. */
  get packets(): number {
    return this.#number;
  }

  /** RTP packets written so far, parameter sets included. */
  get rtpPackets(): number {
    return this.#sent;
  }

  /** Writes the next frame to `out`, which has room for three packets more than it. @returns bytes written. */
  write(out: Buffer, nowMs: number): number {
    const isKeyframe = this.#frame % this.framesPerGop === 0;
    const packets = this.#packetsOfFrame[this.#frame % this.#packetsOfFrame.length] as number;
    const timestamp = (this.#frame * (CLOCK_RATE / FRAMES_PER_SECOND)) >>> 0;
    let at = 0;
    if (isKeyframe) at = this.#parameterSets(out, at, timestamp);
    for (let i = 0; i < packets; i++) {
      const start = this.#header(out, at, timestamp, i === packets - 1, PACKET_BYTES);
      out[start + HEADER_BYTES] = 0x60 | 28; // FU-A
      out[start + HEADER_BYTES + 1] = (i === 0 ? 0x80 : 0) | (i === packets - 1 ? 0x40 : 0) | (isKeyframe ? 5 : 1);
      out.writeDoubleBE(nowMs, start + MARK_AT);
      // The first slice bit of a new picture must be set where the slice begins: the mark's own first bit is 0.
      out[start + MARK_AT] = (out[start + MARK_AT] as number) | 0x80;
      out.writeUInt32BE(this.#number++, start + MARK_AT + 8);
      at = start + PACKET_BYTES;
    }
    this.#frame++;
    return at;
  }

  #parameterSets(out: Buffer, at: number, timestamp: number): number {
    const length = HEADER_BYTES + 1 + 2 + SPS.length + 2 + PPS.length;
    let to = this.#header(out, at, timestamp, false, length) + HEADER_BYTES;
    out[to++] = 0x60 | 24; // STAP-A
    for (const set of [SPS, PPS]) {
      to = out.writeUInt16BE(set.length, to);
      to += set.copy(out, to);
    }
    return to;
  }

  #header(out: Buffer, at: number, timestamp: number, marker: boolean, length: number): number {
    out[at] = 0x24;
    out[at + 1] = 0;
    out.writeUInt16BE(length, at + 2);
    const start = at + 4;
    out[start] = 0x80;
    out[start + 1] = (marker ? 0x80 : 0) | PAYLOAD_TYPE;
    out.writeUInt16BE(this.#sequence, start + 2);
    out.writeUInt32BE(timestamp, start + 4);
    out.writeUInt32BE(this.#ssrc, start + 8);
    this.#sent++;
    this.#sequence = (this.#sequence + 1) & 0xffff;
    return start;
  }
}

/** Reads when a plain packet was sent and which it is. @returns false for parameter sets and what is not ours. */
export function readMark(packet: Buffer, end: number, into: { sentAtMs: number; number: number }): boolean {
  if (end < MARK_AT + MARK_BYTES || ((packet[HEADER_BYTES] as number) & 0x1f) !== 28) return false;
  const first = packet[MARK_AT] as number;
  packet[MARK_AT] = first & 0x7f;
  into.sentAtMs = packet.readDoubleBE(MARK_AT);
  into.number = packet.readUInt32BE(MARK_AT + 8);
  packet[MARK_AT] = first;
  return true;
}

/** The clock of cameras and viewers, which may be in different processes: monotonic, of the machine. */
export function nowMs(): number {
  return MACHINE_ORIGIN_MS + performance.now();
}
