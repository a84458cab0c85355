import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type FrameCarrier, FrameSource, overSrtp, overTcp, overUdp } from './frame-source.ts';
import { PAYLOAD_TYPE, SPROP } from './packets.ts';
import { describePeer } from './peer-description.ts';
import { PeerSocket } from './peer-socket.ts';
import { exchange } from './signalling.ts';

/** A synthetic camera that sends by itself; for those that wait to be dialled see `PullCameras`. */
export class Camera {
  readonly frames: FrameSource;
  readonly #close: () => void;

  /** Publishes by RTSP, its media over the same connection or over UDP. */
  static async publish(rtsp: string, path: string, ordinal: number, lower: 'tcp' | 'udp' = 'tcp'): Promise<Camera> {
    const { hostname, port } = new URL(rtsp.replace('rtsp:', 'http:'));
    const socket = connect(Number(port), hostname);
    socket.setNoDelay(true);
    await once(socket, 'connect');
    const url = `${rtsp}/${path}`;
    const sdp = [
      'v=0',
      'o=- 0 0 IN IP4 127.0.0.1',
      's=-',
      'c=IN IP4 127.0.0.1',
      't=0 0',
      `m=video 0 RTP/AVP ${PAYLOAD_TYPE}`,
      `a=rtpmap:${PAYLOAD_TYPE} H264/90000`,
      `a=fmtp:${PAYLOAD_TYPE} packetization-mode=1;profile-level-id=42C01E;sprop-parameter-sets=${SPROP}`,
      'a=control:streamid=0',
      '',
    ].join('\r\n');
    const ask = requester(socket);
    await ask('ANNOUNCE', url, ['Content-Type: application/sdp', `Content-Length: ${sdp.length}`], sdp);
    const pair = lower === 'udp' ? await bindPair() : undefined;
    const wanted =
      pair === undefined
        ? 'RTP/AVP/TCP;unicast;interleaved=0-1;mode=record'
        : `RTP/AVP/UDP;unicast;client_port=${pair.port}-${pair.port + 1};mode=record`;
    const setup = await ask('SETUP', `${url}/streamid=0`, [`Transport: ${wanted}`]);
    const session = /session:\s*([^;\r\n]+)/i.exec(setup)?.[1] ?? '';
    await ask('RECORD', url, [`Session: ${session}`, 'Range: npt=0.000-']);
    socket.on('data', () => {}); // RTCP comes back
    socket.on('error', () => {});
    const serverPort = Number(/server_port=(\d+)/.exec(setup)?.[1]);
    const carrier = pair === undefined ? overTcp(socket) : overUdp(pair.rtp, serverPort, hostname);
    return new Camera(carrier, ordinal, () => {
      pair?.close();
      socket.destroy();
    });
  }

  /** Publishes by WHIP. */
  static async whip(web: string, path: string, ordinal: number): Promise<Camera> {
    const peer = await PeerSocket.open([1]);
    const { remote } = await exchange(`${web}/${path}/whip`, describePeer(peer, 'sendonly', 'actpass'));
    const keys = await peer.connect(remote);
    return new Camera(
      overSrtp(keys, (datagram) => peer.send(datagram)),
      ordinal,
      () => peer.close(),
    );
  }

  /** Sends plain RTP to a port of this machine. */
  static plain(port: number, ordinal: number): Camera {
    const socket = createSocket('udp4');
    return new Camera(overUdp(socket, port, '127.0.0.1'), ordinal, () => socket.close());
  }

  private constructor(carrier: FrameCarrier, ordinal: number, close: () => void) {
    this.frames = new FrameSource(carrier, ordinal);
    this.#close = close;
  }

  close(): void {
    this.#close();
  }
}

/** RTP on an even port, RTCP, which is not read, on the next (RFC 3550 §11). */
async function bindPair() {
  for (;;) {
    const [rtp, rtcp] = [createSocket('udp4'), createSocket('udp4')];
    try {
      rtp.bind(0, '127.0.0.1');
      await once(rtp, 'listening');
      const { port } = rtp.address();
      if (port % 2 !== 0) throw new Error('an odd port');
      rtcp.bind(port + 1, '127.0.0.1');
      await once(rtcp, 'listening');
      const close = () => {
        rtp.close();
        rtcp.close();
      };
      return { port, rtp, close };
    } catch {
      rtp.close();
      rtcp.close();
    }
  }
}

function requester(socket: Socket): (method: string, url: string, headers: string[], body?: string) => Promise<string> {
  let cseq = 0;
  return async (method, url, headers, body = '') => {
    const request = [`${method} ${url} RTSP/1.0`, `CSeq: ${++cseq}`, ...headers, '', body].join('\r\n');
    socket.write(request);
    let answer = '';
    while (!answer.includes('\r\n\r\n')) {
      const [chunk] = (await once(socket, 'data')) as [Buffer];
      answer += chunk.toString('latin1');
    }
    if (!answer.startsWith('RTSP/1.0 200')) throw new Error(`${method}: ${answer.split('\r\n', 1)[0]}`);
    return answer;
  };
}
