import { createHmac, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RtpHeader, SrtcpSession as WeriftSrtcp, SrtpSession as WeriftSrtp } from 'werift';
import { Seeded } from '../../../test/rtp/seeded.ts';
import { SrtpSender } from './protect.ts';
import { ReplayWindow } from './replay-window.ts';
import { guessIndex } from './rollover.ts';
import { deriveDirection, type SrtpProfile } from './session-keys.ts';
import { SrtpReceiver } from './unprotect.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
const PROFILES = [
  { name: 'AES128_CM_HMAC_SHA1_80', profile: 1, saltBytes: 14, tag: 10 },
  { name: 'AEAD_AES_128_GCM', profile: 7, saltBytes: 12, tag: 16 },
] as const;

function keysFor(profile: SrtpProfile): { key: string; salt: string } {
  return {
    key: randomBytes(16).toString('base64'),
    salt: randomBytes(profile === 7 ? 12 : 14).toString('base64'),
  };
}

function pair(profile: SrtpProfile): { sender: SrtpSender; receiver: SrtpReceiver } {
  const { key, salt } = keysFor(profile);
  return { sender: new SrtpSender(profile, key, salt), receiver: new SrtpReceiver(profile, key, salt) };
}

/** A packet with a plain header of `csrcs` words more than the fixed 12 bytes. */
function rtp(sequence: number, payload: Uint8Array, csrcs = 0, ssrc = 0xcafebabe): Buffer {
  const packet = Buffer.alloc(12 + 4 * csrcs + payload.length);
  packet[0] = 0x80 | csrcs;
  packet[1] = 96;
  packet.writeUInt16BE(sequence, 2);
  packet.writeUInt32BE(0xdecafbad, 4);
  packet.writeUInt32BE(ssrc, 8);
  packet.set(payload, 12 + 4 * csrcs);
  return packet;
}

/** A sender report's first words and `body` behind them, a multiple of 4. */
function rtcp(body: Uint8Array, ssrc = 0xcafebabe): Buffer {
  const packet = Buffer.alloc(8 + body.length);
  packet[0] = 0x80;
  packet[1] = 200;
  packet.writeUInt16BE(1 + body.length / 4, 2);
  packet.writeUInt32BE(ssrc, 4);
  packet.set(body, 8);
  return packet;
}

function protect(sender: SrtpSender, packet: Buffer, headerLength: number, index: number): Buffer {
  const bytes = Buffer.concat([packet, Buffer.alloc(16)]);
  return bytes.subarray(0, sender.protect(bytes, 0, headerLength, packet.length, index));
}

function protectRtcp(sender: SrtpSender, packet: Buffer, index: number): Buffer {
  const bytes = Buffer.concat([packet, Buffer.alloc(20)]);
  return bytes.subarray(0, sender.protectRtcp(bytes, packet.length, index));
}

describe('AES128_CM_HMAC_SHA1_80 reference packets, master key and salt of RFC 3711 B.3', () => {
  const key = hex('e1f97a0d3e018be0d64fa32c06de4139').toString('base64');
  const salt = hex('0ec675ad498afeebb6960b3aabe6').toString('base64');
  const plain = hex('800f1234decafbadcafebabe abababababababababababababababab');
  const wire = hex('800f1234decafbadcafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb');
  const plainRtcp = hex('81c8000bcafebabe abababababababababababababababab');
  const wireRtcp = hex('81c8000bcafebabe 7128035be487b9bdbef89041f977a5a8 80000001 993e08cd54d6c1230798');

  test('RTP goes out and comes in as other implementations have it', () => {
    expect(protect(new SrtpSender(1, key, salt), plain, 12, 0x1234)).toEqual(wire);
    const bytes = Buffer.from(wire);
    const end = new SrtpReceiver(1, key, salt).unprotect(bytes, 0, bytes.length, 12, 0x1234);
    expect(bytes.subarray(0, end)).toEqual(plain);
  });

  test('so does RTCP', () => {
    expect(protectRtcp(new SrtpSender(1, key, salt), plainRtcp, 1)).toEqual(wireRtcp);
    const bytes = Buffer.from(wireRtcp);
    const end = new SrtpReceiver(1, key, salt).unprotectRtcp(bytes, 0, bytes.length);
    expect(bytes.subarray(0, end)).toEqual(plainRtcp);
  });
});

test('RTCP that is authenticated but not encrypted (E = 0) is taken, and is not "decrypted" into rubbish', () => {
  const { key, salt } = keysFor(1);
  const plain = rtcp(randomBytes(20));
  const signed = Buffer.concat([plain, hex('00000042')]);
  const { authentication } = deriveDirection(1, key, salt).rtcp;
  const mac = createHmac('sha1', authentication).update(signed).digest().subarray(0, 10);
  const wire = Buffer.concat([signed, mac]);
  const receiver = new SrtpReceiver(1, key, salt);
  expect(wire.subarray(0, receiver.unprotectRtcp(wire, 0, wire.length))).toEqual(plain);
  expect(receiver.rtcpIndex).toBe(0x42);
});

test('AEAD_AES_128_GCM derives its keys as other implementations do', () => {
  const key = hex('000102030405060708090a0b0c0d0e0f').toString('base64');
  const salt = hex('a0a1a2a3a4a5a6a7a8a9aaab').toString('base64');
  const plain = hex('800f1234decafbadcafebabe abababababababababababababababab');
  const wire = hex('800f1234decafbadcafebabe c5002ede04cfdd2eb91159e0880aa06e d2976826f796b201df3131a127e8a392');
  const plainRtcp = hex('81c8000bcafebabe abababababababababababababababab');
  const wireRtcp = hex('81c8000bcafebabe c98b8b5df0392a55852b6c21ac8e7025 c52c6fbea2b3b446ea31123ba88ce61e 80000001');
  expect(protect(new SrtpSender(7, key, salt), plain, 12, 0x1234)).toEqual(wire);
  expect(protectRtcp(new SrtpSender(7, key, salt), plainRtcp, 1)).toEqual(wireRtcp);
});

describe.each(PROFILES)('$name', ({ profile, tag, saltBytes }) => {
  const index = fc.oneof(
    fc.integer({ min: 0, max: 2 ** 48 - 1 }),
    fc.constantFrom(0, 0xffff, 0x1_0000, 2 ** 31, 2 ** 32, 2 ** 47, 2 ** 48 - 1),
  );

  test('what is protected is opened again, whatever its size, header, place and index', () => {
    const { sender, receiver } = pair(profile);
    fc.assert(
      fc.property(
        fc.oneof(fc.uint8Array({ maxLength: 100 }), fc.uint8Array({ minLength: 1400, maxLength: 2100, size: 'max' })),
        fc.integer({ min: 0, max: 15 }),
        fc.integer({ min: 0, max: 40 }),
        index,
        (payload, csrcs, start, at) => {
          const plain = rtp(at % 0x1_0000, payload, csrcs);
          const header = 12 + 4 * csrcs;
          const bytes = Buffer.alloc(start + plain.length + 16 + 9, 0x5a);
          plain.copy(bytes, start);
          const length = sender.protect(bytes, start, header, plain.length, at);
          expect(length).toBe(plain.length + tag);
          expect(bytes.subarray(start, start + header)).toEqual(plain.subarray(0, header));
          if (payload.length >= 16) {
            expect(bytes.indexOf(plain.subarray(header, header + 16))).toBe(-1);
            expect(bytes.indexOf(plain.subarray(-16))).toBe(-1);
          }
          const end = receiver.unprotect(bytes, start, start + length, header, at);
          expect(end).toBe(start + plain.length);
          expect(bytes.subarray(start, end)).toEqual(plain);
          expect(bytes.subarray(0, start).every((byte) => byte === 0x5a)).toBe(true);
          expect(bytes.subarray(-9).every((byte) => byte === 0x5a)).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('RTCP that is protected is opened again, with its index', () => {
    const { sender, receiver } = pair(profile);
    const words = fc.integer({ min: 0, max: 100 }).chain((n) => fc.uint8Array({ minLength: 4 * n, maxLength: 4 * n }));
    const at = fc.oneof(fc.integer({ min: 0, max: 2 ** 31 - 1 }), fc.constantFrom(0, 0xffff, 0x1_0000, 2 ** 31 - 1));
    fc.assert(
      fc.property(words, at, fc.integer({ min: 0, max: 20 }), (body, rtcpIndex, start) => {
        const plain = rtcp(body);
        const wire = protectRtcp(sender, plain, rtcpIndex);
        const bytes = Buffer.concat([Buffer.alloc(start), wire]);
        const end = receiver.unprotectRtcp(bytes, start, bytes.length);
        expect(bytes.subarray(start, end)).toEqual(plain);
        expect(receiver.rtcpIndex).toBe(rtcpIndex);
      }),
      { numRuns: 200 },
    );
  });

  test('no single bit of a packet can be changed', () => {
    const { sender, receiver } = pair(profile);
    const wire = protect(sender, rtp(1000, randomBytes(20)), 12, 1000);
    for (let bit = 0; bit < wire.length * 8; bit++) {
      const forged = Buffer.from(wire);
      forged[bit >> 3] = (forged[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(receiver.unprotect(forged, 0, forged.length, 12, 1000), `bit ${bit}`).toBe(-1);
    }
    expect(receiver.unprotect(Buffer.from(wire), 0, wire.length, 12, 1000)).toBe(32);
  });

  test('no single bit of an RTCP packet can be changed, and a forged one leaves the index alone', () => {
    const { sender, receiver } = pair(profile);
    const first = protectRtcp(sender, rtcp(randomBytes(8)), 5);
    receiver.unprotectRtcp(first, 0, first.length);
    const wire = protectRtcp(sender, rtcp(randomBytes(20)), 77);
    for (let bit = 0; bit < wire.length * 8; bit++) {
      const forged = Buffer.from(wire);
      forged[bit >> 3] = (forged[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(receiver.unprotectRtcp(forged, 0, forged.length), `bit ${bit}`).toBe(-1);
    }
    expect(receiver.rtcpIndex).toBe(5);
  });

  test('a packet is bound to its rollover, its key and its salt', () => {
    const { key, salt } = keysFor(profile);
    const wire = () => protect(new SrtpSender(profile, key, salt), rtp(7, randomBytes(30)), 12, 3 * 0x1_0000 + 7);
    const open = (receiver: SrtpReceiver, at: number) => {
      const bytes = wire();
      return receiver.unprotect(bytes, 0, bytes.length, 12, at);
    };
    const right = new SrtpReceiver(profile, key, salt);
    expect(open(right, 3 * 0x1_0000 + 7)).toBe(42);
    expect(open(right, 2 * 0x1_0000 + 7)).toBe(-1);
    expect(open(right, 7)).toBe(-1);
    expect(open(right, -1)).toBe(-1);
    expect(open(new SrtpReceiver(profile, keysFor(profile).key, salt), 3 * 0x1_0000 + 7)).toBe(-1);
    const otherSalt = randomBytes(saltBytes).toString('base64');
    expect(open(new SrtpReceiver(profile, key, otherSalt), 3 * 0x1_0000 + 7)).toBe(-1);
  });

  test('what is too short to be a packet is refused', () => {
    const { receiver } = pair(profile);
    for (let length = 0; length < 12 + tag; length++) {
      expect(receiver.unprotect(Buffer.alloc(length), 0, length, 12, 0)).toBe(-1);
    }
    for (let length = 0; length < 12 + tag; length++) {
      expect(receiver.unprotectRtcp(Buffer.alloc(length), 0, length)).toBe(-1);
    }
  });

  test('whatever comes, nothing is thrown and nothing forged is opened', () => {
    const { sender, receiver } = pair(profile);
    const random = new Seeded(3711 + profile);
    const media = protect(sender, rtp(9, randomBytes(200)), 12, 9);
    const report = protectRtcp(sender, rtcp(randomBytes(40)), 9);
    for (let round = 0; round < 3000; round++) {
      const large = round % 500 === 0 ? 60_000 : 0;
      const noise = random.bytes(random.below(80) + large);
      const start = random.below(3);
      const forge = (valid: Buffer) =>
        Buffer.concat([Buffer.alloc(start), round % 3 === 0 ? noise : random.mutate(valid)]);
      const packet = forge(media);
      if (!packet.subarray(start).equals(media)) {
        expect(receiver.unprotect(packet, start, packet.length, 12 + 4 * random.below(16), 9)).toBe(-1);
      }
      const control = forge(report);
      if (!control.subarray(start).equals(report)) {
        expect(receiver.unprotectRtcp(control, start, control.length)).toBe(-1);
      }
    }
    expect(receiver.rtcpIndex).toBe(0);
  });

  test('a stream goes on over the wrap when 299 packets are lost there, and a replay of any packet is seen', () => {
    const { sender, receiver } = pair(profile);
    const window = new ReplayWindow();
    const wire = new Map<number, Buffer>();
    for (let at = 65_000; at < 67_000; at++) wire.set(at, protect(sender, rtp(at & 0xffff, Buffer.alloc(20)), 12, at));
    let opened = 0;
    let replayed = 0;
    const receive = (packet: Buffer) => {
      const bytes = Buffer.from(packet);
      const at = guessIndex(window.highest, bytes.readUInt16BE(2));
      if (!window.isFresh(at)) {
        replayed++;
        return;
      }
      if (receiver.unprotect(bytes, 0, bytes.length, 12, at) < 0) return;
      window.add(at);
      opened++;
    };
    for (const [at, packet] of wire) if (at <= 65_400 || at >= 65_700) receive(packet);
    expect(opened).toBe(2000 - 299);
    // The nearest 128 are known one by one, those before are too old; none is forwarded a second time.
    for (const [at, packet] of wire) if (at >= 66_000) receive(packet);
    expect({ opened, replayed }).toEqual({ opened: 1701, replayed: 1000 });
  });

  describe("against werift's own implementation", () => {
    const { key, salt } = keysFor(profile);
    const master = { key: Buffer.from(key, 'base64'), salt: Buffer.from(salt, 'base64') };
    const config = {
      profile,
      keys: {
        localMasterKey: master.key,
        localMasterSalt: master.salt,
        remoteMasterKey: master.key,
        remoteMasterSalt: master.salt,
      },
    };
    const ours = { sender: new SrtpSender(profile, key, salt), receiver: new SrtpReceiver(profile, key, salt) };

    test('RTP of either side is opened by the other', () => {
      const theirs = new WeriftSrtp(config);
      for (let sequence = 100; sequence < 130; sequence++) {
        const payload = randomBytes(sequence - 90);
        const header = new RtpHeader({ version: 2, sequenceNumber: sequence, timestamp: 9, payloadType: 96, ssrc: 77 });
        const wire = theirs.encrypt(payload, header);
        const end = ours.receiver.unprotect(wire, 0, wire.length, 12, sequence);
        expect(wire.subarray(12, end)).toEqual(payload);

        const plain = rtp(sequence, payload);
        expect(theirs.decrypt(protect(ours.sender, plain, 12, sequence))).toEqual(plain);
      }
    });

    test('RTCP of either side is opened by the other', () => {
      const theirs = new WeriftSrtcp(config);
      for (let n = 1; n < 20; n++) {
        const plain = rtcp(randomBytes(4 * n));
        const wire = theirs.encrypt(plain);
        const end = ours.receiver.unprotectRtcp(wire, 0, wire.length);
        expect(wire.subarray(0, end)).toEqual(plain);
        expect(theirs.decrypt(protectRtcp(ours.sender, plain, n))).toEqual(plain);
      }
    });
  });
});
