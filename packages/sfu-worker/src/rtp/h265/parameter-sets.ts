import { byteAt } from '../bytes.ts';
import { BitReader, unescapeRbsp } from '../nal/bit-reader.ts';
import { decodeSprop, fmtpParameter, ParameterSetStore } from '../nal/parameter-set-store.ts';
import { eachH265NalUnit, H265_NAL } from './nal.ts';
import { parseH265Sps } from './sps.ts';

/** H.265 §7.4.3.3.1, §7.4.3.2.1. */
const MAX_PPS_ID = 63;
const MAX_SPS_ID = 15;

/** The newest VPS, SPS and PPS of a stream, ready to be sent before a keyframe that comes without. */
export class H265ParameterSets {
  readonly #store = new ParameterSetStore();
  #changed = false;

  /**
   * Learns from an RTP payload, or a bare NAL unit, in buffer[start, end); copies what it keeps. Fragments are passed over,
   * and so is what is more than a real stream has: beyond 8 sets a payload, and 16 new ones a second.
   * @returns true when something was new.
   */
  learn(buffer: Buffer, start: number, end: number, nowMs: number): boolean {
    this.#changed = false;
    this.#store.beginPayload(nowMs);
    eachH265NalUnit(buffer, start, end, this.#learnUnit);
    return this.#changed;
  }

  /** True when a decoder could start with them: one of each is known. */
  get isComplete(): boolean {
    return this.#store.has(H265_NAL.VPS) && this.#store.has(H265_NAL.SPS) && this.#store.has(H265_NAL.PPS);
  }

  /** NAL units without start codes, VPS, SPS, PPS. Owned by the cache and never changed, only replaced. */
  get nalUnits(): readonly Buffer[] {
    return this.#store.units;
  }

  /** The SPS learnt last. */
  get sps(): Buffer | undefined {
    return this.#store.newest(H265_NAL.SPS);
  }

  /** Size of `writeAp`'s payload; 0 when nothing is known. */
  get apBytes(): number {
    const bytes = this.#store.aggregatedBytes;
    return bytes === 0 ? 0 : bytes + 2;
  }

  /**
   * Writes all sets as one aggregation packet (RFC 7798 §4.4.2) at `at`.
   * @returns the offset after; `at` when nothing is known or the buffer has no room for `apBytes`.
   */
  writeAp(buffer: Buffer, at: number): number {
    const bytes = this.apBytes;
    if (bytes === 0 || at + bytes > buffer.length) return at;
    buffer[at] = H265_NAL.AP << 1; // the lowest layer is 0,
    buffer[at + 1] = 1; // and parameter sets have temporal id 0 (H.265 §7.4.2.2), written plus 1
    return this.#store.writeAggregated(buffer, at + 2);
  }

  clear(): void {
    this.#store.clear();
  }

  readonly #learnUnit = (buffer: Buffer, start: number, end: number): void => {
    const type = (byteAt(buffer, start) >> 1) & 0x3f;
    if (type < H265_NAL.VPS || type > H265_NAL.PPS) return;
    if (!this.#store.wants(buffer, start, end)) return;
    const nal = buffer.subarray(start, end);
    if (type === H265_NAL.VPS) {
      this.#store.put(type, byteAt(nal, 2) >> 4, 0, nal);
    } else if (type === H265_NAL.SPS) {
      const sps = parseH265Sps(nal);
      if (sps === undefined) return;
      if (this.#store.put(type, sps.id, 0, nal)) this.#store.dropChildren(H265_NAL.PPS, sps.id);
    } else {
      const reader = new BitReader(unescapeRbsp(nal, 2, nal.length));
      const id = reader.ue();
      const spsId = reader.ue();
      if (reader.overrun || id > MAX_PPS_ID || spsId > MAX_SPS_ID) return;
      this.#store.put(type, id, spsId, nal);
    }
    this.#changed = true;
  };
}

/** The NAL units of `sprop-vps`, `sprop-sps` and `sprop-pps` (RFC 7798 §7.1) in the text of an `a=fmtp`, in that order. */
export function parseH265Sprop(fmtp: string): Buffer[] {
  return ['sprop-vps', 'sprop-sps', 'sprop-pps'].flatMap((name) => decodeSprop(fmtpParameter(fmtp, name) ?? ''));
}
