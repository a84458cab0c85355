import {
  AddressRule,
  assertNever,
  type ControlRequest,
  type SourceSpec,
  type Telemetry,
  type WorkerEvent,
  type WorkerSettings,
} from '@shardcast/shared';
import type { NativeAddon } from '../fastpath/native-addon.ts';
import type { Stream } from '../forward/stream.ts';
import type { Guard } from '../guard.ts';
import type { WorkerLog } from '../log.ts';
import { FileSource } from './file/file-source.ts';
import {
  adoptRtspPublisher,
  type ByteConnection,
  Connections,
  nativePairSockets,
  RtspPullSource,
  UdpPairs,
} from './rtsp/index.ts';

export type IngressOptions = {
  readonly settings: WorkerSettings;
  /** Largest RTP payload that viewers can be sent. */
  readonly maxPayloadBytes: number;
  /** Undefined where it does not serve. */
  readonly addon: NativeAddon | undefined;
  readonly telemetry: Telemetry;
  readonly guard: Guard;
  readonly log: WorkerLog;
  /** ms, monotonic, of the Unix epoch. */
  readonly clock: () => number;
  readonly post: (event: WorkerEvent) => void;
  /** A source met a fault that leaves its stream in an unknown state. */
  readonly onFault: (stream: Stream, error: unknown) => void;
};

/** What ends with its stream. */
export type Closable = { close(reason: string): void };
type Source = Closable & { readonly spec: SourceSpec };
type RtspPublisher = Closable & { readonly path: string };

/** What brings a worker's streams their media, but for WHIP: sources that it opens itself, publishers by RTSP that main hands over. */
export class Ingress {
  readonly #options: IngressOptions;
  readonly #connections: Connections;
  readonly #sourceRule: AddressRule;
  readonly #udpPairs: UdpPairs;
  readonly #sources = new Map<string, Source>();
  /** By session. */
  readonly #publishers = new Map<string, RtspPublisher>();
  /** Sources whose stream an exception ended, by path. */
  readonly #lost = new Map<string, SourceSpec>();

  constructor(options: IngressOptions) {
    const { settings, addon, telemetry, log } = options;
    this.#options = options;
    this.#connections = new Connections(addon);
    this.#sourceRule = new AddressRule(settings.sourceNetworks);
    this.#udpPairs = new UdpPairs(undefined, addon && nativePairSockets(addon, { telemetry, log }));
  }

  /** Sources of RTSP, for who looks after descriptors. */
  get rtspSources(): number {
    return [...this.#sources.values()].filter(({ spec }) => spec.type === 'rtsp').length;
  }
  get rtspPublishers(): number {
    return this.#publishers.size;
  }

  publisher(session: string): RtspPublisher | undefined {
    return this.#publishers.get(session);
  }

  /** Does nothing when the path has a source. @throws ShardcastError when it cannot be opened, ever. */
  async open(stream: Stream, spec: SourceSpec): Promise<void> {
    const { path } = stream;
    if (this.#sources.has(path)) return;
    switch (spec.type) {
      case 'file': {
        const source = this.#fileSource(stream, spec);
        this.#sources.set(path, { spec, close: (reason) => source.close(reason) });
        await source.start();
        return;
      }
      case 'rtsp': {
        const source = this.#rtspSource(stream, spec);
        this.#sources.set(path, { spec, close: (reason) => source.close(reason) });
        source.start();
        return;
      }
      default:
        assertNever(spec);
    }
  }

  /** @throws ShardcastError when what was handed over is no connection any more. */
  adopt(stream: Stream, { session, remote, carrier }: Extract<ControlRequest, { type: 'adopt-rtsp' }>): void {
    const { settings, log, guard, post } = this.#options;
    const connection = this.#connections.adopt(carrier, remote);
    try {
      const publisher = adoptRtspPublisher({
        connection,
        inlet: stream,
        udpPairs: this.#udpPairs,
        session,
        log,
        guard,
        readTimeoutMs: settings.readTimeoutMs,
        transports: settings.rtspTransports,
        onClose: (reason) => {
          this.#publishers.delete(session);
          post({ event: 'session-closed', session, slot: -1, reason });
        },
      });
      this.#blameReads(connection, stream);
      this.#publishers.set(session, { path: stream.path, close: (reason) => publisher.close(reason) });
    } catch (error) {
      connection.close(); // it is ours, whatever main is told
      throw error;
    }
  }

  /** Forgets what a path has. @returns what is to be closed with its stream. */
  takeOf(path: string): { readonly source: readonly Closable[]; readonly publishers: readonly Closable[] } {
    const source = this.#sources.get(path);
    this.#sources.delete(path);
    this.#lost.delete(path);
    const publishers = [...this.#publishers.values()].filter((publisher) => publisher.path === path);
    return { source: source === undefined ? [] : [source], publishers };
  }

  specOf(path: string): SourceSpec | undefined {
    return this.#sources.get(path)?.spec;
  }

  /** Remembers a source for `reopenLost`. */
  lose(path: string, spec: SourceSpec): void {
    this.#lost.set(path, spec);
  }

  reopenLost(streamOf: (path: string) => Stream | undefined): void {
    for (const [path, spec] of this.#lost) {
      this.#lost.delete(path);
      const stream = streamOf(path);
      if (stream === undefined) continue;
      this.open(stream, spec).catch((error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        this.#options.post({ event: 'stream-offline', path, reason });
      });
    }
  }

  #fileSource(stream: Stream, { file }: Extract<SourceSpec, { type: 'file' }>): FileSource {
    const { log, maxPayloadBytes, clock, onFault } = this.#options;
    return new FileSource({
      file,
      inlet: stream,
      log,
      maxPayloadBytes,
      clock,
      onFault: (error) => onFault(stream, error),
    });
  }

  #rtspSource(stream: Stream, spec: Extract<SourceSpec, { type: 'rtsp' }>): RtspPullSource {
    const { settings, log, guard, post } = this.#options;
    const { path } = stream;
    return new RtspPullSource({
      url: spec.url,
      transport: spec.transport,
      fingerprint: spec.fingerprint,
      allows: (address) => this.#sourceRule.allows(address),
      inlet: stream,
      udpPairs: this.#udpPairs,
      log,
      guard,
      readTimeoutMs: settings.readTimeoutMs,
      dial: (target, onConnect) => {
        const connection = this.#connections.dial(target, () => {
          onConnect();
          this.#blameReads(connection, stream);
        });
        return connection;
      },
      onState: (state, reason) => {
        if (state === 'waiting') post({ event: 'stream-offline', path, reason: reason ?? 'it has no source' });
      },
    });
  }

  /** What a source's bytes do is its stream's doing, control messages too. Call when `onBytes` is set. */
  #blameReads(connection: ByteConnection, stream: Stream): void {
    const { telemetry } = this.#options;
    const { onBytes } = connection;
    connection.onBytes = (buffer, start, end) => {
      const before = telemetry.enter(stream.slot + 1);
      onBytes(buffer, start, end);
      telemetry.leave(before);
    };
  }
}
