import { Telemetry } from '@shardcast/shared';
import type { SourceDescription, SourceSink, StreamInlet, Upstream } from '../../src/forward/ingest.ts';
import { Guard } from '../../src/guard.ts';
import type { WorkerLog } from '../../src/log.ts';

/** Counts where nobody looks. */
export function guardFor(log: WorkerLog): Guard {
  return new Guard(new Telemetry(Telemetry.allocate()), log);
}

type SeenTrack = { packets: number; bytes: number; rtcp: number; sequences: number[]; payloadTypes: Set<number> };

/** A stream that only notes what it gets. `until` resolves once a condition holds, without a clock. */
export class FakeInlet implements StreamInlet {
  readonly path: string;
  readonly sources: { description: SourceDescription; upstream: Upstream; closed: string | undefined }[] = [];
  tracks: SeenTrack[] = [];
  flushes = 0;
  /** Thrown by the next `open`. */
  refusal: Error | undefined;
  /** Thrown by whatever is done with a packet. */
  bug: Error | undefined;
  #waiting: { isMet: () => boolean; resolve: () => void }[] = [];

  constructor(path: string) {
    this.path = path;
  }

  open(description: SourceDescription, upstream: Upstream): SourceSink {
    if (this.refusal !== undefined) throw this.refusal;
    const source = { description, upstream, closed: undefined as string | undefined };
    this.sources.push(source);
    const tracks = description.tracks.map(
      (): SeenTrack => ({ packets: 0, bytes: 0, rtcp: 0, sequences: [], payloadTypes: new Set() }),
    );
    this.tracks = tracks;
    queueMicrotask(() => this.look());
    return {
      tracks: tracks.map((seen) => ({
        receive: (buffer, start, end) => {
          if (this.bug !== undefined) throw this.bug;
          seen.packets++;
          seen.bytes += end - start;
          seen.sequences.push(buffer.readUInt16BE(start + 2));
          seen.payloadTypes.add((buffer[start + 1] ?? 0) & 0x7f);
        },
        receiveRtcp: () => {
          seen.rtcp++;
        },
      })),
      flush: () => {
        this.flushes++;
        this.look();
      },
      close: (reason) => {
        source.closed ??= reason;
        this.look();
      },
    };
  }

  until(isMet: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ isMet, resolve });
      this.look();
    });
  }

  look(): void {
    this.#waiting = this.#waiting.filter(({ isMet, resolve }) => {
      if (!isMet()) return true;
      resolve();
      return false;
    });
  }
}

/** A log that keeps its lines. */
export class FakeLog implements WorkerLog {
  readonly lines: { level: string; message: string; fields: Record<string, unknown> }[] = [];
  error(message: string, fields: Record<string, unknown> = {}): void {
    this.lines.push({ level: 'error', message, fields });
  }
  warn(message: string, fields: Record<string, unknown> = {}): void {
    this.lines.push({ level: 'warn', message, fields });
  }
  info(message: string, fields: Record<string, unknown> = {}): void {
    this.lines.push({ level: 'info', message, fields });
  }
  debug(message: string, fields: Record<string, unknown> = {}): void {
    this.lines.push({ level: 'debug', message, fields });
  }
}

/** How many of these sequence numbers are missing between the first and the last. */
export function missing(sequences: readonly number[]): number {
  let lost = 0;
  for (let at = 1; at < sequences.length; at++) {
    lost += (((sequences[at] ?? 0) - (sequences[at - 1] ?? 0)) & 0xffff) - 1;
  }
  return lost;
}
