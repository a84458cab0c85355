import { type OpenPairSocket, openNodePairSocket } from './pair-socket.ts';
import { UdpPair, type UdpPairOptions } from './udp-pair.ts';

/** Two descriptors each: a worker at this bound leaves room for others in a process that may open some thousands. */
const MAX_PAIRS = 1024;

/** The UDP pairs of a worker. Who asks for ports need not send anything, so they are counted. */
export class UdpPairs {
  readonly #limit: number;
  readonly #openSocket: OpenPairSocket;
  #used = 0;

  constructor(limit = MAX_PAIRS, openSocket = openNodePairSocket) {
    this.#limit = limit;
    this.#openSocket = openSocket;
  }

  /** Open, or about to be. */
  get used(): number {
    return this.#used;
  }

  /** @returns undefined when there are too many, or when the system has no pair of ports left. */
  async open(options: Omit<UdpPairOptions, 'onClose' | 'openSocket'>): Promise<UdpPair | undefined> {
    if (this.#used >= this.#limit) return undefined;
    this.#used++;
    let pair: UdpPair | undefined;
    try {
      pair = await UdpPair.open({ ...options, openSocket: this.#openSocket, onClose: () => this.#used-- });
    } finally {
      if (pair === undefined) this.#used--;
    }
    return pair;
  }
}
