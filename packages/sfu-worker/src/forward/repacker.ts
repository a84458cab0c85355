import { H264_FORMAT } from '../rtp/h264/nal.ts';
import { ParameterSets } from '../rtp/h264/parameter-sets.ts';
import { parseSps } from '../rtp/h264/sps.ts';
import { H265_FORMAT } from '../rtp/h265/nal.ts';
import { H265ParameterSets } from '../rtp/h265/parameter-sets.ts';
import { parseH265Sps } from '../rtp/h265/sps.ts';
import { FRAME } from '../rtp/inspect.ts';
import { NalFragmenter } from '../rtp/nal/fragmenter.ts';
import type { EmitPayload } from '../rtp/nal/packetise.ts';
import type { SourceTrack } from './ingest.ts';

/** Outputs of one input: a NAL unit of 2 MiB in pieces of 600 bytes would be more, and is dropped by the batch's bounds. */
const MAX_OUTPUTS = 4096;
const FIRST_ARENA_BYTES = 8 * 1024;

/** The first slice of a keyframe: parameter sets may go before it, never between its fragments. */
const IDR_START = FRAME.HAS_IDR | FRAME.PICTURE_START;

/** What differs between H.264 and H.265. */
type NalFamily = {
  readonly fragmenter: NalFragmenter;
  readonly learn: (buffer: Buffer, start: number, end: number, nowMs: number) => void;
  /** 0 when a decoder could not start with what is known. */
  readonly parameterSetBytes: () => number;
  /** Writes one aggregation packet. @returns the offset after. */
  readonly writeParameterSets: (buffer: Buffer, at: number) => number;
  readonly profileLevelId: () => string | undefined;
  readonly describe: () => ParameterSetFacts;
};

/** What the parameter sets in force say; undefined where they do not. */
export type ParameterSetFacts = {
  /** A decoder could start with them. */
  readonly isComplete: boolean;
  readonly profileIdc?: number | undefined;
  readonly constraintFlags?: number | undefined;
  readonly levelIdc?: number | undefined;
  readonly width?: number | undefined;
  readonly height?: number | undefined;
  readonly framesPerSecond?: number | undefined;
};

/**
 * Repairs a source's packets once, before the fan-out: NAL units too large for the path are fragmented,
 * and a keyframe without its parameter sets gets them. Most packets need nothing and are not touched.
 *
 * Outputs are copies in an arena that the caller gives back with `release` when they are sent.
 */
export class Repacker {
  readonly #family: NalFamily | undefined;
  readonly #maxPayloadBytes: number;
  #arena: Buffer = Buffer.alloc(0);
  #used = 0;
  #count = 0;
  readonly #buffers: Buffer[] = [];
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  readonly #flags: number[] = [];
  /** Timestamp of the frame that has its parameter sets. */
  #parameterSetsAt = -1;
  #inputFlags = 0;

  constructor(source: SourceTrack, maxPayloadBytes: number) {
    this.#maxPayloadBytes = maxPayloadBytes;
    this.#family = nalFamily(source.codec.name, maxPayloadBytes);
    for (const unit of source.parameterSets ?? []) this.#family?.learn(unit, 0, unit.length, 0);
  }

  /** H.264 only; undefined before an SPS was seen. */
  get profileLevelId(): string | undefined {
    return this.#family?.profileLevelId();
  }

  /** Undefined for a codec that has none. */
  get parameterSets(): ParameterSetFacts | undefined {
    return this.#family?.describe();
  }

  /** True when this payload must go through `repack`. */
  wants(start: number, end: number, flags: number, timestamp: number): boolean {
    const family = this.#family;
    if (family === undefined) return false;
    if (end - start > this.#maxPayloadBytes || !family.fragmenter.isIdle) return true;
    if ((flags & (FRAME.HAS_SPS | FRAME.HAS_PPS | FRAME.HAS_VPS)) !== 0) return true;
    return (flags & IDR_START) === IDR_START && this.#parameterSetsAt !== timestamp;
  }

  /** Takes the next payload in order. @returns how many outputs there are: read them before the next call. */
  repack(buffer: Buffer, start: number, end: number, flags: number, timestamp: number, nowMs: number): number {
    const family = this.#family;
    this.#count = 0;
    if (family === undefined) return 0;
    if ((flags & (FRAME.HAS_SPS | FRAME.HAS_PPS | FRAME.HAS_VPS)) !== 0) {
      family.learn(buffer, start, end, nowMs);
      if ((flags & FRAME.HAS_SPS) !== 0) this.#parameterSetsAt = timestamp;
    }
    if ((flags & IDR_START) === IDR_START && this.#parameterSetsAt !== timestamp) {
      this.#parameterSetsAt = timestamp;
      this.#insertParameterSets(family);
    }
    this.#inputFlags = flags;
    if (end - start <= this.#maxPayloadBytes && family.fragmenter.isIdle) {
      this.#output(buffer, start, end, flags);
    } else {
      family.fragmenter.push(buffer, start, end, this.#emit);
    }
    return this.#count;
  }

  buffer(output: number): Buffer {
    return this.#buffers[output] as Buffer;
  }
  start(output: number): number {
    return this.#starts[output] as number;
  }
  end(output: number): number {
    return this.#ends[output] as number;
  }
  /** Bits of FRAME. */
  flags(output: number): number {
    return this.#flags[output] as number;
  }

  /** All outputs were sent: the arena is free. */
  release(): void {
    this.#used = 0;
  }

  /** Packets are missing, or the source is another. */
  reset(): void {
    this.#family?.fragmenter.reset();
  }

  readonly #emit: EmitPayload = (buffer, start, end) => {
    // Pieces of a keyframe after the first are no place to begin.
    const flags = this.#count === 0 ? this.#inputFlags : 0;
    const length = end - start;
    if (this.#used + length > this.#arena.length) this.#grow(length);
    buffer.copy(this.#arena, this.#used, start, end);
    this.#output(this.#arena, this.#used, this.#used + length, flags);
    this.#used += length;
  };

  #insertParameterSets(family: NalFamily): void {
    const length = family.parameterSetBytes();
    if (length === 0 || length > this.#maxPayloadBytes) return;
    if (this.#used + length > this.#arena.length) this.#grow(length);
    const end = family.writeParameterSets(this.#arena, this.#used);
    this.#output(this.#arena, this.#used, end, FRAME.KEYFRAME_START | FRAME.HAS_SPS | FRAME.HAS_PPS);
    this.#used = end;
  }

  #output(buffer: Buffer, start: number, end: number, flags: number): void {
    const at = this.#count;
    if (at >= MAX_OUTPUTS) return;
    this.#buffers[at] = buffer;
    this.#starts[at] = start;
    this.#ends[at] = end;
    this.#flags[at] = flags;
    this.#count++;
  }

  /** A new arena; earlier outputs keep the old one alive until they are sent. */
  #grow(length: number): void {
    this.#arena = Buffer.allocUnsafeSlow(Math.max(FIRST_ARENA_BYTES, this.#arena.length * 2, length));
    this.#used = 0;
  }
}

function nalFamily(codec: string, maxPayloadBytes: number): NalFamily | undefined {
  if (codec === 'H264') {
    const sets = new ParameterSets();
    return {
      fragmenter: new NalFragmenter(H264_FORMAT, maxPayloadBytes),
      learn: (buffer, start, end, nowMs) => sets.learn(buffer, start, end, nowMs),
      parameterSetBytes: () => (sets.isComplete ? sets.stapABytes : 0),
      writeParameterSets: (buffer, at) => sets.writeStapA(buffer, at),
      profileLevelId: () => sets.profileLevelId,
      describe: () => ({ ...(sets.sps === undefined ? {} : parseSps(sets.sps)), isComplete: sets.isComplete }),
    };
  }
  if (codec === 'H265') {
    const sets = new H265ParameterSets();
    return {
      fragmenter: new NalFragmenter(H265_FORMAT, maxPayloadBytes),
      learn: (buffer, start, end, nowMs) => sets.learn(buffer, start, end, nowMs),
      parameterSetBytes: () => (sets.isComplete ? sets.apBytes : 0),
      writeParameterSets: (buffer, at) => sets.writeAp(buffer, at),
      profileLevelId: () => undefined,
      describe: () => ({ ...(sets.sps === undefined ? {} : parseH265Sps(sets.sps)), isComplete: sets.isComplete }),
    };
  }
  return undefined;
}
