import { descriptorsOf } from '@shardcast/load';
import { AudienceHost } from '../audience-host.ts';
import { CameraCrew } from '../camera-crew.ts';
import type { Contender } from '../contenders.ts';
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
    const visits = new Visits(stage, visitors);
    const { lost, disordered, bad } = await stage.observe(visits.run(minutes));
    const { readings, failed } = visits;
    console.error(verdict(readings));
    return { figures: { ...figuresOf(readings), failed, lost, disordered, bad }, details: { readings } };
  } finally {
    await visitors.close();
    await stage.close();
  }
}

/** Who comes and goes. One that does not get in is counted; the others go on. */
class Visits {
  readonly readings: Reading[] = [];
  sessions = 0;
  failed = 0;
  readonly #stage: Stage;
  readonly #visitors: AudienceHost;

  constructor(stage: Stage, visitors: AudienceHost) {
    this.#stage = stage;
    this.#visitors = visitors;
  }

  async run(minutes: number): Promise<void> {
    const beganMs = performance.now();
    const endMs = beganMs + minutes * 60_000;
    for (let round = 0; performance.now() < endMs; round++) {
      const roundMs = performance.now();
      const urls = this.#stage.urls(JOINS_A_ROUND, STREAMS, round);
      await this.#count(JOINS_A_ROUND, () => this.#visitors.join(urls, { atOnce: 1 }));
      if (this.#visitors.viewers > VISITORS) await this.#visitors.leave(JOINS_A_ROUND, VANISHING_A_ROUND);
      if (round % ROUNDS_A_CAMERA === 0) {
        await this.#count(1, () => this.#publish('tcp', RESTLESS_RTSP));
        await this.#count(1, () => this.#publish('whip', RESTLESS_WHIP));
      }
      if (round % ROUNDS_A_READING === 0) await this.#read((performance.now() - beganMs) / 60_000);
      await sleep(Math.max(0, roundMs + ROUND_MS - performance.now()));
    }
  }

  async #count(sessions: number, visit: () => Promise<void>): Promise<void> {
    this.sessions += sessions;
    try {
      await visit();
    } catch (error) {
      this.failed++;
      console.error(`a visit failed: ${error instanceof Error ? error.message : error}`);
    }
  }

  /** A camera, for a moment. */
  async #publish(intake: 'tcp' | 'whip', camera: number): Promise<void> {
    const crew = new CameraCrew(this.#stage.server, intake, undefined, camera);
    try {
      await crew.add(1);
      await sleep(ROUND_MS / 4);
    } finally {
      crew.close();
    }
  }

  async #read(minutes: number): Promise<void> {
    const { server } = this.#stage;
    await server.settle();
    const megabytes = this.#stage.residentBytes() / 1024 / 1024;
    const descriptors = descriptorsOf(server.pid);
    this.readings.push({ minutes, sessions: this.sessions, megabytes, descriptors });
    const at = `${minutes.toFixed(1)} min, ${this.sessions} sessions`;
    console.error(`${at}: ${megabytes.toFixed(1)} MB, ${descriptors} descriptors`);
  }
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

/** Goal R5: what a hundred sessions leave behind, pools and compilers aside. */
function verdict(readings: readonly Reading[]): string {
  const points = readings
    .filter(({ sessions }) => sessions > 500)
    .map((each) => [each.sessions, each.megabytes] as const);
  if (points.length < 5) return 'R5: NOT RUN: fewer than five readings after the first 500 sessions';
  const growth = 100 * slope(points);
  return `R5: ${growth.toFixed(2)} MB more a hundred sessions, goal <= 0.5: ${growth <= 0.5 ? 'met' : 'MISSED'}`;
}

/** Of the line with the least squares. */
function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (at: 0 | 1) => points.reduce((sum, point) => sum + point[at], 0) / points.length;
  const [meanX, meanY] = [mean(0), mean(1)];
  const covariance = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  return covariance / points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
}
