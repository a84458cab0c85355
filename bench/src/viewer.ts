import { createHmac, randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { DtlsClient, DtlsServer, keyLength, saltLength } from 'werift';
import { crc32 } from '../../packages/sfu-worker/src/session/crc32.ts';
import { type Certificate, makeCertificate } from '../../packages/sfu-worker/src/session/dtls/certificate.ts';
import { useNativeCrypto } from '../../packages/sfu-worker/src/session/dtls/native-crypto.ts';
import { guessIndex } from '../../packages/sfu-worker/src/session/srtp/rollover.ts';
import { SrtpReceiver } from '../../packages/sfu-worker/src/session/srtp/unprotect.ts';
import { bindingSuccess, parseBindingRequest } from '../../packages/sfu-worker/src/session/stun.ts';
import { nowMs, readMark } from './packets.ts';

const KEEP_ALIVE_MS = 5000;
const CHECK_MS = 100;
const CONNECT_MS = 20_000;
const H264_PT = 102;

let certificate: Promise<Certificate> | undefined;

/** What the viewers of a workload saw, all together. */
export class Audience {
  received = 0;
  lost = 0;
  duplicates = 0;
  rejected = 0;
  /** Latencies of packets, ms, when recording. */
  readonly latencies: number[] = [];
  recording = false;
  rtcp = 0;

  reset(): void {
    this.received = this.lost = this.duplicates = this.rejected = this.rtcp = 0;
    this.latencies.length = 0;
    this.recording = true;
  }
}

/** A headless WHEP viewer: ICE, DTLS and SRTP of its own, every packet authenticated, decrypted and checked. */
export class Viewer {
  readonly #socket: Socket;
  readonly #audience: Audience;
  readonly #mark = { sentAtMs: 0, number: 0 };
  #receiver: SrtpReceiver | undefined;
  #highest = -1;
  #last = -1;
  #timer: NodeJS.Timeout | undefined;

  static async play(url: string, audience: Audience): Promise<Viewer> {
    useNativeCrypto();
    certificate ??= makeCertificate();
    const own = await certificate;
    const socket = createSocket({ type: 'udp4', recvBufferSize: 2 << 20 });
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const ufrag = randomBytes(4).toString('hex');
    const pwd = randomBytes(16).toString('hex');
    const offer = describe(socket.address().port, ufrag, pwd, own.fingerprint);
    const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/sdp' }, body: offer });
    const answer = await response.text();
    if (response.status !== 201) throw new Error(`${url}: ${response.status} ${answer}`);
    const viewer = new Viewer(socket, audience);
    await viewer.#connect(answer, { ufrag, pwd }, own);
    return viewer;
  }

  private constructor(socket: Socket, audience: Audience) {
    this.#socket = socket;
    this.#audience = audience;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#socket.close();
  }

  async #connect(answer: string, own: { ufrag: string; pwd: string }, certificate: Certificate): Promise<void> {
    const get = (name: string) => new RegExp(`^a=${name}:(.*?)\\s*$`, 'm').exec(answer)?.[1] ?? '';
    const remote = { ufrag: get('ice-ufrag'), pwd: get('ice-pwd') };
    const candidates = [...answer.matchAll(/^a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ host/gim)];
    const port = Number((candidates.find(([, address]) => address === '127.0.0.1') ?? candidates[0])?.[2]);
    if (!(port > 0)) throw new Error('the answer has no candidate');
    const send = (bytes: Buffer) => this.#socket.send(bytes, port, '127.0.0.1');

    const transport = {
      type: 'viewer',
      address: { address: '127.0.0.1', family: 'IPv4', port },
      closed: false,
      onData: (_data: Buffer, _from: readonly [string, number]) => {},
      send: async (data: Buffer) => send(data),
      close: async () => {},
    };
    const isClient = get('setup') !== 'active';
    const Dtls = isClient ? DtlsClient : DtlsServer;
    const dtls = new Dtls({
      cert: certificate.certPem,
      key: certificate.keyPem,
      signatureHash: certificate.signatureHash as { hash: 4; signature: 3 },
      transport: transport as unknown as NonNullable<ConstructorParameters<typeof Dtls>[0]>['transport'],
      srtpProfiles: [1, 7],
      extendedMasterSecret: true,
    });
    let isBound = false;
    let started = false;
    const connected = new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('the viewer did not connect')), CONNECT_MS);
      dtls.onConnect.once(() => {
        clearTimeout(timer);
        const profile = dtls.srtp.srtpProfile;
        if (profile !== 1 && profile !== 7) return reject(new Error('no SRTP profile'));
        const keys = dtls.extractSessionKeys(keyLength(profile), saltLength(profile));
        const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
        this.#receiver = new SrtpReceiver(profile, text(keys.remoteKey), text(keys.remoteSalt));
        resolve();
      });
    });
    this.#socket.on('message', (datagram, from) => {
      const first = datagram[0] as number;
      if (first > 127) this.#media(datagram);
      else if (first > 19) transport.onData(datagram, ['127.0.0.1', port]);
      else if (datagram.readUInt16BE(0) === 0x0101) {
        isBound = true;
        if (!started) {
          started = true;
          if (isClient && 'connect' in dtls) dtls.connect().catch(() => {});
        }
      } else {
        const request = parseBindingRequest(datagram);
        if (request !== undefined) {
          send(bindingSuccess(request.transactionId, from.address, from.port, own.pwd));
        }
      }
    });
    const check = () => send(bindingRequest(`${remote.ufrag}:${own.ufrag}`, remote.pwd));
    check();
    const checking = setInterval(() => {
      if (!isBound) check();
    }, CHECK_MS);
    await connected.finally(() => clearInterval(checking));
    this.#timer = setInterval(check, KEEP_ALIVE_MS);
  }

  #media(datagram: Buffer): void {
    const second = datagram[1] as number;
    if (second >= 192 && second <= 223) {
      this.#audience.rtcp++;
      return;
    }
    const receiver = this.#receiver;
    if (receiver === undefined || datagram.length < 12) return;
    const sequence = datagram.readUInt16BE(2);
    const index = guessIndex(this.#highest, sequence);
    const headerLength = 12 + ((datagram[0] as number) & 0x10 ? 4 + 4 * datagram.readUInt16BE(14) : 0);
    const end = receiver.unprotect(datagram, 0, datagram.length, headerLength, index);
    if (end < 0) {
      this.#audience.rejected++;
      return;
    }
    if (index > this.#highest) this.#highest = index;
    // Stock servers add extensions: the mark is looked for behind them.
    const plain = headerLength === 12 ? datagram : datagram.subarray(headerLength - 12);
    if (!readMark(plain, end - headerLength + 12, this.#mark)) return;
    const audience = this.#audience;
    if (!audience.recording) {
      this.#last = this.#mark.number;
      return;
    }
    audience.received++;
    const gap = this.#mark.number - this.#last;
    if (this.#last >= 0) {
      if (gap > 1) audience.lost += gap - 1;
      else if (gap < 1) audience.duplicates++;
    }
    this.#last = Math.max(this.#last, this.#mark.number);
    audience.latencies.push(nowMs() - this.#mark.sentAtMs);
  }
}

function describe(port: number, ufrag: string, pwd: string, fingerprint: string): string {
  return [
    'v=0',
    'o=- 1 1 IN IP4 127.0.0.1',
    's=-',
    't=0 0',
    'a=group:BUNDLE 0',
    `m=video ${port} UDP/TLS/RTP/SAVPF ${H264_PT}`,
    'c=IN IP4 127.0.0.1',
    'a=mid:0',
    'a=recvonly',
    'a=rtcp-mux',
    'a=setup:actpass',
    `a=ice-ufrag:${ufrag}`,
    `a=ice-pwd:${pwd}`,
    `a=fingerprint:sha-256 ${fingerprint}`,
    `a=candidate:1 1 udp 2130706431 127.0.0.1 ${port} typ host`,
    'a=end-of-candidates',
    `a=rtpmap:${H264_PT} H264/90000`,
    `a=fmtp:${H264_PT} level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f`,
    `a=rtcp-fb:${H264_PT} nack`,
    `a=rtcp-fb:${H264_PT} nack pli`,
    `a=rtcp-fb:${H264_PT} ccm fir`,
    '',
  ].join('\r\n');
}

/** A controlling agent's check that nominates at once (RFC 8445 §7.1). */
function bindingRequest(username: string, pwd: string): Buffer {
  const name = Buffer.from(username);
  const padded = (name.length + 3) & ~3;
  const message = Buffer.alloc(20 + 4 + padded + 8 + 12 + 4 + 24 + 8);
  message.writeUInt16BE(0x0001, 0);
  message.writeUInt32BE(0x2112_a442, 4);
  randomBytes(12).copy(message, 8);
  let at = message.writeUInt16BE(0x0006, 20);
  at = message.writeUInt16BE(name.length, at);
  name.copy(message, at);
  at += padded;
  at = message.writeUInt16BE(0x0024, at); // PRIORITY
  at = message.writeUInt16BE(4, at);
  at = message.writeUInt32BE(1_862_270_975, at);
  at = message.writeUInt16BE(0x802a, at); // ICE-CONTROLLING
  at = message.writeUInt16BE(8, at);
  randomBytes(8).copy(message, at);
  at += 8;
  at = message.writeUInt16BE(0x0025, at); // USE-CANDIDATE
  at = message.writeUInt16BE(0, at);
  message.writeUInt16BE(at + 24 - 20, 2);
  const mac = createHmac('sha1', pwd).update(message.subarray(0, at)).digest();
  at = message.writeUInt16BE(0x0008, at);
  at = message.writeUInt16BE(20, at);
  at += mac.copy(message, at);
  message.writeUInt16BE(at + 8 - 20, 2);
  const crc = (crc32(message.subarray(0, at)) ^ 0x5354_554e) >>> 0;
  at = message.writeUInt16BE(0x8028, at);
  at = message.writeUInt16BE(4, at);
  message.writeUInt32BE(crc, at);
  return message;
}
