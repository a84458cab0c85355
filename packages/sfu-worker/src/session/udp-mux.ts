import { type Telemetry, WORKER } from '@shardcast/shared';
import type { WorkerLog } from '../log.ts';
import type { DatagramSocket, OpenDatagramSocket, RemoteAddress } from './datagram-socket.ts';
import { openNodeDatagramSocket } from './node-datagram-socket.ts';
import { SourceLimiter } from './source-limiter.ts';
import { bindingSuccess, parseBindingRequest, type StunRequest, verifyRequest } from './stun.ts';
import { TokenBucket } from './token-bucket.ts';

/** Addresses a session may have proved at once; a peer with more candidate pairs than this loses the ones it uses least. */
const MAX_ADDRESSES = 16;

/** Checks of a session that are answered. A browser sends some dozens while it connects, then one every few seconds. */
const ANSWERS_PER_SECOND = 50;
const ANSWERS_BURST = 100;

export type { RemoteAddress } from './datagram-socket.ts';

/** A session, as the socket sees it. */
export interface MuxEndpoint {
  ufrag: string;
  pwd: string;
  peerUfrag: string;
  /** A check that verified against this session's credentials. */
  onCheck(request: StunRequest, remote: RemoteAddress): void;
  /** DTLS, SRTP or SRTCP from an address that a check has proved. Borrowed; may be changed in place. */
  onDatagram(datagram: Buffer): void;
}

export type UdpMuxOptions = {
  readonly telemetry: Telemetry;
  readonly log: WorkerLog;
  readonly clock: () => number;
  /** Node's own unless another is given. */
  readonly openSocket?: OpenDatagramSocket;
  /** The datagrams delivered so far are about to be overwritten. */
  readonly onDrained?: () => void;
};

/**
 * One UDP socket for all sessions of a worker. An address counts only after a STUN check that verified
 * (RFC 8445 §7.3); everything else from it is dropped and counted, without an answer.
 */
export class UdpMux {
  readonly port: number;
  readonly socket: DatagramSocket;
  readonly #isDualStack: boolean;
  readonly #options: UdpMuxOptions;
  readonly #limiter: SourceLimiter;
  readonly #byUfrag = new Map<string, MuxEndpoint>();
  /** Credentials before an ICE restart, valid until the first check with the new ones. */
  readonly #former = new Map<MuxEndpoint, { ufrag: string; pwd: string; peerUfrag: string }>();
  /** By port, then by address: no key is built for a datagram. */
  readonly #byAddress = new Map<number, Map<string, { remote: RemoteAddress; endpoint: MuxEndpoint }>>();
  readonly #addressesOf = new Map<MuxEndpoint, Set<RemoteAddress>>();
  readonly #answersTo = new Map<MuxEndpoint, TokenBucket>();
  #faultLogged = false;
  #closed = false;

  /**
   * @param where an empty host listens on all addresses, IPv6 and IPv4 where the system has both.
   * @throws the bind's error, such as EADDRINUSE.
   */
  static async open(where: { host: string; port: number }, options: UdpMuxOptions): Promise<UdpMux> {
    const open = options.openSocket ?? openNodeDatagramSocket;
    if (where.host !== '') return new UdpMux(await open(where, options), options);
    try {
      return new UdpMux(await open({ host: '::', port: where.port }, options), options);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL' && code !== 'EINVAL') throw error;
      return new UdpMux(await open({ host: '0.0.0.0', port: where.port }, options), options);
    }
  }

  private constructor(socket: DatagramSocket, options: UdpMuxOptions) {
    this.socket = socket;
    this.#options = options;
    this.port = socket.port;
    this.#isDualStack = socket.family === 6;
    this.#limiter = new SourceLimiter(options.clock);
    socket.start({
      onDatagram: (buffer, start, end, from) =>
        this.#receive(end - start === buffer.length ? buffer : buffer.subarray(start, end), from),
      onDrained: () => options.onDrained?.(),
    });
  }

  /** Datagrams that the socket still holds: while it is 0, no memory given to `send` is in use. */
  get queued(): number {
    return this.#closed ? 0 : this.socket.queued;
  }

  register(endpoint: MuxEndpoint): void {
    this.#byUfrag.set(endpoint.ufrag, endpoint);
    this.#addressesOf.set(endpoint, new Set());
    this.#answersTo.set(endpoint, new TokenBucket(ANSWERS_PER_SECOND, ANSWERS_BURST, this.#options.clock()));
  }

  unregister(endpoint: MuxEndpoint): void {
    this.#byUfrag.delete(endpoint.ufrag);
    this.#forgetFormer(endpoint);
    for (const remote of this.#addressesOf.get(endpoint) ?? []) this.#unbind(remote, endpoint);
    this.#addressesOf.delete(endpoint);
    this.#answersTo.delete(endpoint);
  }

  /** ICE restart: gives the endpoint new credentials; those that the peer uses serve until a check comes with the new. */
  rename(endpoint: MuxEndpoint, credentials: { ufrag: string; pwd: string }, peerUfrag: string): void {
    if (this.#former.has(endpoint)) {
      // A restart before any check with the last one's credentials: the peer is still on those of before (RFC 8445 §9).
      this.#byUfrag.delete(endpoint.ufrag);
    } else {
      this.#former.set(endpoint, { ufrag: endpoint.ufrag, pwd: endpoint.pwd, peerUfrag: endpoint.peerUfrag });
    }
    endpoint.ufrag = credentials.ufrag;
    endpoint.pwd = credentials.pwd;
    endpoint.peerUfrag = peerUfrag;
    this.#byUfrag.set(credentials.ufrag, endpoint);
  }

  /** Binds an address that is known to be the endpoint's (a check, or a restored session). */
  bindAddress(endpoint: MuxEndpoint, address: string, port: number): RemoteAddress {
    let hosts = this.#byAddress.get(port);
    if (hosts === undefined) {
      hosts = new Map();
      this.#byAddress.set(port, hosts);
    }
    const bound = hosts.get(address);
    const own = this.#addressesOf.get(endpoint);
    if (bound?.endpoint === endpoint) {
      own?.delete(bound.remote);
      own?.add(bound.remote); // a Set keeps the order: the one checked last is forgotten last
      return bound.remote;
    }
    if (bound !== undefined) this.#addressesOf.get(bound.endpoint)?.delete(bound.remote);
    const remote = { address, port };
    hosts.set(address, { remote, endpoint });
    this.socket.know(remote);
    own?.add(remote);
    const [oldest] = own ?? [];
    if (own !== undefined && own.size > MAX_ADDRESSES && oldest !== undefined) {
      own.delete(oldest);
      this.#unbind(oldest, endpoint);
    }
    return remote;
  }

  /** Sends bytes[start, start + length); they are borrowed until `queued` is 0. Never throws. */
  send(bytes: Buffer, start: number, length: number, remote: RemoteAddress): void {
    if (this.#closed) return;
    this.#count(WORKER.datagramsOut);
    this.socket.send(bytes, start, length, remote);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.socket.close();
  }

  #receive(datagram: Buffer, from: RemoteAddress): void {
    this.#count(WORKER.datagramsIn);
    if (datagram.length === 0) return;
    // A spoofed one that UDP cannot answer (RFC 768: port 0 is "not used"); `send` to it would throw.
    if (from.port === 0) {
      this.#count(WORKER.droppedUnknownSource);
      return;
    }
    try {
      // RFC 7983 §7: 0..3 is STUN.
      if ((datagram[0] as number) < 4) {
        this.#receiveStun(datagram, from);
        return;
      }
      const bound = this.#byAddress.get(from.port)?.get(from.address);
      if (bound === undefined) this.#count(WORKER.droppedUnknownSource);
      else bound.endpoint.onDatagram(datagram);
    } catch (error) {
      // A bug, not an input that is expected: say it once, drop the datagram, go on.
      this.#options.telemetry.leave(0);
      this.#count(WORKER.droppedMalformed);
      if (this.#faultLogged) return;
      this.#faultLogged = true;
      this.#options.log.error('a datagram handler threw', { err: error instanceof Error ? error.stack : error });
    }
  }

  #receiveStun(datagram: Buffer, from: RemoteAddress): void {
    const request = parseBindingRequest(datagram);
    if (request === undefined) {
      this.#count(WORKER.stunRejectedMalformed);
      return;
    }
    const endpoint = this.#byUfrag.get(request.ufrag);
    if (endpoint === undefined) {
      this.#count(WORKER.stunRejectedUnknownUfrag);
      return;
    }
    const bound = this.#byAddress.get(from.port)?.get(from.address);
    // An HMAC is worth something to an attacker who learnt a ufrag: strangers that fail get few of them. An address that
    // was proved is not slowed, or its checks could be choked by forging them.
    const isStranger = bound?.endpoint !== endpoint;
    if (isStranger && !this.#limiter.admits(from.address)) {
      this.#count(WORKER.stunRejectedRate);
      return;
    }
    const isCurrent = request.ufrag === endpoint.ufrag;
    const credentials = isCurrent ? endpoint : this.#former.get(endpoint);
    if (
      credentials === undefined ||
      request.peerUfrag !== credentials.peerUfrag ||
      !verifyRequest(datagram, request, credentials.pwd)
    ) {
      this.#count(WORKER.stunRejectedIntegrity);
      if (isStranger) this.#limiter.failed(from.address);
      return;
    }
    // Only what verified is counted: a session's checks cannot be choked by others.
    if (this.#answersTo.get(endpoint)?.take(this.#options.clock()) !== true) {
      this.#count(WORKER.stunRejectedRate);
      return;
    }
    if (isCurrent) this.#forgetFormer(endpoint);
    const remote = this.bindAddress(endpoint, from.address, from.port);
    const visible = this.#isDualStack ? from.address.replace(/^::ffff:(?=\d+\.)/, '') : from.address;
    const response = bindingSuccess(request.transactionId, visible, from.port, credentials.pwd);
    this.send(response, 0, response.length, remote);
    endpoint.onCheck(request, remote);
  }

  #forgetFormer(endpoint: MuxEndpoint): void {
    const former = this.#former.get(endpoint);
    if (former === undefined) return;
    this.#former.delete(endpoint);
    this.#byUfrag.delete(former.ufrag);
  }

  #unbind(remote: RemoteAddress, endpoint: MuxEndpoint): void {
    const hosts = this.#byAddress.get(remote.port);
    if (hosts?.get(remote.address)?.endpoint !== endpoint) return;
    hosts.delete(remote.address);
    this.socket.forget(remote);
    if (hosts.size === 0) this.#byAddress.delete(remote.port);
  }

  #count(field: number): void {
    this.#options.telemetry.add(field);
  }
}
