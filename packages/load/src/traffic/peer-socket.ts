import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIP } from 'node:net';
import {
  bindingSuccess,
  type Certificate,
  makeCertificate,
  parseBindingRequest,
  type SrtpProfile,
  useNativeCrypto,
} from '@shardcast/sfu-worker/peer';
import { DtlsClient, DtlsServer, keyLength, saltLength } from 'werift';
import { bindingRequest } from './binding-request.ts';

const KEEP_ALIVE_MS = 5000;
const CHECK_MS = 100;
const CONNECT_MS = 30_000;

let shared: Promise<Certificate> | undefined;

/** Master keys in base64, as `SrtpSender` and `SrtpReceiver` take them. */
export type PeerKeys = {
  readonly profile: SrtpProfile;
  readonly local: readonly [key: string, salt: string];
  readonly remote: readonly [key: string, salt: string];
};

/** One client's UDP socket with ICE (controlling) and DTLS. All clients of a process share a certificate. */
export class PeerSocket {
  readonly ufrag = randomBytes(4).toString('hex');
  readonly pwd = randomBytes(16).toString('hex');
  /** Gets SRTP and SRTCP; it owns the datagram. */
  onMedia: (datagram: Buffer) => void = () => {};
  readonly #socket: Socket;
  readonly #certificate: Certificate;
  readonly #profiles: readonly SrtpProfile[];
  readonly #isIpv6: boolean;
  /** Where to, once it is known; before that, where it may be. */
  #remote: readonly [port: number, address: string] = [0, ''];
  #keepAlive: NodeJS.Timeout | undefined;
  #isClosed = false;

  /**
   * @param profiles offered
   * @param address bound: an address of this machine, or `0.0.0.0` or `::` for whichever leads to the other side
   */
  static async open(profiles: readonly SrtpProfile[], address = '127.0.0.1'): Promise<PeerSocket> {
    useNativeCrypto();
    shared ??= makeCertificate();
    const certificate = await shared;
    const isIpv6 = address.includes(':');
    const socket = createSocket({ type: isIpv6 ? 'udp6' : 'udp4', recvBufferSize: 2 << 20 });
    socket.bind(0, address);
    await once(socket, 'listening');
    // A datagram that could not be sent is a lost one.
    socket.on('error', () => {});
    return new PeerSocket(socket, isIpv6, certificate, profiles);
  }

  private constructor(socket: Socket, isIpv6: boolean, certificate: Certificate, profiles: readonly SrtpProfile[]) {
    this.#socket = socket;
    this.#isIpv6 = isIpv6;
    this.#certificate = certificate;
    this.#profiles = profiles;
  }

  get port(): number {
    return this.#socket.address().port;
  }

  get fingerprint(): string {
    return this.#certificate.fingerprint;
  }

  /** After `close` it does nothing: a connection that is still being made goes on for a while. */
  send(bytes: Buffer): void {
    if (this.#isClosed) return;
    this.#socket.send(bytes, ...this.#remote);
  }

  /** Stops reading. @returns the descriptor, for another process to read; undefined where Node does not say it */
  handOver(): number | undefined {
    // Not in Node's types, but the only way to a datagram socket's descriptor.
    const { _handle: handle } = this.#socket as unknown as { _handle?: { fd?: number; recvStop?: () => number } };
    if (handle?.fd === undefined || handle.fd < 0 || handle.recvStop === undefined) return undefined;
    handle.recvStop();
    return handle.fd;
  }

  /** Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#keepAlive);
    this.#socket.close();
  }

  /**
   * Runs ICE and DTLS to the end.
   * @param description the other side's
   * @throws Error whose message says how far it came
   */
  async connect(description: string, timeoutMs = CONNECT_MS): Promise<PeerKeys> {
    const get = (name: string) => new RegExp(`^a=${name}:(.*?)\\s*$`, 'm').exec(description)?.[1] ?? '';
    const remote = { ufrag: get('ice-ufrag'), pwd: get('ice-pwd') };
    const candidates = this.#candidates(description);
    const [first] = candidates;
    if (first === undefined) throw new Error('the other side names no UDP address that can be used');
    this.#remote = first;
    const isClient = get('setup') !== 'active';
    const { dtls, receive } = this.#dtls(isClient);

    let isBound = false;
    this.#socket.on('message', (datagram, from) => {
      const kind = datagram[0] ?? 0;
      if (kind > 127) this.onMedia(datagram);
      else if (kind > 19) receive(datagram);
      else if (datagram.length >= 20 && datagram.readUInt16BE(0) === 0x0101) {
        if (isBound) return;
        isBound = true;
        this.#remote = [from.port, from.address];
        if ('connect' in dtls) dtls.connect().catch(() => {});
      } else {
        const request = parseBindingRequest(datagram);
        if (request === undefined) return;
        const answer = bindingSuccess(request.transactionId, from.address, from.port, this.pwd);
        this.#sendTo(answer, [from.port, from.address]);
      }
    });
    const check = () => bindingRequest(`${remote.ufrag}:${this.ufrag}`, remote.pwd);
    const checkAll = () => {
      for (const candidate of candidates) this.#sendTo(check(), candidate);
    };
    checkAll();
    const checking = setInterval(() => {
      if (!isBound) checkAll();
    }, CHECK_MS);
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(), timeoutMs);
    try {
      return await new Promise<PeerKeys>((resolve, reject) => {
        timeout.signal.onabort = () =>
          reject(new Error(isBound ? 'no DTLS handshake in time' : 'no answer to connectivity checks (UDP)'));
        dtls.onConnect.once(() => {
          const keys = keysOf(dtls);
          if (keys === undefined) reject(new Error('no SRTP profile'));
          else resolve(keys);
        });
      });
    } finally {
      clearTimeout(timer);
      clearInterval(checking);
      if (!this.#isClosed) this.#keepAlive = setInterval(() => this.send(check()), KEEP_ALIVE_MS);
    }
  }

  /** The other side's UDP addresses that lead there from ours, each once. */
  #candidates(description: string): readonly (readonly [port: number, address: string])[] {
    const lines = description.matchAll(/^a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ /gim);
    const usable = new Map<string, readonly [number, string]>();
    for (const [, address = '', port] of lines) {
      const family = isIP(address); // 0 for names, of which none is looked up
      if (family === (this.#isIpv6 ? 6 : 4)) usable.set(`${address} ${port}`, [Number(port), address]);
    }
    const all = [...usable.values()];
    // From the loopback address no other can be reached.
    const onLoopback = all.filter(([, address]) => address === this.#socket.address().address);
    return onLoopback.length > 0 ? onLoopback : all;
  }

  #sendTo(bytes: Buffer, [port, address]: readonly [port: number, address: string]): void {
    // An address that leads nowhere is another candidate that does not answer.
    if (!this.#isClosed) this.#socket.send(bytes, port, address, () => {});
  }

  #dtls(isClient: boolean): { dtls: DtlsClient | DtlsServer; receive: (datagram: Buffer) => void } {
    const [port] = this.#remote;
    const transport = {
      type: 'peer',
      address: { address: '127.0.0.1', family: 'IPv4', port },
      closed: false,
      onData: (_data: Buffer, _from: readonly [string, number]) => {},
      send: async (data: Buffer) => this.send(data),
      close: async () => {},
    };
    const Dtls = isClient ? DtlsClient : DtlsServer;
    const dtls = new Dtls({
      cert: this.#certificate.certPem,
      key: this.#certificate.keyPem,
      signatureHash: this.#certificate.signatureHash as { hash: 4; signature: 3 },
      // werift's transports extend a class; these are the members that DTLS uses.
      transport: transport as unknown as NonNullable<ConstructorParameters<typeof Dtls>[0]>['transport'],
      srtpProfiles: [...this.#profiles],
      extendedMasterSecret: true,
    });
    return { dtls, receive: (datagram) => transport.onData(datagram, ['127.0.0.1', port]) };
  }
}

function keysOf(dtls: DtlsClient | DtlsServer): PeerKeys | undefined {
  const profile = dtls.srtp.srtpProfile;
  if (profile !== 1 && profile !== 7) return undefined;
  const keys = dtls.extractSessionKeys(keyLength(profile), saltLength(profile));
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
  return {
    profile,
    local: [text(keys.localKey), text(keys.localSalt)],
    remote: [text(keys.remoteKey), text(keys.remoteSalt)],
  };
}
