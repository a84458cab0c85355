import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RtpView } from './view.ts';

const HEADER = [
  0x80, // V=2, no padding, no extension, no CSRC
  0xe0, // marker, payload type 96
  0x12,
  0x34, // sequence
  0xde,
  0xad,
  0xbe,
  0xef, // timestamp
  0xca,
  0xfe,
  0xba,
  0xbe, // SSRC
];
const withFirst = (first: number, ...rest: number[]) => Buffer.from([first, ...HEADER.slice(1), ...rest]);
const wrapped = (bytes: Buffer) => {
  const view = new RtpView();
  expect(view.wrap(bytes, 0, bytes.length)).toBeUndefined();
  return view;
};
const faultOf = (bytes: Buffer) => new RtpView().wrap(bytes, 0, bytes.length);

describe('RtpView', () => {
  test('reads the fixed header, with high bits set', () => {
    const view = wrapped(Buffer.from([...HEADER, 1, 2, 3]));
    expect(view.sequence).toBe(0x1234);
    expect(view.timestamp).toBe(0xdeadbeef);
    expect(view.ssrc).toBe(0xcafebabe);
    expect(view.payloadType).toBe(96);
    expect(view.marker).toBe(true);
    expect([view.headerLength, view.payloadStart, view.payloadEnd]).toEqual([12, 12, 15]);
  });

  test('skips CSRCs and the extension', () => {
    const view = wrapped(withFirst(0x92, ...new Array(8).fill(7), 0xbe, 0xde, 0, 1, 0x10, 9, 0, 0, 0x55));
    expect(view.headerLength).toBe(12 + 8 + 4 + 4);
    expect(view.buffer[view.payloadStart]).toBe(0x55);
  });

  test('leaves padding out of the payload', () => {
    const view = wrapped(withFirst(0xa0, 1, 2, 0, 0, 3));
    expect([view.payloadStart, view.payloadEnd]).toEqual([12, 14]);
  });

  test('a packet of padding alone has an empty payload', () => {
    const view = wrapped(withFirst(0xa0, 0, 2));
    expect(view.payloadEnd).toBe(view.payloadStart);
  });

  test('reads a window in the middle of a buffer', () => {
    const view = new RtpView();
    const bytes = Buffer.from([0xff, 0xff, ...HEADER, 1, 2, 0xff]);
    expect(view.wrap(bytes, 2, 16)).toBeUndefined();
    expect([view.sequence, view.headerLength, view.payloadStart, view.payloadEnd]).toEqual([0x1234, 12, 14, 16]);
  });

  test.each([
    ['too-short', Buffer.alloc(0)],
    ['too-short', Buffer.from(HEADER.slice(0, 11))],
    ['bad-version', withFirst(0x40)],
    ['overrun', withFirst(0x8f)], // 15 CSRCs, none there
    ['overrun', withFirst(0x90, 0xbe, 0xde)], // half an extension header
    ['overrun', withFirst(0x90, 0xbe, 0xde, 0, 1)], // one word announced, none there
    ['overrun', withFirst(0x90, 0xbe, 0xde, 0xff, 0xff, 0, 0, 0, 0)],
    ['bad-padding', withFirst(0xa0)], // no byte that could hold the count
    ['bad-padding', withFirst(0xa0, 1, 0)], // zero
    ['bad-padding', withFirst(0xa0, 1, 3)], // more than the payload
    ['bad-padding', withFirst(0xb0, 0xbe, 0xde, 0, 1, 0, 0, 0, 1)], // would eat the extension
  ])('answers %s', (fault, bytes) => {
    expect(faultOf(bytes)).toBe(fault);
  });

  test('a window past the buffer is an overrun', () => {
    expect(new RtpView().wrap(Buffer.from(HEADER), 0, 13)).toBe('overrun');
  });

  test('stays on the packet before when the next one is bad', () => {
    const view = wrapped(Buffer.from(HEADER));
    view.wrap(Buffer.alloc(20), 0, 20);
    expect(view.sequence).toBe(0x1234);
  });
});

describe('header extensions', () => {
  const oneByte = (...elements: number[]) => withFirst(0x90, 0xbe, 0xde, 0, elements.length / 4, ...elements, 0x55);
  const twoByte = (...elements: number[]) => withFirst(0x90, 0x10, 0x05, 0, elements.length / 4, ...elements, 0x55);
  const element = (view: RtpView, id: number) => {
    const start = view.extensionStart(id);
    const length = view.extensionLength(id);
    return start < 0 ? undefined : [...view.buffer.subarray(start, start + length)];
  };

  test('are found in the one-byte form, behind padding', () => {
    const view = wrapped(oneByte(0x10, 0xaa, 0, 0x31, 0xbb, 0xcc, 0xe0, 0xdd));
    expect(element(view, 1)).toEqual([0xaa]);
    expect(element(view, 3)).toEqual([0xbb, 0xcc]);
    expect(element(view, 14)).toEqual([0xdd]);
    expect([view.extensionStart(2), view.extensionLength(2)]).toEqual([-1, -1]);
  });

  test('are found in the two-byte form, an empty one too', () => {
    const view = wrapped(twoByte(1, 0, 0, 200, 2, 0xaa, 0xbb, 0));
    expect(element(view, 1)).toEqual([]);
    expect(element(view, 200)).toEqual([0xaa, 0xbb]);
    expect(element(view, 3)).toBeUndefined();
  });

  test('end at id 15, and at id 0 with a length (RFC 8285 §4.2)', () => {
    expect(element(wrapped(oneByte(0xf0, 0x10, 0xaa, 0)), 1)).toBeUndefined();
    expect(element(wrapped(oneByte(0x01, 0x10, 0xaa, 0)), 1)).toBeUndefined();
  });

  test('cut off by the end of the block are absent', () => {
    expect(element(wrapped(oneByte(0x13, 1, 2, 3)), 1)).toBeUndefined();
    expect(element(wrapped(twoByte(1, 9, 0, 0)), 1)).toBeUndefined();
    expect(element(wrapped(twoByte(2, 1, 0, 1)), 1)).toBeUndefined(); // no room for its length
  });

  test('of another profile, or none, are absent', () => {
    expect(element(wrapped(withFirst(0x90, 0xab, 0xcd, 0, 1, 0x10, 1, 0, 0)), 1)).toBeUndefined();
    expect(element(wrapped(Buffer.from([...HEADER, 0x10, 1])), 1)).toBeUndefined();
  });

  test('whatever is written can be read', () => {
    const elements = fc.uniqueArray(
      fc.tuple(fc.integer({ min: 1, max: 14 }), fc.uint8Array({ minLength: 1, maxLength: 16 })),
      {
        selector: ([id]) => id,
        maxLength: 14,
      },
    );
    fc.assert(
      fc.property(elements, fc.boolean(), (list, isTwoByte) => {
        const block = list.flatMap(([id, data]) =>
          isTwoByte ? [id, data.length, ...data] : [(id << 4) | (data.length - 1), ...data],
        );
        while (block.length % 4 !== 0) block.push(0);
        const view = wrapped((isTwoByte ? twoByte : oneByte)(...block));
        for (const [id, data] of list) expect(element(view, id)).toEqual([...data]);
        expect(view.buffer[view.payloadStart]).toBe(0x55);
      }),
    );
  });
});
