import { byteAt } from '../bytes.ts';
import {
  aggregatedUnitEnd,
  FU_END,
  FU_START,
  isNalUnitType,
  isWholeUnit,
  MAX_NAL_BYTES,
  type NalFormat,
  nalType,
  withNalType,
} from './nal-format.ts';
import { type EmitPayload, MIN_PAYLOAD_BYTES } from './packetise.ts';

const FIRST_STAGING_BYTES = 4096;
/**
 * Units taken out of one aggregation packet, each of which becomes a packet for every viewer: a picture's slices and all
 * that goes before it. Of four bytes each there would be room for thousands.
 */
const MAX_AGGREGATED_UNITS = 64;

/**
 * Turns the RTP payloads of one track, in order, into payloads that are not larger than a limit. Small ones pass
 * untouched; a large NAL unit becomes fragments; a large fragment is cut and joined with the next ones of its NAL unit
 * into fragments of full size; a large aggregation packet becomes its NAL units.
 *
 * Streaming: nothing is reassembled. At most one output, the tail of an unfinished NAL unit, waits for the next input.
 * What is emitted is valid until the next call of `push` or `reset`: it lies in the input or in a staging buffer that is
 * kept and reused.
 */
export class NalFragmenter {
  readonly #format: NalFormat;
  readonly #maxPayloadBytes: number;
  /** Bytes before a fragment's piece: payload header and FU header. */
  readonly #fuBytes: number;
  /** Bytes of a NAL unit's body in a full fragment. */
  readonly #room: number;
  #staging: Buffer = Buffer.alloc(0);
  /** The waiting tail, in staging, without the fragment headers. */
  #pendingAt = 0;
  #pendingBytes = 0;
  #pendingType = -1;
  /** Where the next output of this call goes in staging. */
  #used = 0;
  /** Bytes so far of the NAL unit that arrives in fragments. */
  #nalBytes = 0;
  #emitted = 0;

  /** Inputs, or parts of them, dropped: cut off, of a type that cannot be cut, or of a NAL unit over 2 MiB. */
  malformed = 0;
  /** NAL units whose tail never came: the waiting output was dropped. */
  abandoned = 0;

  /** @throws RangeError when the limit is below 16 bytes. */
  constructor(format: NalFormat, maxPayloadBytes: number) {
    if (!(maxPayloadBytes >= MIN_PAYLOAD_BYTES)) throw new RangeError(`a payload limit of ${maxPayloadBytes} bytes`);
    this.#format = format;
    this.#maxPayloadBytes = maxPayloadBytes;
    this.#fuBytes = format.headerBytes + 1;
    this.#room = maxPayloadBytes - this.#fuBytes;
  }

  /** True when payloads within the limit may bypass `push`: nothing waits for its continuation. */
  get isIdle(): boolean {
    return this.#pendingBytes === 0;
  }

  /** Takes the payload in buffer[start, end), emits 0..n payloads in order. @returns how many. */
  push(buffer: Buffer, start: number, end: number, emit: EmitPayload): number {
    this.#emitted = 0;
    this.#used = 0;
    const type = end > start ? nalType(this.#format, byteAt(buffer, start)) : -1;
    if (type === this.#format.fragmentType) this.#pushFragment(buffer, start, end, emit);
    else {
      this.#abandon();
      if (end - start <= this.#maxPayloadBytes) this.#pass(buffer, start, end, emit);
      else if (type === this.#format.aggregationType) this.#pushAggregation(buffer, start, end, emit);
      else if (isNalUnitType(this.#format, type) && end - start <= MAX_NAL_BYTES) {
        this.#reserve(end - start);
        this.#fragmentUnit(buffer, start, end, true, emit);
      } else this.malformed++;
    }
    return this.#emitted;
  }

  /** Packets are missing: what waits would be joined with the wrong bytes, so it is dropped. */
  reset(): void {
    this.#abandon();
    this.#nalBytes = 0;
  }

  #abandon(): void {
    if (this.#pendingBytes > 0) this.abandoned++;
    this.#pendingBytes = 0;
    this.#pendingType = -1;
  }

  #pass(buffer: Buffer, start: number, end: number, emit: EmitPayload): void {
    if (end <= start) {
      this.malformed++;
      return;
    }
    this.#emitted++;
    emit(buffer, start, end, true);
  }

  #pushAggregation(buffer: Buffer, start: number, end: number, emit: EmitPayload): void {
    const format = this.#format;
    const first = start + format.headerBytes;
    // The last good unit carries the marker, so it must be known first.
    let lastUnit = -1;
    let isCut = false;
    let units = 0;
    for (let at = first; at < end && !isCut; ) {
      const unitEnd = aggregatedUnitEnd(buffer, at, end);
      isCut = unitEnd < 0;
      if (isCut) break;
      if (isWholeUnit(format, buffer, at + 2, unitEnd)) {
        isCut = ++units > MAX_AGGREGATED_UNITS;
        if (isCut) break;
        lastUnit = at;
      }
      at = unitEnd;
    }
    if (isCut || lastUnit < 0) this.malformed++;
    this.#reserve(end - start);
    for (let at = first; at <= lastUnit; ) {
      const unitEnd = aggregatedUnitEnd(buffer, at, end);
      if (isWholeUnit(format, buffer, at + 2, unitEnd)) {
        const isLast = at === lastUnit;
        if (unitEnd - at - 2 > this.#maxPayloadBytes) this.#fragmentUnit(buffer, at + 2, unitEnd, isLast, emit);
        else {
          this.#emitted++;
          emit(buffer, at + 2, unitEnd, isLast);
        }
      }
      at = unitEnd;
    }
  }

  #pushFragment(buffer: Buffer, start: number, end: number, emit: EmitPayload): void {
    if (end - start < this.#fuBytes) {
      this.#abandon();
      this.malformed++;
      return;
    }
    const fuHeader = byteAt(buffer, start + this.#fuBytes - 1);
    const type = fuHeader & this.#format.typeMask;
    const isStart = (fuHeader & FU_START) !== 0;
    const isEnd = (fuHeader & FU_END) !== 0;
    if (isStart || type !== this.#pendingType) this.#abandon();
    if (isStart) this.#nalBytes = 0;
    const body = start + this.#fuBytes;
    this.#nalBytes += end - body;
    if (this.#nalBytes > MAX_NAL_BYTES) {
      this.#abandon();
      this.malformed++;
      return;
    }
    if (this.#pendingBytes === 0 && end - start <= this.#maxPayloadBytes) {
      this.#pass(buffer, start, end, emit);
      return;
    }
    this.#reserve(end - start);
    this.#pendingType = type;
    const header = byteAt(buffer, start);
    const header2 = byteAt(buffer, start + 1); // of use for two-byte headers only
    this.#cut(buffer, body, end, header, header2, type, isStart, isEnd, true, emit);
  }

  /** Cuts a whole NAL unit. Nothing waits before or after. */
  #fragmentUnit(buffer: Buffer, start: number, end: number, isLast: boolean, emit: EmitPayload): void {
    const format = this.#format;
    const first = byteAt(buffer, start);
    const header = withNalType(format, first, format.fragmentType);
    const header2 = byteAt(buffer, start + 1);
    const body = start + format.headerBytes;
    this.#cut(buffer, body, end, header, header2, nalType(format, first), true, true, isLast, emit);
  }

  /**
   * Fills fragments with what waits and buffer[from, end). With `isEnd` all goes out; without, the last piece waits, at
   * least one byte, so that the end bit always finds a fragment.
   */
  #cut(
    buffer: Buffer,
    from: number,
    end: number,
    header: number,
    header2: number,
    type: number,
    isStart: boolean,
    isEnd: boolean,
    isLast: boolean,
    emit: EmitPayload,
  ): void {
    const staging = this.#staging;
    let filled = this.#pendingBytes;
    let at = from;
    let isFirst = isStart;
    this.#pendingBytes = 0;
    for (;;) {
      const out = this.#used;
      const piece = out + this.#fuBytes;
      const take = Math.min(this.#room - filled, end - at);
      buffer.copy(staging, piece + filled, at, at + take);
      filled += take;
      at += take;
      const rest = end - at;
      if (rest === 0 && !isEnd) {
        this.#pendingAt = piece;
        this.#pendingBytes = filled;
        return;
      }
      const isFinal = isEnd && rest === 0;
      staging[out] = header;
      if (this.#format.headerBytes === 2) staging[out + 1] = header2;
      staging[piece - 1] = (isFirst ? FU_START : 0) | (isFinal ? FU_END : 0) | type;
      this.#used = piece + filled;
      this.#emitted++;
      emit(staging, out, this.#used, isLast && (isFinal || (!isEnd && rest <= this.#room)));
      if (isFinal) {
        this.#pendingType = -1;
        return;
      }
      isFirst = false;
      filled = 0;
    }
  }

  /** Makes room for every output of this call, so that none moves, and puts what waits where the first one goes. */
  #reserve(inputBytes: number): void {
    const bytes = this.#pendingBytes + inputBytes;
    // A header a full piece, and one for the short piece at the end. Where an aggregation packet has several such ends,
    // each unit's size field and own header make up for it.
    const needed = bytes + (Math.ceil(bytes / this.#room) + 1) * this.#fuBytes;
    const old = this.#staging;
    if (needed > old.length) {
      this.#staging = Buffer.allocUnsafeSlow(Math.max(FIRST_STAGING_BYTES, needed, 2 * old.length));
    }
    if (this.#pendingBytes > 0) {
      old.copy(this.#staging, this.#fuBytes, this.#pendingAt, this.#pendingAt + this.#pendingBytes);
      this.#pendingAt = this.#fuBytes;
    }
  }
}
