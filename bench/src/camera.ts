import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { FrameSocket } from './frame-socket.ts';
import { PAYLOAD_TYPE, SPROP } from './packets.ts';

/** A synthetic camera that publishes by RTSP over TCP. */
export class Camera {
  readonly frames: FrameSocket;
  readonly #socket: Socket;

  static async publish(rtsp: string, path: string, ordinal: number): Promise<Camera> {
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
    const setup = await ask('SETUP', `${url}/streamid=0`, [
      'Transport: RTP/AVP/TCP;unicast;interleaved=0-1;mode=record',
    ]);
    const session = /session:\s*([^;\r\n]+)/i.exec(setup)?.[1] ?? '';
    await ask('RECORD', url, [`Session: ${session}`, 'Range: npt=0.000-']);
    socket.on('data', () => {}); // RTCP comes back
    socket.on('error', () => {});
    return new Camera(socket, ordinal);
  }

  private constructor(socket: Socket, ordinal: number) {
    this.#socket = socket;
    this.frames = new FrameSocket(socket, ordinal);
  }

  close(): void {
    this.#socket.destroy();
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
