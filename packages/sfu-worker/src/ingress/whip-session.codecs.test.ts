import { afterEach, describe, expect, test } from 'vitest';
import { offer } from '../../test/session/offers.ts';
import { TestSfu } from '../../test/session/test-sfu.ts';
import { SrtpSender } from '../session/srtp/protect.ts';
import { SrtpReceiver } from '../session/srtp/unprotect.ts';

const KEY = Buffer.alloc(16, 1).toString('base64');
const SALT = Buffer.alloc(14, 2).toString('base64');
const RTP_HEADER_BYTES = 12;
/** As the offer names them. */
const VP8 = 96;
const VP9 = 98;
const OPUS = 111;
const SSRC = { video: 63_588_337, audio: 1_830_930_441 };

let sfu: TestSfu | undefined;
afterEach(() => sfu?.close());

/** A publisher past its handshake, and how it sends. */
async function publisher() {
  const opened = await TestSfu.open();
  sfu = opened;
  const { session } = opened.publish('publisher', offer('chromium-publish'));
  session.peer.state = 'connected';
  session.peer.receiver = new SrtpReceiver(1, KEY, SALT);
  const sender = new SrtpSender(1, KEY, SALT);
  let sequence = 0;
  const send = (payloadType: number, ssrc: number) => {
    const packet = Buffer.alloc(64);
    packet[0] = 0x80; // version 2
    packet[1] = 0x80 | payloadType; // marker
    packet.writeUInt16BE(++sequence, 2);
    packet.writeUInt32BE(ssrc, 8);
    packet[RTP_HEADER_BYTES] = 0x10; // RFC 7741 §4.2: start of a VP8 partition, here of a keyframe
    const end = sender.protect(packet, 0, RTP_HEADER_BYTES, RTP_HEADER_BYTES + 8, sequence);
    session.peer.onDatagram(packet.subarray(0, end));
  };
  send(OPUS, SSRC.audio);
  return { sfu: opened, video: (payloadType: number) => send(payloadType, SSRC.video) };
}

describe('a publisher that changes its codec', () => {
  test('is followed at once, when it does so once', async () => {
    const { sfu, video } = await publisher();
    video(VP8);
    expect(sfu.stream.codec('video')?.name).toBe('VP8');
    video(VP9);
    expect(sfu.stream.codec('video')?.name).toBe('VP9');
    expect(sfu.onlines).toBe(2);
  });

  test('with every packet has its source opened again every two seconds at most, and the rest dropped', async () => {
    const { sfu, video } = await publisher();
    for (let n = 0; n < 1000; n++) {
      video(n % 2 === 0 ? VP8 : VP9);
      sfu.advance(4); // 4 s in all
    }
    expect(sfu.onlines).toBe(1 + 2);
    expect(sfu.count('droppedUnknownSource')).toBeGreaterThan(490);
    expect(sfu.stream.isOnline).toBe(true);
  });

  test('for the ninth time in a minute is closed, and the source does not come back', async () => {
    const { sfu, video } = await publisher();
    for (let n = 0; n < 20; n++) {
      video(n % 2 === 0 ? VP8 : VP9);
      sfu.advance(2000);
    }
    expect(sfu.closed.get('publisher')).toBe('the publisher changes its codec too often');
    expect(sfu.onlines).toBe(1 + 8);
    expect(sfu.stream.isOnline).toBe(false);
  });
});
