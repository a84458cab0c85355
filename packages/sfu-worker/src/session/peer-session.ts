import {
  SESSION_COUNTER,
  SESSION_DOUBLES,
  type SessionKeys,
  type SessionSnapshot,
  type Telemetry,
  type TrackSnapshot,
  WORKER,
} from '@shardcast/shared';
import type { FastPath } from '../fastpath/fast-path.ts';
import type { WorkerLog } from '../log.ts';
import type { TurnQueue } from '../turn-queue.ts';
import { closeNotify, readAlert } from './dtls/alert.ts';
import type { DtlsEngine, SecureChannel, SecureChannelOptions } from './dtls/secure-channel.ts';
import { SrtpSender } from './srtp/protect.ts';
import { ReplayWindow } from './srtp/replay-window.ts';
import { SrtpReceiver } from './srtp/unprotect.ts';
import type { StunRequest } from './stun.ts';
import type { MuxEndpoint, RemoteAddress, UdpMux } from './udp-mux.ts';

/** After the handshake its last flight may be asked for again: keep the state this long. */
const HANDSHAKE_LINGER_MS = 10_000;
/** SSRCs that a peer may send RTCP under in a session's life. */
const MAX_RTCP_SENDERS = 128;
/** RFC 3711 §9.2: as many SRTCP packets go out under one key; then the session is over. */
const MAX_RTCP_PACKETS = 2 ** 31;
/** The reason of a session whose peer said close_notify. */
export const PEER_LEFT = 'the peer left';

/** What a WHIP or WHEP session does with its connection. Packets are borrowed for the call. */
export interface PeerHandler {
  /** Keys are there, media may flow. */
  onConnected(): void;
  /** An SRTP packet, still protected: the handler knows the tracks' indexes. */
  onRtp(datagram: Buffer): void;
  /** A compound RTCP packet, authenticated and decrypted, in packet[0, end). */
  onRtcp(packet: Buffer, end: number): void;
  onClosed(reason: string): void;
  /** For the snapshot. */
  describeTracks(): TrackSnapshot[];
  /** Received SSRC to track index, for the snapshot. */
  describeLatch(): [number, number][];
}

/** What every session of a worker shares. */
export type PeerContext = {
  readonly sessionCounters: SharedArrayBuffer;
  readonly dtls: DtlsEngine;
  readonly mux: UdpMux;
  readonly fastPath: FastPath;
  readonly telemetry: Telemetry;
  /** For what may wait for media. */
  readonly turns: TurnQueue;
  readonly log: WorkerLog;
  /** Monotonic ms since the epoch. */
  readonly clock: () => number;
  readonly handshakeTimeoutMs: number;
  readonly consentTimeoutMs: number;
  readonly onSnapshot: (snapshot: SessionSnapshot) => void;
};

export type PeerDescription = {
  readonly id: string;
  readonly kind: 'whip' | 'whep';
  readonly path: string;
  /** What `Telemetry.enter` is told while the peer's input is handled. */
  readonly handling: number;
  /** Index of the counters in the worker's shared buffer. */
  readonly slot: number;
  readonly ufrag: string;
  readonly pwd: string;
  readonly peerUfrag: string;
  readonly peerFingerprint: SecureChannelOptions['fingerprint'];
  /** We are the DTLS client, because the offer said `setup:passive`. */
  readonly active: boolean;
};

/**
 * A connected peer: ICE-lite, DTLS, SRTP and SRTCP of one session. No socket, timer or handle of its own;
 * the worker's one timer calls `tick`. What must outlive the thread is in `snapshot` and in the shared counters.
 */
export class PeerSession implements MuxEndpoint {
  readonly id: string;
  readonly kind: 'whip' | 'whep';
  readonly path: string;
  readonly slot: number;
  readonly counters: Float64Array;
  ufrag: string;
  pwd: string;
  peerUfrag: string;
  state: 'connecting' | 'connected' | 'closed' = 'connecting';
  sender: SrtpSender | undefined;
  receiver: SrtpReceiver | undefined;
  /** In the media path, for legs; -1 before the keys are there. */
  mediaChannel = -1;
  readonly #context: PeerContext;
  readonly #handler: PeerHandler;
  readonly #bornMs: number;
  readonly #handling: number;
  /** By sender SSRC: each has an index of its own in most stacks (RFC 3711 §3.2.3 makes the SSRC part of the context). */
  readonly #rtcpWindows = new Map<number, ReplayWindow>();
  /** What a restored session had received: no window begins below it. */
  #rtcpRestored = -1;
  #remote: RemoteAddress | undefined;
  #keys: SessionKeys | undefined;
  #channel: SecureChannel | undefined;
  #connectedMs = Number.NaN;
  #isSnapshotDue = false;

  constructor(peer: PeerDescription, context: PeerContext, handler: PeerHandler) {
    this.id = peer.id;
    this.kind = peer.kind;
    this.path = peer.path;
    this.slot = peer.slot;
    this.ufrag = peer.ufrag;
    this.pwd = peer.pwd;
    this.peerUfrag = peer.peerUfrag;
    this.#context = context;
    this.#handler = handler;
    this.#bornMs = context.clock();
    this.#handling = peer.handling;
    const at = peer.slot * SESSION_DOUBLES * Float64Array.BYTES_PER_ELEMENT;
    this.counters = new Float64Array(context.sessionCounters, at, SESSION_DOUBLES).fill(0);
    this.counters[SESSION_COUNTER.RTCP_IN] = -1;
    this.counters[SESSION_COUNTER.LAST_SEEN] = this.#bornMs;
    this.#count(WORKER.handshakesStarted);
    this.#channel = context.dtls.open({
      active: peer.active,
      profiles: context.fastPath.profiles,
      fingerprint: peer.peerFingerprint,
      send: (record) => this.send(record, 0, record.length),
      onReady: (keys) => this.#connected(keys),
      onFail: (reason) => this.#handshakeFailed(reason),
      onAlert: (record) => this.#alert(record),
      onDropped: () => this.#count(WORKER.dtlsRejected),
    });
    context.mux.register(this);
  }

  get remote(): RemoteAddress | undefined {
    return this.#remote;
  }

  // --- MuxEndpoint

  onCheck(request: StunRequest, remote: RemoteAddress): void {
    this.counters[SESSION_COUNTER.LAST_SEEN] = this.#context.clock();
    // ICE-lite (RFC 8445 §7.3): the controlling side nominates; before that the first valid pair serves.
    if (this.#remote === undefined || (request.useCandidate && remote !== this.#remote)) {
      this.#remote = remote;
      if (this.mediaChannel >= 0) this.#context.fastPath.setDestination(this.mediaChannel, remote);
      this.snapshotChanged();
    }
    this.#channel?.start();
  }

  onDatagram(datagram: Buffer): void {
    const { telemetry } = this.#context;
    const before = telemetry.enter(this.#handling);
    this.#dispatch(datagram);
    telemetry.leave(before);
  }

  // --- out

  send(bytes: Buffer, start: number, length: number): void {
    const remote = this.#remote;
    if (remote !== undefined) this.#context.mux.send(bytes, start, length, remote);
  }

  /**
   * Protects and sends packet[0, length); the bytes are copied first. All our SSRCs share the session's one index, so that
   * no IV (RFC 3711 §4.1.1: SSRC and index) comes twice whatever they are. For a receiver, whose window is of an SSRC (§3.2.3),
   * the index of each goes up with holes, as it does when packets are lost.
   */
  sendRtcp(packet: Buffer, length: number): void {
    const sender = this.sender;
    if (this.state !== 'connected' || sender === undefined) return;
    const index = this.counters[SESSION_COUNTER.RTCP_OUT] as number;
    if (index >= MAX_RTCP_PACKETS) return; // `tick` ends the session
    const bytes = Buffer.allocUnsafe(length + 32); // cold path: one a session and interval
    packet.copy(bytes, 0, 0, length);
    this.counters[SESSION_COUNTER.RTCP_OUT] = index + 1;
    const end = sender.protectRtcp(bytes, length, index);
    this.send(bytes, 0, end);
    this.#count(WORKER.rtcpSent);
  }

  // --- state

  /** Media arrived and was authenticated: the handshake is over for both sides. */
  releaseHandshake(): void {
    if (this.#channel === undefined || this.state !== 'connected') return;
    this.#channel.release();
    this.#channel = undefined;
  }

  /** New credentials by ICE restart (RFC 9725 §4.3.2); the old pair serves until a check comes with the new. */
  restartIce(credentials: { ufrag: string; pwd: string }, peerUfrag: string): void {
    this.#context.mux.rename(this, credentials, peerUfrag);
    this.snapshotChanged();
  }

  /** Deadlines; the worker's timer calls it a few times a second. */
  tick(nowMs: number): void {
    const context = this.#context;
    if (this.state === 'connecting') {
      if (nowMs - this.#bornMs > context.handshakeTimeoutMs) this.#handshakeFailed('timed out');
      else this.#channel?.tick();
    } else if (this.state === 'connected') {
      if (this.#isSnapshotDue) this.#publishSnapshot();
      if (nowMs - this.#connectedMs > HANDSHAKE_LINGER_MS) this.releaseHandshake();
      if (nowMs - (this.counters[SESSION_COUNTER.LAST_SEEN] as number) > context.consentTimeoutMs) {
        this.close('consent expired: no STUN check from the peer');
      } else if ((this.counters[SESSION_COUNTER.RTCP_OUT] as number) >= MAX_RTCP_PACKETS) {
        this.close('its SRTCP indexes are used up');
      }
    }
  }

  snapshot(): SessionSnapshot {
    const remote = this.#remote;
    return {
      version: 1,
      id: this.id,
      kind: this.kind,
      path: this.path,
      slot: this.slot,
      ufrag: this.ufrag,
      pwd: this.pwd,
      peerUfrag: this.peerUfrag,
      ...(remote === undefined ? {} : { remote: { address: remote.address, port: remote.port } }),
      ...(this.#keys === undefined ? {} : { keys: this.#keys }),
      tracks: this.#handler.describeTracks(),
      latch: this.#handler.describeLatch(),
    };
  }

  /**
   * Something that the snapshot holds is another. It is published at the next tick: how often it changes is the peer's to
   * say, how often main is told is not.
   */
  snapshotChanged(): void {
    this.#isSnapshotDue = true;
  }

  #publishSnapshot(): void {
    this.#isSnapshotDue = false;
    this.#context.onSnapshot(this.snapshot());
  }

  /** Idempotent. Says goodbye with close_notify where keys are there, unless the peer already left. */
  close(reason: string): void {
    if (this.state === 'closed') return;
    if (this.state === 'connected' && this.#keys !== undefined && reason !== PEER_LEFT) {
      // Far from the record numbers of the handshake, and never the same twice, not even after a restore.
      const record = closeNotify(this.#keys.alert, 4096 + (Math.floor(this.#context.clock()) % 1e9));
      this.send(record, 0, record.length);
    }
    this.state = 'closed';
    this.#channel?.close();
    this.#channel = undefined;
    this.#context.mux.unregister(this);
    this.#handler.onClosed(reason);
    if (this.mediaChannel >= 0) this.#context.fastPath.closeChannel(this.mediaChannel);
    this.mediaChannel = -1;
  }

  #dispatch(datagram: Buffer): void {
    const first = datagram[0] as number; // RFC 7983 §7
    if (first > 127 && first < 192) {
      if (this.state === 'connecting' && this.#context.turns.waitingOf(this) > 0) {
        // It may have come right behind the message that makes its keys.
        this.#inTurn(datagram, (own) => this.#dispatch(own));
        return;
      }
      if (this.state !== 'connected' || datagram.length < 12) return;
      const second = datagram[1] as number; // RFC 5761 §4
      if (second >= 192 && second <= 223) this.#rtcp(datagram);
      else this.#handler.onRtp(datagram);
    } else if (first > 19 && first < 64) {
      if (this.#channel !== undefined) this.#inTurn(datagram, (own) => this.#channel?.onDatagram(own));
      else if (first === 21 && datagram.length > 13 && datagram.readUInt16BE(3) === 1) this.#alert(datagram);
      else this.#count(WORKER.dtlsRejected);
    }
  }

  /** Handshakes take their turn: some ms of each would be the media's that came meanwhile. */
  #inTurn(datagram: Buffer, handle: (own: Buffer) => void): void {
    const { turns, telemetry } = this.#context;
    const own = Buffer.from(datagram); // the socket's memory is its own again by then
    const isQueued = turns.push(this, () => {
      const before = telemetry.enter(this.#handling);
      handle(own);
      telemetry.leave(before);
    });
    if (!isQueued) this.#count(WORKER.dtlsRejected);
  }

  #connected(keys: SessionKeys): void {
    if (this.state !== 'connecting') return;
    this.#keys = keys;
    this.sender = new SrtpSender(keys.profile, keys.localKey, keys.localSalt);
    const { fastPath } = this.#context;
    const opener = fastPath.opener(keys.profile, keys.remoteKey, keys.remoteSalt);
    this.receiver = new SrtpReceiver(keys.profile, keys.remoteKey, keys.remoteSalt, opener);
    if (this.kind === 'whep') {
      this.mediaChannel = fastPath.openChannel(this.sender);
      if (this.#remote !== undefined) fastPath.setDestination(this.mediaChannel, this.#remote);
    }
    this.#rtcpRestored = this.counters[SESSION_COUNTER.RTCP_IN] as number;
    this.state = 'connected';
    this.#connectedMs = this.#context.clock();
    this.#context.telemetry.observe('sessionSetup', (this.#connectedMs - this.#bornMs) / 1000);
    this.#handler.onConnected();
    this.#publishSnapshot();
  }

  #handshakeFailed(reason: string): void {
    if (this.state !== 'connecting') return;
    this.#count(WORKER.handshakesFailed);
    this.#context.log.info('handshake failed', { session: this.id, path: this.path, reason });
    this.close(`handshake: ${reason}`);
  }

  #rtcp(datagram: Buffer): void {
    const receiver = this.receiver;
    if (receiver === undefined) return;
    const end = receiver.unprotectRtcp(datagram, 0, datagram.length);
    if (end < 0) {
      this.#count(WORKER.srtpRejectedAuth);
      return;
    }
    // Authenticated: from here on it is the peer's doing, or a replay of it.
    const index = receiver.rtcpIndex;
    const ssrc = datagram.readUInt32BE(4);
    const known = this.#rtcpWindows.get(ssrc);
    const window = known ?? new ReplayWindow(this.#rtcpRestored);
    if (!window.isFresh(index) || (known === undefined && this.#rtcpWindows.size >= MAX_RTCP_SENDERS)) {
      this.#count(WORKER.srtpRejectedReplay);
      return;
    }
    if (known === undefined) this.#rtcpWindows.set(ssrc, window);
    window.add(index);
    if (window.highest > (this.counters[SESSION_COUNTER.RTCP_IN] as number)) {
      this.counters[SESSION_COUNTER.RTCP_IN] = window.highest;
    }
    this.releaseHandshake();
    this.#count(WORKER.rtcpReceived);
    this.#handler.onRtcp(datagram, end);
  }

  #alert(record: Buffer): void {
    const alert = this.#keys === undefined ? undefined : readAlert(this.#keys.alert, record);
    if (alert === undefined) this.#count(WORKER.dtlsRejected);
    // RFC 5246 §7.2: close_notify, or a fatal one (level 2), ends the connection; warnings do not.
    if (alert !== undefined && (alert[1] === 0 || alert[0] === 2)) this.close(PEER_LEFT);
  }

  #count(field: number): void {
    this.#context.telemetry.add(field);
  }
}
