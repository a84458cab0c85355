import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parentPort } from 'node:worker_threads';
import { failureOf, serve } from '../thread-calls.ts';
import type {
  AudienceRequest,
  AudienceResults,
  AudienceSample,
  JoinFailure,
  Seat,
  ViewerResult,
} from './audience-protocol.ts';
import { Histogram } from './histogram.ts';
import { RtspViewer } from './rtsp-viewer.ts';
import { addCounts, type Counts, noCounts } from './stream-meter.ts';
import type { Viewer, ViewerSettings } from './viewer.ts';
import { WhepViewer } from './whep-viewer.ts';

const LAG_RESOLUTION_MS = 2;
const REPORT_MS = 1000;

const viewers: Viewer[] = [];
const marks = new Map<Viewer, Counts>();
const delays = new Histogram();
const lag = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS });
lag.enable();
setInterval(() => {
  for (const viewer of viewers) viewer.report();
}, REPORT_MS);

async function join(seats: readonly Seat[], settings: ViewerSettings): Promise<readonly JoinFailure[]> {
  const failures: JoinFailure[] = [];
  const joinOne = async ({ number, url }: Seat) => {
    try {
      viewers.push(await (/^rtsps?:/i.test(url) ? RtspViewer : WhepViewer).play(number, url, settings, delays));
    } catch (error) {
      failures.push({ number, ...failureOf(error) });
    }
  };
  await Promise.all(seats.map(joinOne));
  return failures;
}

function sample(): AudienceSample {
  const counts = noCounts();
  let jitterMs = 0;
  for (const viewer of viewers) {
    addCounts(counts, viewer.counts);
    jitterMs += viewer.jitterMs / viewers.length;
  }
  const lagMs = Math.max(0, lag.percentile(99) / 1e6 - LAG_RESOLUTION_MS);
  const answer = { counts, delays: delays.counts.slice(), jitterMs, viewers: viewers.length, lagMs };
  delays.reset();
  lag.reset();
  return answer;
}

function mark(): undefined {
  delays.reset();
  lag.reset();
  for (const viewer of viewers) {
    viewer.mark();
    marks.set(viewer, { ...viewer.counts });
  }
}

function results(): readonly ViewerResult[] {
  return viewers.map((viewer) => ({
    number: viewer.number,
    counts: addCounts({ ...viewer.counts }, marks.get(viewer) ?? noCounts(), -1),
    sessionPackets: viewer.counts.received,
    silentMs: viewer.silentMs,
    jitterMs: viewer.jitterMs,
    codecs: viewer.codecs,
    ...viewer.joinTimes,
  }));
}

async function leave(): Promise<undefined> {
  marks.clear();
  await Promise.all(viewers.splice(0).map((viewer) => viewer.leave()));
}

async function answer(request: AudienceRequest): Promise<AudienceResults[AudienceRequest['type']]> {
  switch (request.type) {
    case 'join':
      return join(request.seats, request.settings);
    case 'sample':
      return sample();
    case 'mark':
      return mark();
    case 'results':
      return results();
    case 'leave':
      return leave();
  }
}

if (parentPort !== null) serve(parentPort, answer);
