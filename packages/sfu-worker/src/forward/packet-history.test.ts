import { expect, test } from 'vitest';
import { PACKET, PacketBatch } from './packet-batch.ts';
import { PacketHistory } from './packet-history.ts';

function append(history: PacketHistory, index: number, payload: Buffer, flags = 0): void {
  const batch = new PacketBatch(1);
  batch.add(payload, 0, payload.length, index, index * 3000, flags);
  history.append(batch);
}

function find(history: PacketHistory, index: number) {
  const batch = new PacketBatch(1);
  if (!history.find(index, batch)) return undefined;
  const bytes = batch.buffers[0]?.subarray(batch.payloadStart[0], batch.payloadEnd[0]);
  return { text: bytes?.toString(), index: batch.index[0], timestamp: batch.timestamp[0], flags: batch.flags[0] };
}

test('a packet is found as it was, though its bytes were overwritten since', () => {
  const history = new PacketHistory();
  const borrowed = Buffer.from('seven');
  append(history, 7, borrowed, PACKET.MARKER);
  borrowed.fill(0);
  expect(find(history, 7)).toEqual({ text: 'seven', index: 7, timestamp: 21_000, flags: PACKET.MARKER });
});

test('the last 512 packets are there, older and missing ones are not', () => {
  const history = new PacketHistory();
  for (let index = 0; index < 1000; index++) if (index !== 900) append(history, index, Buffer.from(String(index)));
  expect(find(history, 999)?.text).toBe('999');
  expect(find(history, 488)?.text).toBe('488');
  expect([487, 900, 1000, -1].map((index) => find(history, index))).toEqual(Array(4).fill(undefined));
});

test('a packet that is too large is not kept, and not mistaken for the one before in its place', () => {
  const history = new PacketHistory();
  append(history, 1, Buffer.from('old'));
  append(history, 513, Buffer.alloc(1501));
  expect(find(history, 513)).toBeUndefined();
});
