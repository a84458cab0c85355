import { expect, test } from 'vitest';
import { isMasked, isWordList, kindOf, patchOf, readValue, textOf } from './setting-value.ts';

test('a value that is not changed is read back as it was', () => {
  for (const value of [true, false, 0, 1452, '10s', '', ['udp', 'tcp'], { enabled: true, maxBytes: '2M' }, []])
    expect(readValue(kindOf(value), textOf(value))).toEqual({ value });
  expect([isWordList(['udp']), isWordList([]), isWordList([{ action: 'api' }])]).toEqual([true, true, false]);
});

test('what cannot be meant is said, and not sent', () => {
  expect(readValue('number', '')).toEqual({ fault: 'is not a number' });
  expect(readValue('number', '12x')).toEqual({ fault: 'is not a number' });
  expect(readValue('json', '{')).toEqual({ fault: 'is not valid JSON' });
});

test('a patch has only what differs, and null to forget a key', () => {
  const current = { nack: false, rtcpInterval: '3s', rtspTransports: ['udp', 'tcp'] };
  expect(patchOf(current, { nack: false, rtcpInterval: '1s', rtspTransports: ['udp', 'tcp'] })).toEqual({
    rtcpInterval: '1s',
  });
  expect(patchOf(current, { nack: null })).toEqual({ nack: null });
});

test('masked secrets are noticed wherever they stand', () => {
  expect([isMasked('rtsp://***@cam/'), isMasked([{ pass: '***' }]), isMasked('**')]).toEqual([true, true, false]);
});
