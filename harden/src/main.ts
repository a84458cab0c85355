import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { contenders } from '../../bench/src/contenders.ts';
import { Sink } from '../../bench/src/sink.ts';
import { Stage } from '../../bench/src/stage.ts';
import { type Attack, isUnhurt, MAX_SESSIONS, type Scale, type Target } from './attack.ts';
import { CAMERA_ATTACKS } from './attacks/cameras.ts';
import { CLIENT_ATTACKS } from './attacks/clients.ts';
import { DATAGRAM_ATTACKS } from './attacks/datagrams.ts';
import { DOOR_ATTACKS } from './attacks/doors.ts';
import { FAULTS } from './attacks/faults.ts';
import { HTTP_ATTACKS } from './attacks/http.ts';
import { PARSER_ATTACKS } from './attacks/parsers.ts';
import { PEER_ATTACKS } from './attacks/peers.ts';
import { RTSP_ATTACKS } from './attacks/rtsp.ts';
import { SESSION_ATTACKS } from './attacks/sessions.ts';

const CAMERAS = 20;
const WATCH_ATTEMPTS = 20;
const ATTACKS: readonly Attack[] = [
  ...DATAGRAM_ATTACKS,
  ...HTTP_ATTACKS,
  ...RTSP_ATTACKS,
  ...SESSION_ATTACKS,
  ...PEER_ATTACKS,
  ...FAULTS,
  ...CAMERA_ATTACKS,
  ...DOOR_ATTACKS,
  ...CLIENT_ATTACKS,
  ...PARSER_ATTACKS,
];

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    short: { type: 'boolean', default: false },
    /** Of so many runs the worst is told. */
    repeat: { type: 'string', default: '1' },
    json: { type: 'string' },
  },
});
const scale: Scale = values.short ? { share: 0.05, seconds: 1, patience: 5 } : { share: 1, seconds: 30, patience: 1 };
const controlSeconds = values.short ? 1 : 2;
const wanted = values.only.split(',').filter(Boolean);
const attacks = ATTACKS.filter(({ id, isLong = false }) =>
  wanted.length > 0 ? wanted.includes(id) : !(values.short && isLong),
);
const unknown = wanted.filter((id) => !ATTACKS.some((attack) => attack.id === id));
if (unknown.length > 0) throw new Error(`no attack ${unknown}; there are ${ATTACKS.map(({ id }) => id)}`);

type Row = { id: string; goal: string; figure: string; lost: number; gapMs: number; verdict: 'met' | 'MISSED' };

Sink.build();
const [server] = (await contenders('', '')).filter(({ name }) => name === 'shardcast TOBE');
if (server === undefined) throw new Error('there is no server to attack');
const stage = await Stage.open(server, {
  streams: CAMERAS,
  workers: 2,
  processors: '0,1',
  intake: 'tcp',
  profiles: [1, 7],
  nodeArgs: [`--import=${new URL('faults.mjs', import.meta.url)}`],
  flags: ['--api=on', '--apiAddress=127.0.0.1:0', '--configJournal=off', `--maxSessions=${MAX_SESSIONS}`],
});
const rows: Row[] = [];
let isInterrupted = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    isInterrupted = true;
    void stage.close().finally(() => process.exit(130)); // the server is not to outlive its attackers
  });
}
try {
  await stage.cameras.add(CAMERAS);
  await stage.viewers.join(stage.urls(CAMERAS, CAMERAS));
  await untilAllWatch(stage);
  const target = await targetOf(stage);
  for (const attack of attacks) {
    if (isInterrupted) break;
    const row = await worst(attack, target);
    rows.push(row);
    console.log(
      `${row.verdict.padEnd(6)} ${row.id.padEnd(4)} ${row.goal}: ${row.figure}; lost ${row.lost}, gap +${row.gapMs.toFixed(0)} ms`,
    );
  }
} finally {
  await stage.close();
}
const missed = rows.filter(({ verdict }) => verdict !== 'met').length;
console.log(`${rows.length - missed} of ${rows.length} goals met`);
if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(rows, null, 2));
process.exit(missed === 0 ? 0 : 1);

/** A camera that has just begun has no keyframe yet, and its viewer no picture. */
async function untilAllWatch(of: Stage): Promise<void> {
  for (let attempt = 0; attempt < WATCH_ATTEMPTS; attempt++) if (isUnhurt(await of.observe(controlSeconds))) return;
  throw new Error('the viewers do not get what the cameras send, before any attack');
}

async function targetOf(of: Stage): Promise<Target> {
  const api = of.server.api ?? '';
  const workers = (await (await fetch(`${api}/v3/workers/list`)).json()) as { items: { udpPort: number }[] };
  return {
    stage: of,
    web: new URL(of.server.web),
    rtsp: new URL(of.server.rtsp),
    api,
    mediaPorts: workers.items.map(({ udpPort }) => udpPort),
    scale,
  };
}

async function restarts({ api }: Target): Promise<number> {
  const { items } = (await (await fetch(`${api}/v3/workers/list`)).json()) as { items: { restarts: number }[] };
  return items.reduce((sum, each) => sum + each.restarts, 0);
}

/** What is missed once is missed. */
async function worst(attack: Attack, target: Target): Promise<Row> {
  const all: Row[] = [];
  while (all.length < Math.max(1, Number(values.repeat))) all.push(await attacked(attack, target));
  const [first, ...others] = all.sort(
    (a, b) => Number(b.verdict === 'MISSED') - Number(a.verdict === 'MISSED') || b.gapMs - a.gapMs,
  );
  if (first === undefined) throw new TypeError('it was run at least once');
  return others.length === 0 ? first : { ...first, figure: `worst of ${all.length}: ${first.figure}` };
}

/** With a control before and after: a viewer that is hurt without an attack proves nothing. */
async function attacked(attack: Attack, target: Target): Promise<Row> {
  const restartsBefore = await restarts(target);
  const before = await target.stage.observe(controlSeconds);
  const running = attack.run(target);
  const during = await target.stage.observe(running);
  const { figure, isMet } = await running;
  const after = await target.stage.observe(controlSeconds);
  const lostWorkers = (await restarts(target)) - restartsBefore;
  const controls = isUnhurt(before) && isUnhurt(after);
  // What the quiet windows had is the machine's doing.
  const gapMs = Math.max(0, during.latencyMs.max - Math.max(before.latencyMs.max, after.latencyMs.max));
  const isInTime = values.short || gapMs <= (attack.maxGapMs ?? Number.POSITIVE_INFINITY);
  return {
    id: attack.id,
    goal: attack.goal,
    figure: `${figure}${lostWorkers > 0 ? `; ${lostWorkers} WORKERS LOST` : ''}${controls ? '' : '; CONTROL FAILED'}`,
    lost: during.lost,
    gapMs,
    verdict: isMet && isInTime && controls && lostWorkers === 0 && isUnhurt(during) ? 'met' : 'MISSED',
  };
}
