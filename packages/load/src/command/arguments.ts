import { parseArgs } from 'node:util';
import { MAX_BITRATE_BPS, MIN_BITRATE_BPS } from '../traffic/packets.ts';
import { basic } from '../traffic/signalling.ts';

export const USAGE = `shardcast bench [address] [options] [-- options of the server]

Without an address: starts a server of its own on free ports, and measures that.
With one: measures what viewers of it get, on any server that speaks WHEP (http, https) or RTSP (rtsp, rtsps; over TCP).
With --publish: cameras of its own publish first, so that latency can be measured as well.

  shardcast bench
  shardcast bench --steps=64x1,1x200 --html=report.html -- --workers=2
  shardcast bench http://host:8889/cam1/whep --viewers=50 --seconds=30
  shardcast bench http://host:8889/cam1/whep --viewers=500 --ramp
  shardcast bench rtsp://user:password@camera/stream1 --viewers=2
  shardcast bench --publish=rtsp://host:8554/bench{} --whep=http://host:8889/bench{}/whep --streams=16

What
  --steps=SxV,...      own server only: streams x viewers of each, one after the other (64x1,1x200)
  --streams=N          cameras, or values of {} in the address: 0 to N-1 (1)
  --viewers=N          viewers in all, spread over the streams (10; with --publish or --streams one a stream)
  --publish=URL        rtsp://, rtsps:// or the address of WHIP, with {} for the stream's number; user:password@ as usual
  --whep=URL           the viewers' address, when it is not the first argument
  --video-only         offers no audio, for servers that refuse what they do not have
  --bitrate=RATE       of a camera, 500k to 50M (1M)
How
  --seconds=S          measured time of a step (10)
  --warmup=S           before that (2)
  --ramp[=N]           adds N viewers at a time (a tenth of --viewers) until a limit is passed; --viewers is the most
  --at-once=N          joins at a time (8)
  --timeout=S          for a join (10)
  --threads=N          that viewers are spread over (one less than processors, 1 to 4)
Who
  --token=TOKEN        bearer token of WHIP and WHEP (not of RTSP); SHARDCAST_BENCH_TOKEN keeps it out of the process list
  --user=NAME:PASSWORD the same by Basic authentication; or in the address
  --insecure           takes any certificate
Result
  --max-loss=PERCENT   above it the exit code is 1 (0.1)
  --max-delay=MS       the same for the 99th percentile of latency or delay variation (no limit; 200 in a ramp)
  --html=FILE          report with plots; --json=FILE the same as numbers, - for standard output
  --quiet              no progress

Exit code: 0 within the limits; 1 above them, or viewers without a picture; 2 wrong options; 130 interrupted.`;

/** Streams and viewers, in all, of one measurement. */
export type Step = { readonly name: string; readonly streams: number; readonly viewers: number };

/** What is measured. */
export type Target =
  | { readonly kind: 'own'; readonly serverArguments: readonly string[] }
  /** `{}` in the addresses stands for the stream's number. */
  | { readonly kind: 'remote'; readonly whep: string; readonly publish: string | undefined };

export type Plan = {
  readonly target: Target;
  readonly steps: readonly Step[];
  /** Viewers to add at a time; undefined without a ramp. */
  readonly rampStep: number | undefined;
  readonly isVideoOnly: boolean;
  readonly bitrateBps: number;
  readonly seconds: number;
  readonly warmupSeconds: number;
  readonly atOnce: number;
  readonly timeoutSeconds: number;
  /** 0: as many as fit. */
  readonly threads: number;
  readonly authorization: string | undefined;
  readonly isInsecure: boolean;
  readonly maxLossPercent: number;
  /** Infinite without a limit. */
  readonly maxDelayMs: number;
  readonly html: string | undefined;
  readonly json: string | undefined;
  readonly isQuiet: boolean;
};

/** A wrong option; the message is one line. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

const DEFAULT_STEPS = '64x1,1x200';
const DEFAULT_VIEWERS = 10;
const RAMP_MAX_DELAY_MS = 200;
const MOST_STREAMS = 5000;
const MOST_VIEWERS = 20_000;

const OPTIONS = {
  steps: { type: 'string' },
  streams: { type: 'string' },
  viewers: { type: 'string' },
  publish: { type: 'string' },
  whep: { type: 'string' },
  'video-only': { type: 'boolean', default: false },
  bitrate: { type: 'string', default: '1M' },
  seconds: { type: 'string', default: '10' },
  warmup: { type: 'string', default: '2' },
  ramp: { type: 'string' },
  'at-once': { type: 'string', default: '8' },
  timeout: { type: 'string', default: '10' },
  threads: { type: 'string', default: '0' },
  token: { type: 'string' },
  user: { type: 'string' },
  insecure: { type: 'boolean', default: false },
  'max-loss': { type: 'string', default: '0.1' },
  'max-delay': { type: 'string' },
  html: { type: 'string' },
  json: { type: 'string' },
  quiet: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

/**
 * @param argv behind `bench`
 * @param environment for SHARDCAST_BENCH_TOKEN
 * @throws UsageError
 */
export function readArguments(
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Plan | 'help' {
  const split = argv.indexOf('--');
  const own = (split < 0 ? argv : argv.slice(0, split)).map((each) => (each === '--ramp' ? '--ramp=0' : each));
  const serverArguments = split < 0 ? [] : argv.slice(split + 1);
  const { values, positionals } = parse(own);
  if (values.help) return 'help';
  const target = targetOf(values.whep, values.publish, positionals, serverArguments);
  const steps = stepsOf(target, values);
  const most = Math.max(...steps.map(({ viewers }) => viewers));
  const ramp = values.ramp === undefined ? undefined : integer('ramp', values.ramp, 0, MOST_VIEWERS);
  const token = values.token ?? (values.user === undefined ? environment['SHARDCAST_BENCH_TOKEN'] : undefined);
  if (values.token !== undefined && values.user !== undefined) throw new UsageError('--token or --user, not both');
  if (values.user?.includes(':') === false) throw new UsageError('--user is name:password');
  const colon = values.user?.indexOf(':') ?? 0;
  return {
    target,
    steps,
    rampStep: ramp === 0 ? Math.max(1, Math.round(most / 10)) : ramp,
    isVideoOnly: values['video-only'],
    bitrateBps: bitrate(values.bitrate),
    seconds: number('seconds', values.seconds, 1, 86_400),
    warmupSeconds: number('warmup', values.warmup, 0, 3600),
    atOnce: integer('at-once', values['at-once'], 1, 1000),
    timeoutSeconds: number('timeout', values.timeout, 1, 300),
    threads: integer('threads', values.threads, 0, 64),
    authorization:
      values.user !== undefined
        ? basic(values.user.slice(0, colon), values.user.slice(colon + 1))
        : token === undefined || token === ''
          ? undefined
          : `Bearer ${token}`,
    isInsecure: values.insecure,
    maxLossPercent: number('max-loss', values['max-loss'], 0, 100),
    maxDelayMs:
      values['max-delay'] !== undefined
        ? number('max-delay', values['max-delay'], 0, 60_000)
        : ramp === undefined
          ? Number.POSITIVE_INFINITY
          : RAMP_MAX_DELAY_MS,
    html: values.html,
    json: values.json,
    isQuiet: values.quiet,
  };
}

function parse(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: true });
  } catch (error) {
    // Its first sentence says which option; the second is about positional arguments.
    throw new UsageError(String(error instanceof Error ? error.message : error).split('. ', 1)[0] ?? '');
  }
}

function targetOf(
  whep: string | undefined,
  publish: string | undefined,
  positionals: readonly string[],
  serverArguments: readonly string[],
): Target {
  const given = [...positionals, ...(whep === undefined ? [] : [whep])];
  const [url, second] = given;
  if (second !== undefined) throw new UsageError(`one address, not also ${second}`);
  if (url === undefined) {
    if (publish !== undefined) throw new UsageError('--publish needs --whep: where viewers find what is published');
    return { kind: 'own', serverArguments };
  }
  if (serverArguments.length > 0) throw new UsageError('options behind -- are for a server of its own');
  checkUrl(
    url,
    ['http:', 'https:', 'rtsp:', 'rtsps:'],
    'the address begins with http:// or https:// (WHEP), rtsp:// or rtsps://',
  );
  if (publish !== undefined) {
    checkUrl(
      publish,
      ['rtsp:', 'rtsps:', 'http:', 'https:'],
      '--publish is rtsp://, rtsps:// or the http address of WHIP',
    );
  }
  return { kind: 'remote', whep: url, publish };
}

function checkUrl(text: string, protocols: readonly string[], otherwise: string): void {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !protocols.includes(url.protocol) || url.hostname === '') throw new UsageError(otherwise);
}

function stepsOf(
  target: Target,
  { steps, streams, viewers }: { steps?: string; streams?: string; viewers?: string },
): readonly Step[] {
  if (steps !== undefined) {
    if (target.kind !== 'own') throw new UsageError('--steps is for a server of its own; use --streams and --viewers');
    if (streams !== undefined || viewers !== undefined) throw new UsageError('--steps, or --streams and --viewers');
  }
  if (target.kind === 'own' && streams === undefined && viewers === undefined) {
    return (steps ?? DEFAULT_STEPS).split(',').map((text) => {
      const [, s = '', v = ''] = /^(\d+)x(\d+)$/.exec(text.trim()) ?? [];
      if (s === '') throw new UsageError(`--steps is a list of streams x viewers of each, as 64x1, not ${text}`);
      const count = integer('steps', s, 1, MOST_STREAMS);
      return {
        name: text.trim(),
        streams: count,
        viewers: integer('steps', String(count * Number(v)), 1, MOST_VIEWERS),
      };
    });
  }
  const count = integer('streams', streams ?? '1', 1, MOST_STREAMS);
  const takesNumbers = target.kind === 'own' || target.whep.includes('{}');
  if (count > 1 && !takesNumbers) throw new UsageError('--streams needs {} in the address, for the number');
  if (count > 1 && target.kind === 'remote' && target.publish?.includes('{}') === false) {
    throw new UsageError('--streams needs {} in --publish, for the number');
  }
  const isOwnMedia = target.kind === 'own' || target.publish !== undefined;
  const fallback = streams !== undefined || isOwnMedia ? count : DEFAULT_VIEWERS;
  const all = integer('viewers', viewers ?? String(fallback), 1, MOST_VIEWERS);
  const streamsText = count === 1 ? 'stream' : 'streams';
  return [
    { name: `${count} ${streamsText}, ${all} ${all === 1 ? 'viewer' : 'viewers'}`, streams: count, viewers: all },
  ];
}

/** Of `{}` in an address. */
export function numbered(url: string, stream: number): string {
  return url.replaceAll('{}', String(stream));
}

function number(option: string, text: string, least: number, most: number): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most))
    throw new UsageError(`--${option} is a number from ${least} to ${most}, not ${text}`);
  return value;
}

function integer(option: string, text: string, least: number, most: number): number {
  const value = number(option, text, least, most);
  if (!Number.isInteger(value)) throw new UsageError(`--${option} is a whole number, not ${text}`);
  return value;
}

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6 };

function bitrate(text: string): number {
  const [, digits = '', unit = ''] = /^(\d+(?:\.\d+)?)([kM]?)$/i.exec(text) ?? [];
  const value = Number(digits) * (UNITS[unit.toLowerCase()] ?? 1);
  if (digits === '' || value < MIN_BITRATE_BPS || value > MAX_BITRATE_BPS) {
    throw new UsageError(`--bitrate is 500k to 50M, not ${text}`);
  }
  return value;
}
