import { AudienceHost } from '../audience-host.ts';
import { CameraCrew } from '../camera-crew.ts';
import type { Contender } from '../contenders.ts';
import { descriptorsOf } from '../process-account.ts';
import type { Measurement, Settings, Workload } from '../result.ts';
import { Stage, sleep } from '../stage.ts';

const STREAMS = 8;
const STANDING = 16;
/** Streams of cameras that come and go, behind the standing ones. */
const RESTLESS_RTSP = STREAMS;
const RESTLESS_WHIP = STREAMS + 1;
const VISITORS = 16;
const ROUND_MS = 2000;
const JOINS_A_ROUND = 4;
/** Of each round's leavers: the server has to find out by itself. */
const VANISHING_A_ROUND = 1;
const ROUNDS_A_CAMERA = 3;
const ROUNDS_A_READING = 30;

type Reading = {
  readonly minutes: number;
  readonly sessions: number;
  readonly megabytes: number;
  readonly descriptors: number;
};

/** Viewers and publishers come, go and vanish for an hour, while others watch: what stays behind in memory. */
export function soak(): Workload {
  return {
    name: 'soak',
    isQuick: false,
    isOnDemand: true,
    intake: 'tcp',
    only: ['shardcast TOBE'],
    ratioOf: 'MB end',
    measure,
  };
}

async function measure(contender: Contender, settings: Settings): Promise<Measurement> {
  const { profiles, nodeArgs, minutes } = settings;
  const stage = await Stage.open(contender, {
    streams: STREAMS,
    intake: 'tcp',
    profiles,
    nodeArgs,
    collectsGarbage: true,
  });
  const visitors = new AudienceHost(profiles, true);
  try {
    await stage.cameras.add(STREAMS);
    await stage.viewers.join(stage.urls(STANDING, STREAMS));
    const readings: Reading[] = [];
    const watched = stage.observe(churn(stage, visitors, minutes, readings));
    const { lost, disordered, bad } = await watched;
    return { figures: { ...figuresOf(readings), lost, disordered, bad }, details: { readings } };
  } finally {
    await visitors.close();
    await stage.close();
  }
}

async function churn(stage: Stage, visitors: AudienceHost, minutes: number, readings: Reading[]): Promise<void> {
  const beganMs = performance.now();
  const endMs = beganMs + minutes * 60_000;
  let sessions = 0;
  for (let round = 0; performance.now() < endMs; round++) {
    const roundMs = performance.now();
    await visitors.join(stage.urls(JOINS_A_ROUND, STREAMS, round), { atOnce: 1 });
    sessions += JOINS_A_ROUND;
    if (visitors.viewers > VISITORS) await visitors.leave(JOINS_A_ROUND, VANISHING_A_ROUND);
    if (round % ROUNDS_A_CAMERA === 0) {
      await visit(new CameraCrew(stage.server, 'tcp', undefined, RESTLESS_RTSP));
      await visit(new CameraCrew(stage.server, 'whip', undefined, RESTLESS_WHIP));
      sessions += 2;
    }
    if (round % ROUNDS_A_READING === 0) {
      await stage.server.settle();
      const reading: Reading = {
        minutes: (performance.now() - beganMs) / 60_000,
        sessions,
        megabytes: stage.residentBytes() / 1024 / 1024,
        descriptors: descriptorsOf(stage.server.pid),
      };
      readings.push(reading);
      console.error(
        `${reading.minutes.toFixed(1)} min, ${sessions} sessions: ${reading.megabytes.toFixed(1)} MB, ${reading.descriptors} descriptors`,
      );
    }
    await sleep(Math.max(0, roundMs + ROUND_MS - performance.now()));
  }
}

/** A camera publishes for a moment. */
async function visit(crew: CameraCrew): Promise<void> {
  await crew.add(1);
  await sleep(ROUND_MS / 4);
  crew.close();
}

/** The first third fills pools and lets the compilers finish. */
function figuresOf(readings: readonly Reading[]): Measurement['figures'] {
  const settled = readings.slice(Math.floor(readings.length / 3));
  const [first, last] = [settled[0], settled.at(-1)];
  if (first === undefined || last === undefined) return {};
  const perHour = slope(settled.map(({ minutes, megabytes }) => [minutes / 60, megabytes]));
  const perSession = slope(settled.map(({ sessions, megabytes }) => [sessions, megabytes]));
  return {
    minutes: last.minutes,
    sessions: last.sessions,
    'MB after a third': first.megabytes,
    'MB end': last.megabytes,
    'MB/hour': perHour,
    'KB/100 sessions': 100 * 1024 * perSession,
    'descriptors after a third': first.descriptors,
    'descriptors end': last.descriptors,
  };
}

/** Of the line with the least squares. */
function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (at: 0 | 1) => points.reduce((sum, point) => sum + point[at], 0) / points.length;
  const [meanX, meanY] = [mean(0), mean(1)];
  const covariance = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  return covariance / points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
}
