import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseTransport } from './transport.ts';

test.for([
  ['RTP/AVP/TCP;unicast;interleaved=0-1;mode=record', { lower: 'tcp', interleaved: [0, 1], mode: 'record' }],
  [
    'RTP/AVP/UDP;unicast;client_port=5000-5001;mode="RECORD"',
    { lower: 'udp', clientPort: [5000, 5001], mode: 'record' },
  ],
  ['RTP/AVP;unicast;client_port=5000', { lower: 'udp', clientPort: [5000, 5001] }],
  ['rtp/avp;UNICAST; server_port=1-2 ;ssrc=ABCD', { lower: 'udp', serverPort: [1, 2], isMulticast: false }],
  ['RTP/AVP;multicast;port=1-2', { lower: 'udp', isMulticast: true }],
  ['RTP/AVP/TCP;interleaved=255', { lower: 'tcp', interleaved: undefined }],
  ['RTP/AVP/TCP;interleaved=3-3', { lower: 'tcp', interleaved: undefined }],
  ['RTP/AVP;client_port=0-1', { clientPort: undefined }],
  ['RTP/AVP;client_port=70000-70001', { clientPort: undefined }],
] as const)('%s', ([header, expected]) => {
  expect(parseTransport(header)[0]).toMatchObject(expected);
});

test('alternatives come in order, and those that are not plain RTP are left out', () => {
  const header = 'RTP/SAVP;unicast,RTP/AVP;client_port=2-3;mode="a,b",RTP/AVP/TCP;interleaved=0-1,MP2T/H2221/UDP';
  expect(parseTransport(header).map(({ lower }) => lower)).toEqual(['udp', 'tcp']);
});

test('any text is a list of transports or none', () => {
  fc.assert(fc.property(fc.string(), (text) => Array.isArray(parseTransport(`RTP/AVP;${text}`))));
});
