import { z } from 'zod';
import { type ListenAddress, parseAddress } from '../net/address.ts';
import { alarmKeys, pathAlarmKeys } from './alarm-schema.ts';
import { authKeys, NetworkText } from './auth-schema.ts';
import { pathNameFault } from './path-name.ts';
import { patternFault } from './path-pattern.ts';
import { apiTlsKeys, metricsTlsKeys, pprofTlsKeys, rtspTlsKeys, webrtcTlsKeys } from './tls-schema.ts';
import { duration, list, onOff, size, whole } from './values.ts';

/**
 * The one truth about configuration. Types, environment names, flags and docs/configuration.md follow from it. Names are
 * MediaMTX's wherever the concept is the same.
 */

const Address = z
  .string()
  .refine((text) => parseAddress(text) !== undefined, 'expected an address such as :8889, 127.0.0.1:8889 or [::1]:8889')
  .meta({ form: 'address' });

const trustedProxies = (of: string) =>
  list(NetworkText, 'addresses or networks')
    .prefault([])
    .describe(
      `Proxies in front of ${of} whose X-Forwarded-For says who the client is, for users by address and for limits.`,
    );

const RtspTransport = z.enum(['automatic', 'udp', 'tcp']);

function sourceFault(source: string): string | undefined {
  if (source === 'publisher') return undefined;
  if (source.startsWith('file:')) return source.length > 'file:'.length ? undefined : 'file: needs a file name';
  if (!/^rtsps?:\/\//.test(source)) return 'expected publisher, rtsp://host/…, rtsps://host/… or file:clip.h264';
  const filledIn = source.replaceAll(/\$G[1-9]|\$MTX_PATH/g, '1'); // a pattern's: what it becomes, who asks will say
  return URL.canParse(filledIn) && new URL(filledIn).hostname !== '' ? undefined : 'is not a usable rtsp:// URL';
}

const Source = z
  .string()
  .superRefine((source, context) => {
    const fault = sourceFault(source);
    // Without the input: it may hold a camera's password.
    if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
  })
  .meta({ form: 'publisher, rtsp://…, rtsps://…, file:…' });

const pathKeys = {
  source: Source.describe(
    'Where the stream comes from: `publisher` waits for one (WHIP or RTSP push); `rtsp://user:pass@host/…` is pulled, `rtsps://` over TLS; `file:clip.h264` loops an Annex B H.264 file, relative to the working directory, with the Opus of a `clip.ogg` beside it. In the source of a regular expression `$G1` is what its first group matched, `$MTX_PATH` the whole name.',
  ),
  rtspTransport: RtspTransport.describe('How to pull an RTSP source; `automatic` takes TCP, then UDP.'),
  sourceFingerprint: z
    .string()
    .regex(/^(?:[0-9a-fA-F]{2}:?){32}$|^$/, 'expected 64 hexadecimal digits')
    .describe(
      "SHA-256 of the certificate of an `rtsps://` source, for one that no authority signed. The log says a camera's when it is refused.",
    ),
  sourceOnDemand: onOff().describe(
    'Open the source when somebody wants to watch, and close it when nobody watches any more, instead of keeping it open.',
  ),
  sourceOnDemandStartTimeout: duration(500, 120_000).describe(
    'Who wants to watch a source on demand waits for it at most so long.',
  ),
  sourceOnDemandCloseAfter: duration(0, 86_400_000).describe(
    'A source on demand is closed when nobody has watched it for so long.',
  ),
  maxReaders: whole(0, 100_000).describe('Viewers at once; 0 is no limit.'),
  overridePublisher: onOff().describe(
    'A new publisher takes the place of the one that is there, as an encoder does that lost its connection. Off refuses it.',
  ),
  ...pathAlarmKeys,
} as const;

/** What a path has when neither it nor `pathDefaults` says otherwise. */
const PathDefaults = z.strictObject({
  source: pathKeys.source.default('publisher'),
  rtspTransport: pathKeys.rtspTransport.default('automatic'),
  sourceFingerprint: pathKeys.sourceFingerprint.default(''),
  sourceOnDemand: pathKeys.sourceOnDemand.prefault('off'),
  sourceOnDemandStartTimeout: pathKeys.sourceOnDemandStartTimeout.prefault('10s'),
  sourceOnDemandCloseAfter: pathKeys.sourceOnDemandCloseAfter.prefault('10s'),
  maxReaders: pathKeys.maxReaders.prefault(0),
  overridePublisher: pathKeys.overridePublisher.prefault('on'),
  alarmCameraLost: pathKeys.alarmCameraLost.prefault('on'),
  alarmLossRatio: pathKeys.alarmLossRatio.prefault(0.01),
  alarmMinBitrate: pathKeys.alarmMinBitrate.prefault(32_000),
  alarmKeyframeInterval: pathKeys.alarmKeyframeInterval.prefault('15s'),
});

/** A path as it is written: what it leaves out comes from `pathDefaults`. `cam1:` alone is `cam1: {}`. */
const PathEntry = z.preprocess((input) => input ?? {}, z.strictObject(pathKeys).partial());

const PathKey = z.string().superRefine((name, context) => {
  const fault = pathKeyFault(name);
  if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
});

/** `paths:` alone is none. A record would leave this one name out without a word. */
function pathsInput(input: unknown, context: z.RefinementCtx): unknown {
  if (typeof input === 'object' && input !== null && Object.hasOwn(input, '__proto__'))
    context.addIssue({ code: 'custom', path: ['__proto__'], message: 'is no name that a path can have' });
  return input ?? {};
}

function pathKeyFault(name: string): string | undefined {
  return name.startsWith('~') ? patternFault(name) : pathNameFault(name);
}

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug', 'trace'] as const;

export const ConfigSchema = z
  .strictObject({
    logLevel: z.enum(LOG_LEVELS).default('info').describe('The least severe log lines to write, to standard error.'),

    configJournal: z
      .string()
      .min(1)
      .default('auto')
      .describe(
        'Where changes by the API are written down, so that they survive a restart: `auto` is a file beside the configuration (`shardcast.yml.journal`), `off` forgets them, else a file name.',
      ),

    rtsp: onOff().prefault('on').describe('Accept RTSP publishers.'),
    rtspAddress: Address.default(':8554').describe('RTSP listener.'),
    rtspsAddress: Address.default(':8322').describe('RTSP over TLS listener.'),
    ...rtspTlsKeys,
    rtspTransports: list(z.enum(['udp', 'tcp']), 'udp, tcp')
      .prefault(['udp', 'tcp'])
      .describe('RTP transports that RTSP publishers may choose.'),

    webrtcAddress: Address.default(':8889').describe('HTTP listener: pages, WHIP, WHEP, WebSocket, health.'),
    ...webrtcTlsKeys,
    webrtcAllowOrigins: list(z.string().min(1), 'origins')
      .prefault(['*'])
      .describe(
        'Web origins that may use WHIP, WHEP and the WebSocket: `https://example.com`, `https://*.example.com`, or `*` for all.',
      ),
    webrtcTrustedProxies: trustedProxies('`webrtcAddress`'),
    webrtcLocalUDPAddress: Address.default(':8189').describe(
      'UDP listener for media. Worker n uses the port plus n: allow as many ports in a firewall as there are workers.',
    ),
    webrtcIPsFromInterfaces: onOff().prefault('on').describe("Offer this host's own addresses to WebRTC clients."),
    webrtcIPsFromInterfacesList: list(z.string().min(1), 'interface names')
      .prefault([])
      .describe('Only these interfaces; empty for all.'),
    webrtcAdditionalHosts: list(z.string().min(1), 'hosts')
      .prefault([])
      .describe('More addresses to offer, best first: the public address of a server behind NAT.'),
    webrtcHandshakeTimeout: duration(500, 120_000)
      .prefault('10s')
      .describe('From the answer to a connected session; then it is given up.'),

    ...authKeys,

    dashboard: onOff()
      .prefault('on')
      .describe('Serve the dashboard at `/dashboard/` of `webrtcAddress`, for whoever may use the API.'),
    api: onOff().prefault('on').describe('Serve the control API.'),
    apiAddress: Address.default('127.0.0.1:9997').describe(
      'Control API, `/v3/…`. `authInternalUsers` let the same host use it.',
    ),
    apiTrustedProxies: trustedProxies('`apiAddress`'),
    ...apiTlsKeys,
    metrics: onOff().prefault('on').describe('Serve Prometheus metrics.'),
    metricsAddress: Address.default('127.0.0.1:9998').describe(
      'Metrics, `/metrics`. `authInternalUsers` let the same host read them.',
    ),
    metricsTrustedProxies: trustedProxies('`metricsAddress`'),
    ...metricsTlsKeys,
    pprof: onOff().prefault('on').describe('Serve profiles.'),
    pprofAddress: Address.default('127.0.0.1:9999').describe(
      'Profiles, `/debug/pprof/…`. `authInternalUsers` let the same host read them.',
    ),
    pprofTrustedProxies: trustedProxies('`pprofAddress`'),
    ...pprofTlsKeys,

    workers: z
      .union([z.literal('auto'), whole(1, 256)], { error: 'expected auto or a number from 1 to 256' })
      .prefault('auto')
      .describe('Worker threads; `auto` is one a processor that this process may use.')
      .meta({ form: 'auto or number' }),
    workerHeapLimit: size(64 * 1024 ** 2)
      .prefault('512M')
      .describe("A worker's JavaScript heap; one that needs more is replaced."),
    fastPath: z
      .enum(['auto', 'native', 'portable'])
      .default('auto')
      .describe('The media path: the native addon, portable code, or the addon where there is one.'),
    dtls: z
      .enum(['werift', 'openssl'])
      .default('werift')
      .describe(
        'Who does the DTLS handshake: `openssl` is the one inside Node, several times faster, and needs the native addon.',
      ),

    maxConnectingPerClient: whole(0, 100_000)
      .prefault(64)
      .describe(
        'WHIP and WHEP sessions that one client address may have asked for and not connected; 0 is no limit. IPv6 addresses count by their /64, this host does not count.',
      ),
    maxConnectingPerWorker: whole(0, 100_000)
      .prefault(512)
      .describe('The same for all clients of a worker together, this host included; 0 is no limit.'),
    maxReadersPerClient: whole(0, 100_000)
      .prefault(1024)
      .describe('Viewers of one client address, counted as above; 0 is no limit.'),
    maxSessions: whole(0, 10_000_000)
      .prefault(0)
      .describe('Viewers and publishers of all clients together; 0 is what the workers have room for, 4,096 each.'),
    maxPublishersPerClient: whole(0, 100_000)
      .prefault(256)
      .describe('WHIP and RTSP publishers of one client address, counted as above; 0 is no limit.'),

    nack: onOff()
      .prefault('off')
      .describe(
        'Negotiate retransmission with viewers and keep a packet history for it. Costs memory and CPU; helps on lossy links.',
      ),
    rtcpInterval: duration(100, 60_000).prefault('3s').describe('Between RTCP reports of a session.'),
    bufferPool: onOff()
      .prefault('on')
      .describe('Keep packets in a fixed pool. `off` allocates a buffer a packet and is for comparison only.'),
    bufferPoolSlots: whole(16, 1_000_000)
      .prefault(4096)
      .describe("Slots of 1,500 bytes in a worker's pool. An empty pool drops packets and counts them."),
    udpMaxPayloadSize: whole(600, 1472)
      .prefault(1452)
      .describe('Largest UDP payload sent, bytes. Larger video packets are split.'),
    keyframeCache: z
      .strictObject({
        enabled: onOff()
          .prefault('on')
          .describe('Show new viewers a picture at once instead of after the next keyframe.'),
        maxBytes: size(0, 64 * 1024 ** 2)
          .prefault('2M')
          .describe('Most that is kept a stream.'),
        maxAge: duration(0, 120_000).prefault('10s').describe('Oldest keyframe that is still shown.'),
      })
      .prefault({})
      .describe('The newest keyframe and the frames since, kept a stream.'),

    sourceNetworks: list(NetworkText, 'addresses or networks')
      .prefault([])
      .describe(
        "Where pulled sources may be: the address that a name stands for is checked as it is connected to. Empty is everywhere but link-local addresses, where clouds keep their machines' secrets, and others that are nobody's.",
      ),
    readTimeout: duration(500, 600_000)
      .prefault('10s')
      .describe('A source without media for this long is closed; a pulled one is dialled again.'),
    publisherGrace: duration(0, 600_000)
      .prefault('10s')
      .describe('How long viewers are kept when a publisher leaves, in case it comes back.'),

    ...alarmKeys,
    linkBitrate: whole(0, 10_000_000_000_000)
      .prefault(0)
      .describe(
        'Bits a second of the network in each direction, for the forecast in `/v3/capacity`; 0 is what the system says of the interface, which virtual machines often do not know.',
      ),

    pathDefaults: PathDefaults.prefault({}).describe('What paths have that they do not set themselves.'),
    paths: z
      .preprocess(pathsInput, z.record(PathKey, PathEntry))
      .prefault({ all_others: {} })
      .describe(
        'Streams by name. `all_others` admits names that are not listed; `~^cam\\d+$` is a regular expression.',
      ),
  })
  .superRefine((config, context) => {
    for (const [method, key] of [
      ['http', 'authHTTPAddress'],
      ['jwt', 'authJWTJWKS'],
    ] as const) {
      if (config.authMethod === method && config[key] === '')
        context.addIssue({ code: 'custom', path: [key], message: `authMethod ${method} needs it` });
    }
    for (const [name, entry] of Object.entries(config.paths)) {
      const { source, sourceOnDemand } = { ...config.pathDefaults, ...entry };
      if (isPattern(name) && source !== 'publisher' && sourceOnDemand !== true)
        context.addIssue({
          code: 'custom',
          path: ['paths', name, 'source'],
          message: 'the paths of a pattern have sources on demand only: set sourceOnDemand',
        });
    }
  });

export type Config = z.infer<typeof ConfigSchema>;
/** Settings of one path, complete. */
export type PathConfig = z.infer<typeof PathDefaults>;

/** Names every path rather than one: `all_others` (MediaMTX also says `all`) or a regular expression. */
export function isPattern(confName: string): boolean {
  return confName === 'all_others' || confName === 'all' || confName.startsWith('~');
}

/** The address in `text`, which the schema has checked. */
export function listenAddress(text: string): ListenAddress {
  const address = parseAddress(text);
  if (address === undefined) throw new TypeError(`not an address: ${text}`);
  return address;
}
