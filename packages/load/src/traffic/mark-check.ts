import { nowMs, readMark } from './packets.ts';

/** What a packet's mark says: nothing, since there is none; that its content is another packet's; or that it is right. */
export type MarkVerdict = 'unmarked' | 'wrong' | 'right';

/** Whether a stream's packets hold what one of our cameras wrote, in the order that their sequence numbers say. */
export class MarkCheck {
  readonly #mark = { sentAtMs: 0, number: 0 };
  /** Of the packet that was checked last. */
  #index = -1;
  #number = -1;
  /** From the camera's write to now, of the packet checked last, ms. */
  latencyMs = 0;

  /**
   * @param plain a decrypted packet, its header `headerLength` long, its payload up to `end`
   * @param index its sequence number with rollovers
   */
  check(plain: Buffer, headerLength: number, end: number, index: number): MarkVerdict {
    // Stock servers add extensions: the mark is looked for behind them.
    const packet = headerLength === 12 ? plain : plain.subarray(headerLength - 12);
    if (!readMark(packet, end - headerLength + 12, this.#mark)) return 'unmarked';
    const step = this.#mark.number - this.#number;
    // Parameter sets have sequence numbers, but no marks: numbers may go on slower than indexes.
    const isInPlace = step > 0 === index > this.#index && step <= index - this.#index;
    const isFirst = this.#index < 0;
    this.#index = index;
    this.#number = this.#mark.number;
    this.latencyMs = nowMs() - this.#mark.sentAtMs;
    return isFirst || isInPlace ? 'right' : 'wrong';
  }
}
