import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { bindingRequest, describePeer, PeerSocket } from '@shardcast/load';
import { ShardcastError } from '@shardcast/shared';
import { InterleavedParser } from '../../../packages/sfu-worker/src/ingress/rtsp/interleaved.ts';
import { parseSps } from '../../../packages/sfu-worker/src/rtp/h264/sps.ts';
import { inspectorFor } from '../../../packages/sfu-worker/src/rtp/inspect.ts';
import {
  type RtcpVisitor,
  readRtcp,
  writeSdesCname,
  writeSenderReport,
} from '../../../packages/sfu-worker/src/rtp/rtcp/index.ts';
import { RtpView } from '../../../packages/sfu-worker/src/rtp/view.ts';
import { DtlsInbound } from '../../../packages/sfu-worker/src/session/dtls/inbound.ts';
import { parseOffer } from '../../../packages/sfu-worker/src/session/sdp/offer.ts';
import { parseBindingRequest, verifyRequest } from '../../../packages/sfu-worker/src/session/stun.ts';
import { Seeded } from '../../../packages/sfu-worker/test/rtp/seeded.ts';
import { RtspMessageReader } from '../../../packages/shared/src/rtsp/message-reader.ts';
import { parseRtspSdp } from '../../../packages/shared/src/rtsp/sdp.ts';
import { parseClientMessage } from '../../../packages/signaling/src/ws/protocol.ts';
import type { Attack } from '../attack.ts';
import { clientHello } from './datagrams.ts';

const SLOW_MS = 10;
/** What is slow by the machine's doing is not slow each time. */
const TRIES = 5;
const INPUTS_A_TURN = 2000;
/** Readers of streams are kept for so many inputs. */
const INPUTS_A_READER = 50;

type Parser = {
  readonly name: string;
  readonly inputs: number;
  readonly valid: readonly Buffer[];
  /** Throws only what it may: nothing, but for offers ShardcastError. */
  readonly parse: (input: Buffer) => void;
};

type Tally = { crashes: string[]; slow: string[] };

/** Each has its share of ten million inputs, as the goal has them. */
async function parsers(): Promise<Parser[]> {
  const peer = await PeerSocket.open([1, 7]);
  const offer = Buffer.from(describePeer(peer, 'recvonly', 'actpass'));
  peer.close();
  const rtp = Buffer.from('b1e00001000000020000000300000004bede000210013102030000006588840000000004', 'hex');
  const sps = Buffer.from('6742c01fd9005005bb0110000003001000000303c8f18326', 'hex');
  const report = Buffer.alloc(128);
  const ntp = { high: 1, low: 2 };
  const end = writeSdesCname(
    report,
    writeSenderReport(report, 0, { ssrc: 1, ntp, rtpTimestamp: 3, packets: 4, octets: 5 }),
    1,
    'shardcast',
  );
  const announce = Buffer.from(
    'ANNOUNCE rtsp://h/x RTSP/1.0\r\nCSeq: 2\r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n',
  );
  const frame = Buffer.concat([Buffer.from([0x24, 0, 0, rtp.length]), rtp, announce]);
  const description = Buffer.from(
    'v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0LAH9kAUAW7ARAAAAMAEAAAAwPI8YMm,aMuMsg==\r\na=control:trackID=0\r\n',
  );
  const join = Buffer.from('{"type":"subscribe","id":1,"path":"cam","sdp":"v=0"}');
  const view = new RtpView();
  const inspect = (['H264', 'H265', 'VP8', 'VP9', 'AV1'] as const).map((codec) => inspectorFor(codec));
  const visitor: RtcpVisitor = {};
  const nothing = () => undefined;
  const handler = { frame: nothing, message: nothing, flush: nothing };
  let inbound = new DtlsInbound(nothing, nothing, nothing);
  let reader = new RtspMessageReader();
  let interleaved = new InterleavedParser(handler);
  let count = 0;
  return [
    {
      name: 'STUN',
      inputs: 2e6,
      valid: [bindingRequest('abcd:efgh', 'password'), bindingRequest(`${'u'.repeat(200)}:e`, 'p')],
      parse: (input) => {
        const request = parseBindingRequest(input);
        if (request !== undefined) verifyRequest(input, request, 'password');
      },
    },
    {
      name: 'DTLS',
      inputs: 2e6,
      valid: [clientHello(), Buffer.from('16fefd0000000000000001000c0e00000000020000000000000000', 'hex')],
      parse: (input) => {
        if (count++ % INPUTS_A_READER === 0) inbound = new DtlsInbound(nothing, nothing, nothing);
        inbound.feed(input);
      },
    },
    {
      name: 'RTP',
      inputs: 2e6,
      valid: [rtp],
      parse: (input) => {
        if (view.wrap(input, 0, input.length) !== undefined) return;
        for (const each of inspect) each(input, view.payloadStart, view.payloadEnd);
        view.extensionStart(1);
      },
    },
    {
      name: 'RTCP',
      inputs: 1e6,
      valid: [report.subarray(0, end)],
      parse: (input) => void readRtcp(input, 0, input.length, visitor),
    },
    { name: 'H.264', inputs: 1e6, valid: [sps], parse: (input) => void parseSps(input) },
    {
      name: 'RTSP',
      inputs: 1e6,
      valid: [announce, frame],
      parse: (input) => {
        if (count++ % INPUTS_A_READER === 0) {
          reader = new RtspMessageReader();
          interleaved = new InterleavedParser(handler);
          interleaved.use(0);
        }
        interleaved.feed(input, 0, input.length);
        for (let at = 0; at < input.length && reader.fault === undefined; ) {
          at = reader.read(input, at, input.length);
          reader.take();
        }
      },
    },
    {
      name: 'SDP',
      inputs: 5e5,
      valid: [offer, description],
      parse: (input) => {
        const text = input.toString('latin1');
        parseRtspSdp(text);
        try {
          parseOffer(text);
        } catch (error) {
          if (!(error instanceof ShardcastError)) throw error;
        }
      },
    },
    {
      name: 'WebSocket',
      inputs: 5e5,
      valid: [join],
      parse: (input) => void parseClientMessage(input.toString('utf8')),
    },
  ];
}

function msOf(parser: Parser, input: Buffer): number {
  const began = performance.now();
  parser.parse(input);
  return performance.now() - began;
}

async function fuzz(parser: Parser, share: number, seeded: Seeded, tally: Tally): Promise<number> {
  const inputs = Math.round(parser.inputs * share);
  for (let i = 0; i < inputs; i++) {
    const chosen = parser.valid[seeded.below(parser.valid.length)] ?? Buffer.alloc(0);
    const input = i % 8 === 0 ? seeded.bytes(seeded.below(64)) : seeded.mutate(chosen);
    const what = () => `${parser.name} ${input.toString('hex').slice(0, 200)}`;
    try {
      if (
        msOf(parser, input) > SLOW_MS &&
        Array.from({ length: TRIES }, () => msOf(parser, input)).every((ms) => ms > SLOW_MS)
      )
        tally.slow.push(what());
    } catch (error) {
      tally.crashes.push(`${what()}: ${error}`);
    }
    if (i % INPUTS_A_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return inputs;
}

/** Whatever comes in, in this process; the server's viewers watch on meanwhile. */
export const PARSER_ATTACKS: readonly Attack[] = [
  {
    id: 'S1',
    goal: '10 million mutated inputs to the parsers: 0 crashes, none over 10 ms, heap growth <= 16 MB',
    async run({ scale: { share } }) {
      setFlagsFromString('--expose-gc');
      const collect: () => void = runInNewContext('gc');
      const seed = Date.now() % 1_000_000;
      const seeded = new Seeded(seed);
      const tally: Tally = { crashes: [], slow: [] };
      const all = await parsers();
      collect();
      const before = process.memoryUsage().heapUsed;
      let inputs = 0;
      for (const parser of all) inputs += await fuzz(parser, share, seeded, tally);
      collect();
      const grownMb = (process.memoryUsage().heapUsed - before) / 1024 / 1024;
      for (const line of [...tally.crashes, ...tally.slow].slice(0, 10)) console.error(line);
      return {
        figure: `${inputs} inputs (seed ${seed}), ${tally.crashes.length} crashes, ${tally.slow.length} slow, heap ${grownMb.toFixed(1)} MB more`,
        isMet: tally.crashes.length === 0 && tally.slow.length === 0 && grownMb <= 16,
      };
    },
  },
];
