import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { SrtpProfile } from '@shardcast/sfu-worker/peer';
import { Audience, type Tally } from './audience.ts';
import { Sink } from './sink.ts';
import { Viewer } from './viewer.ts';

/** What the benchmark asks of a process full of viewers. */
export type AudienceRequest =
  | {
      readonly type: 'join';
      readonly urls: readonly string[];
      /** How many of them check content, evenly spread; the others only count, in a `Sink` where there is one. */
      readonly checking: number;
      readonly atOnce: number;
      readonly profiles: readonly SrtpProfile[];
    }
  | { readonly type: 'reset' }
  | { readonly type: 'tally' }
  /** The longest there go; those that vanish do so without a word. */
  | { readonly type: 'leave-some'; readonly count: number; readonly vanishing: number }
  | { readonly type: 'leave' };
export type AudienceReply = { readonly id: number; readonly tally?: Tally; readonly error?: string };

const LAG_RESOLUTION_MS = 2;

const audience = new Audience();
const viewers: Viewer[] = [];
const sinks: Sink[] = [];
const lag = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS });
lag.enable();
const hasSinks = Sink.build();

async function join({ urls, checking, atOnce, profiles }: AudienceRequest & { type: 'join' }): Promise<void> {
  const counted: number[] = [];
  let next = 0;
  const joinOnes = async () => {
    for (let i = next++; i < urls.length; i = next++) {
      const viewer = await Viewer.play(urls[i] as string, audience, { check: 'some', profiles });
      viewers.push(viewer);
      const isChecking = Math.floor((i * checking) / urls.length) !== Math.floor(((i + 1) * checking) / urls.length);
      const descriptor = isChecking || !hasSinks ? undefined : viewer.peer.handOver();
      if (descriptor !== undefined) counted.push(descriptor);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, joinOnes));
  if (counted.length > 0) sinks.push(new Sink(counted));
}

async function answer(request: AudienceRequest): Promise<Tally | undefined> {
  switch (request.type) {
    case 'join':
      await join(request);
      return undefined;
    case 'reset':
      audience.reset();
      lag.reset();
      for (const sink of sinks) sink.reset();
      return undefined;
    case 'tally': {
      const tally = { ...audience.tally, lagMs: Math.max(0, lag.percentile(99) / 1e6 - LAG_RESOLUTION_MS) };
      for (const sink of sinks) await sink.addTo(tally);
      return tally;
    }
    case 'leave-some': {
      const leaving = viewers.splice(0, request.count);
      for (const viewer of leaving.splice(0, request.vanishing)) viewer.close();
      await Promise.all(leaving.map((viewer) => viewer.leave()));
      return undefined;
    }
    case 'leave':
      for (const sink of sinks) sink.close();
      await Promise.all(viewers.map((viewer) => viewer.leave().catch(() => {})));
      return undefined;
  }
}

process.on('message', ({ id, request }: { id: number; request: AudienceRequest }) => {
  answer(request).then(
    (tally) => process.send?.({ id, ...(tally === undefined ? {} : { tally }) } satisfies AudienceReply),
    (error: unknown) => process.send?.({ id, error: String(error) } satisfies AudienceReply),
  );
});
process.on('disconnect', () => process.exit(0));
