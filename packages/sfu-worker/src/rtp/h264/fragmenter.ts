import { NalFragmenter } from '../nal/fragmenter.ts';
import type { EmitPayload } from '../nal/packetise.ts';
import { H264_FORMAT } from './nal.ts';

export type { EmitPayload } from '../nal/packetise.ts';

/** Keeps the H.264 payloads of one track within a limit; rules and ownership as `NalFragmenter`. */
export class H264Fragmenter {
  readonly #fragmenter: NalFragmenter;

  /** @throws RangeError when the limit is below 16 bytes. */
  constructor(maxPayloadBytes: number) {
    this.#fragmenter = new NalFragmenter(H264_FORMAT, maxPayloadBytes);
  }

  /** True when payloads within the limit may bypass `push`. */
  get isIdle(): boolean {
    return this.#fragmenter.isIdle;
  }
  /** Inputs dropped as malformed. */
  get malformed(): number {
    return this.#fragmenter.malformed;
  }
  /** NAL units that were dropped unfinished. */
  get abandoned(): number {
    return this.#fragmenter.abandoned;
  }

  /** Takes the next payload; emits 0..n payloads, valid until the next call. @returns how many. */
  push(buffer: Buffer, start: number, end: number, emit: EmitPayload): number {
    return this.#fragmenter.push(buffer, start, end, emit);
  }
  /** Call after a gap in the sequence numbers. */
  reset(): void {
    this.#fragmenter.reset();
  }
}
