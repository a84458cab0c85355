import { MarkCheck, PeerSocket } from '@shardcast/load';
import { guessIndex, type SrtpProfile, SrtpReceiver } from '@shardcast/sfu-worker/peer';
import type { Audience } from './audience.ts';
import { introduce, localAddressFor } from './introduce.ts';

export type ViewerOptions = {
  /** Which packets are authenticated, decrypted and compared: all, or the last one of every second frame. */
  readonly check?: 'all' | 'some';
  readonly profiles?: readonly SrtpProfile[];
};

/** A headless viewer: ICE, DTLS and SRTP of its own. It counts every packet by its sequence number. */
export class Viewer {
  readonly peer: PeerSocket;
  readonly #audience: Audience;
  readonly #checksAll: boolean;
  readonly #marks = new MarkCheck();
  #receiver: SrtpReceiver | undefined;
  #hangUp: (() => Promise<void>) | undefined;
  #highest = -1;
  #markers = 0;

  /** @param url as `introduce` takes it */
  static async play(url: string, audience: Audience, options: ViewerOptions = {}): Promise<Viewer> {
    const peer = await PeerSocket.open(options.profiles ?? [1, 7], localAddressFor(url));
    const viewer = new Viewer(peer, audience, options.check !== 'some');
    try {
      await viewer.#connect(url);
    } catch (error) {
      viewer.close();
      throw error;
    }
    return viewer;
  }

  private constructor(peer: PeerSocket, audience: Audience, checksAll: boolean) {
    this.peer = peer;
    this.#audience = audience;
    this.#checksAll = checksAll;
  }

  /** Goes without a word. */
  close(): void {
    this.peer.close();
  }

  /** Tells the server first. */
  async leave(): Promise<void> {
    await this.#hangUp?.();
    this.close();
  }

  async #connect(url: string): Promise<void> {
    const { remote, hangUp } = await introduce(url, this.peer);
    this.#hangUp = hangUp;
    this.peer.onMedia = (datagram) => this.#media(datagram);
    const { profile, remote: keys } = await this.peer.connect(remote);
    this.#receiver = new SrtpReceiver(profile, ...keys);
  }

  #media(datagram: Buffer): void {
    const second = datagram[1] as number;
    const { tally, recording } = this.#audience;
    if (second >= 192 && second <= 223) {
      tally.rtcp++;
      return;
    }
    if (this.#receiver === undefined || datagram.length < 12) return;
    const index = guessIndex(this.#highest, datagram.readUInt16BE(2));
    const isLast = (second & 0x80) !== 0;
    if (recording) {
      tally.received++;
      if (index > this.#highest) tally.expected += this.#highest < 0 ? 1 : index - this.#highest;
      else tally.disordered++;
    }
    if (index > this.#highest) this.#highest = index;
    if (this.#checksAll || (isLast && this.#markers++ % 2 === 0)) {
      this.#check(this.#receiver, datagram, index, isLast, recording);
    }
  }

  #check(receiver: SrtpReceiver, datagram: Buffer, index: number, isLast: boolean, recording: boolean): void {
    const { tally } = this.#audience;
    const headerLength = 12 + ((datagram[0] as number) & 0x10 ? 4 + 4 * datagram.readUInt16BE(14) : 0);
    const end = receiver.unprotect(datagram, 0, datagram.length, headerLength, index);
    if (end < 0) {
      tally.rejected++;
      return;
    }
    const verdict = this.#marks.check(datagram, headerLength, end, index);
    if (verdict === 'unmarked' || !recording) return;
    tally.marked++;
    if (verdict === 'wrong') tally.wrong++;
    if (isLast) tally.latenciesMs.push(this.#marks.latencyMs);
  }
}
