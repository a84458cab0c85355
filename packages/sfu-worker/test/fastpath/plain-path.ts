import type { Telemetry } from '@shardcast/shared';
import { expect } from 'vitest';
import { PortableFastPath } from '../../src/fastpath/portable.ts';
import { Leg } from '../../src/forward/leg.ts';
import { LegTable } from '../../src/forward/leg-table.ts';
import type { PacketPool } from '../../src/forward/packet-pool.ts';
import type { PacketRun } from '../../src/session/srtp/protect.ts';

/** What became of one packet: the bytes as they went to the socket, and the index that it was protected under. */
export type SentPacket = {
  readonly bytes: Buffer;
  readonly start: number;
  readonly length: number;
  readonly index: number;
};

type Outlet = { readonly address: string; readonly port: number; readonly take: (packet: SentPacket) => void };

/** The portable media path with a socket that hands packets to the test, and protection that leaves them plain. */
export class PlainPath {
  readonly legs = new LegTable();
  readonly path: PortableFastPath;
  /** What the socket says that it still holds. */
  queued = 0;
  protectedPackets = 0;
  readonly #indexes: number[] = [];

  constructor(pool: PacketPool | undefined, telemetry: Telemetry) {
    const self = this;
    const socket = {
      get queued() {
        return self.queued;
      },
      send(bytes: Buffer, start: number, length: number, destination: { address: string; port: number }) {
        const index = self.#indexes.shift() ?? -1;
        (destination as Outlet).take({ bytes, start, length, index }); // as `open` made it
      },
      sendWhole: () => expect.unreachable('its senders have no keys'),
    };
    this.path = new PortableFastPath(pool, socket, telemetry);
  }

  /** A viewer's leg, whose packets go to `take`. */
  open(
    take: (packet: SentPacket) => void,
    options: Partial<Pick<Leg, 'ssrc' | 'payloadType' | 'counters' | 'joinedAtMs'>> = {},
  ): Leg {
    const channel = this.path.openChannel({
      protectRun: (run: PacketRun) => {
        this.protectedPackets += run.count;
        for (let i = 0; i < run.count; i++) this.#indexes.push(run.indexes[i] as number);
      },
    });
    this.path.setDestination(channel, { address: '192.0.2.1', port: 9, take } as Outlet);
    return new Leg({
      table: this.legs,
      channel,
      ssrc: options.ssrc ?? 7,
      payloadType: options.payloadType ?? 100,
      codec: { name: 'H264', clockRate: 90_000, fmtp: 'packetization-mode=1' },
      counters: options.counters ?? new Float64Array(24),
      track: 0,
      joinedAtMs: options.joinedAtMs ?? 0,
    });
  }
}
