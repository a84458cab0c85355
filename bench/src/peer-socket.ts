import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { DtlsClient, DtlsServer, keyLength, saltLength } from 'werift';
import { type Certificate, makeCertificate } from '../../packages/sfu-worker/src/session/dtls/certificate.ts';
import { useNativeCrypto } from '../../packages/sfu-worker/src/session/dtls/native-crypto.ts';
import type { SrtpProfile } from '../../packages/sfu-worker/src/session/srtp/session-keys.ts';
import { bindingSuccess, parseBindingRequest } from '../../packages/sfu-worker/src/session/stun.ts';
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
  #remote: readonly [port: number, address: string] = [0, ''];
  #keepAlive: NodeJS.Timeout | undefined;
  #isClosed = false;

  /** @param profiles offered */
  static async open(profiles: readonly SrtpProfile[], address = '127.0.0.1'): Promise<PeerSocket> {
    useNativeCrypto();
    shared ??= makeCertificate();
    const certificate = await shared;
    const socket = createSocket({ type: 'udp4', recvBufferSize: 2 << 20 });
    socket.bind(0, address);
    await once(socket, 'listening');
    return new PeerSocket(socket, certificate, profiles);
  }

  private constructor(socket: Socket, certificate: Certificate, profiles: readonly SrtpProfile[]) {
    this.#socket = socket;
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

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#keepAlive);
    this.#socket.close();
  }

  /** Runs ICE and DTLS to the end. @param description the other side's */
  async connect(description: string): Promise<PeerKeys> {
    const get = (name: string) => new RegExp(`^a=${name}:(.*?)\\s*$`, 'm').exec(description)?.[1] ?? '';
    const remote = { ufrag: get('ice-ufrag'), pwd: get('ice-pwd') };
    const candidates = [...description.matchAll(/^a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ host/gim)];
    const chosen = candidates.find(([, address]) => address === '127.0.0.1') ?? candidates[0];
    if (chosen === undefined) throw new Error('the other side has no candidate');
    this.#remote = [Number(chosen[2]), String(chosen[1])];
    const isClient = get('setup') !== 'active';
    const { dtls, receive } = this.#dtls(isClient);

    let isBound = false;
    this.#socket.on('message', (datagram, from) => {
      const first = datagram[0] as number;
      if (first > 127) this.onMedia(datagram);
      else if (first > 19) receive(datagram);
      else if (datagram.readUInt16BE(0) === 0x0101) {
        if (!isBound && 'connect' in dtls) dtls.connect().catch(() => {});
        isBound = true;
      } else {
        const request = parseBindingRequest(datagram);
        if (request !== undefined) this.send(bindingSuccess(request.transactionId, from.address, from.port, this.pwd));
      }
    });
    const check = () => this.send(bindingRequest(`${remote.ufrag}:${this.ufrag}`, remote.pwd));
    check();
    const checking = setInterval(() => {
      if (!isBound) check();
    }, CHECK_MS);
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(new Error('no connection in time')), CONNECT_MS);
    try {
      return await new Promise<PeerKeys>((resolve, reject) => {
        timeout.signal.onabort = () => reject(timeout.signal.reason);
        dtls.onConnect.once(() => {
          const keys = keysOf(dtls);
          if (keys === undefined) reject(new Error('no SRTP profile'));
          else resolve(keys);
        });
      });
    } finally {
      clearTimeout(timer);
      clearInterval(checking);
      if (!this.#isClosed) this.#keepAlive = setInterval(check, KEEP_ALIVE_MS);
    }
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
