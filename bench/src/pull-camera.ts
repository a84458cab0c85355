import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { FrameSource, overTcp, PAYLOAD_TYPE, SPROP } from '@shardcast/load';

/** All cameras that are pulled: one RTSP server, a path each. */
export class PullCameras {
  readonly #server: Server;
  readonly #playing = new Map<string, { socket: Socket; frames: FrameSource }>();

  static async listen(): Promise<PullCameras> {
    const cameras = new PullCameras();
    cameras.#server.listen(0, '127.0.0.1');
    await once(cameras.#server, 'listening');
    return cameras;
  }

  private constructor() {
    this.#server = createServer((socket) => this.#serve(socket));
  }

  url(path: string): string {
    return `rtsp://127.0.0.1:${(this.#server.address() as AddressInfo).port}/${path}`;
  }

  get playing(): number {
    return this.#playing.size;
  }

  /** Undefined while nobody pulls it. */
  frames(path: string): FrameSource | undefined {
    return this.#playing.get(path)?.frames;
  }

  close(): void {
    for (const { socket } of this.#playing.values()) socket.destroy();
    this.#server.close();
  }

  #serve(socket: Socket): void {
    socket.setNoDelay(true);
    socket.on('error', () => {});
    let text = '';
    socket.on('data', (chunk) => {
      if (chunk[0] === 0x24) return; // RTCP
      text += chunk.toString('latin1');
      for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
        const request = text.slice(0, end);
        text = text.slice(end + 4);
        this.#answer(socket, request);
      }
    });
  }

  #answer(socket: Socket, request: string): void {
    const [method = '', url = ''] = request.split(' ', 2);
    const path = new URL(url.replace('rtsp:', 'http:')).pathname.split('/')[1] ?? '';
    const headers: string[] = [];
    let body = '';
    if (method === 'OPTIONS') headers.push('Public: OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN');
    if (method === 'SETUP') headers.push('Transport: RTP/AVP/TCP;unicast;interleaved=0-1', 'Session: 1;timeout=60');
    if (method === 'PLAY') headers.push('Session: 1');
    if (method === 'DESCRIBE') {
      body = [
        'v=0',
        'o=- 0 0 IN IP4 127.0.0.1',
        's=-',
        'c=IN IP4 0.0.0.0',
        't=0 0',
        'a=control:*',
        `m=video 0 RTP/AVP ${PAYLOAD_TYPE}`,
        `a=rtpmap:${PAYLOAD_TYPE} H264/90000`,
        `a=fmtp:${PAYLOAD_TYPE} packetization-mode=1;profile-level-id=42C01E;sprop-parameter-sets=${SPROP}`,
        'a=control:streamid=0',
        '',
      ].join('\r\n');
      headers.push('Content-Type: application/sdp', `Content-Base: ${url}/`);
    }
    const cseq = /cseq:\s*(\d+)/i.exec(request)?.[1] ?? '0';
    headers.push(`Content-Length: ${body.length}`);
    socket.write(['RTSP/1.0 200 OK', `CSeq: ${cseq}`, ...headers, '', body].join('\r\n'));
    const ordinal = Number(/\d+$/.exec(path)?.[0] ?? 0);
    if (method === 'PLAY') this.#playing.set(path, { socket, frames: new FrameSource(overTcp(socket), ordinal) });
  }
}
