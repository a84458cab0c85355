/** What things cost on either media path, from docs/benchmarks.md: CPU in seconds, memory in bytes. */
export type TypicalCost = {
  /** Of a packet to a viewer. */
  readonly packetOutSeconds: number;
  /** A packet from a source costs so many times as much, its frame's share of the system calls included. */
  readonly inboundWeight: number;
  readonly streamBytes: number;
  readonly viewerBytes: number;
};

/** 1x200 is all fan-out, 64x1-pull a packet in and one out, `memory` the rest. */
export const TYPICAL_COST = {
  native: { packetOutSeconds: 4.6e-6, inboundWeight: 3.2, streamBytes: 300_000, viewerBytes: 66_000 },
  portable: { packetOutSeconds: 10.9e-6, inboundWeight: 1.2, streamBytes: 560_000, viewerBytes: 103_000 },
} as const satisfies Record<'native' | 'portable', TypicalCost>;

/** Share of a stream's CPU that its viewers cause, 0 to 1; 0 where nothing came or went. */
export function viewersShare({ inboundWeight }: TypicalCost, inboundPackets: number, outboundPackets: number): number {
  const all = inboundPackets * inboundWeight + outboundPackets;
  return all > 0 ? outboundPackets / all : 0;
}
