import { Camera } from './camera.ts';
import { CameraClock } from './camera-clock.ts';
import type { PullCameras } from './pull-camera.ts';
import type { ServerProcess } from './server-process.ts';
import { Audience, Viewer } from './viewer.ts';

export type Workload = { readonly name: string; readonly streams: number; readonly viewersPerStream: number };

export const WORKLOADS: readonly Workload[] = [
  { name: '64x1', streams: 64, viewersPerStream: 1 },
  { name: '1x100', streams: 1, viewersPerStream: 100 },
];

export type Result = {
  readonly server: string;
  readonly workload: string;
  readonly forwarded: number;
  readonly lost: number;
  readonly duplicates: number;
  readonly rejected: number;
  /** CPU time of the whole server process a packet that reached a viewer, us. */
  readonly cpuMicroseconds: number;
  /** Of one processor. */
  readonly cpuPercent: number;
  /** Resident memory above the idle server, bytes a stream (64x1) or a viewer (1x100). */
  readonly bytesPerUnit: number;
  readonly rtcpPerSecond: number;
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly max: number };
};

const WARM_UP_MS = 4000;
const JOINS_AT_ONCE = 8;

/** Puts a workload on a running server and measures it for `seconds`. */
export async function measure(
  server: ServerProcess,
  name: string,
  workload: Workload,
  seconds: number,
  pulled: PullCameras | undefined,
): Promise<Result> {
  await sleep(1000);
  const idleBytes = server.residentBytes();
  const cameras: Camera[] = [];
  const viewers: Viewer[] = [];
  let clock: CameraClock | undefined;
  const audience = new Audience();
  try {
    if (pulled === undefined) {
      for (let i = 0; i < workload.streams; i++) cameras.push(await Camera.publish(server.rtsp, `cam${i}`, i));
    } else {
      while (pulled.playing < workload.streams) await sleep(50);
    }
    clock = new CameraClock(workload.streams, (camera) =>
      (pulled === undefined ? cameras[camera]?.frames : pulled.frames(`cam${camera}`))?.send(),
    );
    await sleep(500);
    await join(server, workload, audience, viewers);
    await sleep(WARM_UP_MS);
    return await observe(server, name, workload, seconds, audience, idleBytes);
  } finally {
    clock?.stop();
    for (const viewer of viewers) viewer.close();
    for (const camera of cameras) camera.close();
    pulled?.close();
  }
}

/** Adds the workload's viewers, a few at a time; those that came are in `viewers` even when one fails. */
async function join(server: ServerProcess, workload: Workload, audience: Audience, viewers: Viewer[]): Promise<void> {
  const wanted = Array.from(
    { length: workload.streams * workload.viewersPerStream },
    (_, i) => `cam${i % workload.streams}`,
  );
  while (wanted.length > 0) {
    const urls = wanted.splice(0, JOINS_AT_ONCE).map((path) => `${server.web}/${path}/whep`);
    viewers.push(...(await Promise.all(urls.map((url) => Viewer.play(url, audience)))));
  }
}

/** Measures what runs for `seconds`. */
async function observe(
  server: ServerProcess,
  name: string,
  workload: Workload,
  seconds: number,
  audience: Audience,
  idleBytes: number,
): Promise<Result> {
  audience.reset();
  const cpuBefore = server.cpuSeconds();
  const beganMs = performance.now();
  await sleep(seconds * 1000);
  const elapsed = (performance.now() - beganMs) / 1000;
  const cpu = server.cpuSeconds() - cpuBefore;
  audience.recording = false;
  const bytes = server.residentBytes() - idleBytes;

  const sorted = audience.latencies.toSorted((a, b) => a - b);
  const percentile = (p: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? Number.NaN;
  return {
    server: name,
    workload: workload.name,
    forwarded: audience.received,
    lost: audience.lost,
    duplicates: audience.duplicates,
    rejected: audience.rejected,
    cpuMicroseconds: (cpu * 1e6) / audience.received,
    cpuPercent: (100 * cpu) / elapsed,
    bytesPerUnit: bytes / Math.max(workload.streams, workload.viewersPerStream),
    rtcpPerSecond: audience.rtcp / elapsed,
    latencyMs: { p50: percentile(0.5), p99: percentile(0.99), max: percentile(1) },
  };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
