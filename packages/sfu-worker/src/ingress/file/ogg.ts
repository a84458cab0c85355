/**
 * Packets of the first logical stream of an Ogg file (RFC 3533 §6), without the Opus headers (RFC 7845 §5).
 * A damaged page ends the list: what came before is good. Views on `bytes`, but for packets that span pages.
 */
export function readOggPackets(bytes: Buffer): Buffer[] {
  const packets: Buffer[] = [];
  let partial: Buffer[] = [];
  let at = 0;
  while (at + 27 <= bytes.length && bytes.toString('latin1', at, at + 4) === 'OggS') {
    const segments = bytes[at + 26] as number;
    let data = at + 27 + segments;
    if (data > bytes.length) break;
    let packetStart = data;
    for (let i = 0; i < segments; i++) {
      const length = bytes[at + 27 + i] as number;
      data += length;
      if (data > bytes.length) return withoutHeaders(packets);
      if (length === 255) continue; // the packet goes on in the next segment
      packets.push(Buffer.concat([...partial, bytes.subarray(packetStart, data)]));
      partial = [];
      packetStart = data;
    }
    if (packetStart < data) partial.push(bytes.subarray(packetStart, data));
    at = data;
  }
  return withoutHeaders(packets);
}

function withoutHeaders(packets: readonly Buffer[]): Buffer[] {
  return packets.filter((packet) => packet.length > 0 && !/^Opus(Head|Tags)/.test(packet.toString('latin1', 0, 8)));
}
