import { byteAt } from '../bytes.ts';
import { BitReader, unescapeRbsp } from '../nal/bit-reader.ts';
import { decodeSprop, fmtpParameter, ParameterSetStore } from '../nal/parameter-set-store.ts';
import { eachH264NalUnit, H264_NAL } from './nal.ts';

/** H.264 §7.4.2.2. */
const MAX_SPS_ID = 31;
const MAX_PPS_ID = 255;

/** The newest SPS and PPS of a stream, from its payloads or its SDP, ready to be sent before an IDR that comes without. */
export class ParameterSets {
  readonly #store = new ParameterSetStore();
  #changed = false;

  /**
   * Learns from an RTP payload, or a bare NAL unit, in buffer[start, end); copies what it keeps. Fragments are passed over,
   * and so is what is more than a real stream has: beyond 8 sets a payload, and 16 new ones a second.
   * @returns true when something was new: the picture's size or the decoder's needs may have changed.
   */
  learn(buffer: Buffer, start: number, end: number, nowMs: number): boolean {
    this.#changed = false;
    this.#store.beginPayload(nowMs);
    eachH264NalUnit(buffer, start, end, this.#learnUnit);
    return this.#changed;
  }

  /** True when a decoder could start with them: an SPS and a PPS are known. */
  get isComplete(): boolean {
    return this.#store.has(H264_NAL.SPS) && this.#store.has(H264_NAL.PPS);
  }

  /** NAL units without start codes, SPS first. Owned by the cache and never changed, only replaced. */
  get nalUnits(): readonly Buffer[] {
    return this.#store.units;
  }

  /** The SPS learnt last. */
  get sps(): Buffer | undefined {
    return this.#store.newest(H264_NAL.SPS);
  }

  /** Six hex digits in lower case, as in SDP (RFC 6184 §8.1); undefined without an SPS. */
  get profileLevelId(): string | undefined {
    return this.sps?.toString('hex', 1, 4);
  }

  /** Size of `writeStapA`'s payload; 0 when nothing is known. */
  get stapABytes(): number {
    const bytes = this.#store.aggregatedBytes;
    return bytes === 0 ? 0 : bytes + 1;
  }

  /**
   * Writes all sets as one STAP-A payload (RFC 6184 §5.7.1) at `at`.
   * @returns the offset after; `at` when nothing is known or the buffer has no room for `stapABytes`.
   */
  writeStapA(buffer: Buffer, at: number): number {
    const bytes = this.stapABytes;
    if (bytes === 0 || at + bytes > buffer.length) return at;
    let importance = 0;
    for (const nal of this.#store.units) importance = Math.max(importance, byteAt(nal, 0) & 0x60); // NRI: the highest
    buffer[at] = importance | H264_NAL.STAP_A;
    return this.#store.writeAggregated(buffer, at + 1);
  }

  clear(): void {
    this.#store.clear();
  }

  readonly #learnUnit = (buffer: Buffer, start: number, end: number): void => {
    const type = byteAt(buffer, start) & 0x1f;
    if (type !== H264_NAL.SPS && type !== H264_NAL.PPS) return;
    if (!this.#store.wants(buffer, start, end)) return;
    const nal = buffer.subarray(start, end);
    const reader = new BitReader(unescapeRbsp(nal, 1, nal.length));
    if (type === H264_NAL.SPS) {
      reader.skip(24); // profile_idc, constraint flags, level_idc
      const id = reader.ue();
      if (reader.overrun || id > MAX_SPS_ID) return;
      if (this.#store.put(type, id, 0, nal)) this.#store.dropChildren(H264_NAL.PPS, id);
    } else {
      const id = reader.ue();
      const spsId = reader.ue();
      if (reader.overrun || id > MAX_PPS_ID || spsId > MAX_SPS_ID) return;
      this.#store.put(type, id, spsId, nal);
    }
    this.#changed = true;
  };
}

/**
 * The NAL units of `sprop-parameter-sets`, from the text of an `a=fmtp` or from the value alone. What is not base64 of a
 * NAL unit is left out.
 */
export function parseSpropParameterSets(fmtp: string): Buffer[] {
  const named = fmtpParameter(fmtp, 'sprop-parameter-sets');
  if (named !== undefined) return decodeSprop(named);
  return fmtp.includes(';') || fmtp.includes('-') ? [] : decodeSprop(fmtp); // other parameters, not base64
}
