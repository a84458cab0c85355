import { createServer } from 'node:http';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { MediaStreamTrack, RTCPeerConnection, RTCRtpCodecParameters } from 'werift';

/**
 * The baseline: an SFU as one writes it first with werift as it comes. A peer connection a viewer, NACK and REMB on,
 * report timers a session, every packet through werift's own objects. RTSP comes in by the plainest parser.
 */
const H264 = new RTCRtpCodecParameters({
  mimeType: 'video/H264',
  clockRate: 90_000,
  parameters: 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f',
  rtcpFeedback: [{ type: 'nack' }, { type: 'nack', parameter: 'pli' }, { type: 'ccm', parameter: 'fir' }],
});

const tracks = new Map<string, MediaStreamTrack>();
const connections = new Set<RTCPeerConnection>();

function trackOf(path: string): MediaStreamTrack {
  const track = tracks.get(path) ?? new MediaStreamTrack({ kind: 'video' });
  tracks.set(path, track);
  return track;
}

function receiveRtsp(socket: Socket): void {
  let buffered = Buffer.alloc(0);
  let track: MediaStreamTrack | undefined;
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    buffered = Buffer.concat([buffered, chunk]);
    for (;;) {
      if (buffered[0] === 0x24) {
        if (buffered.length < 4) return;
        const end = 4 + buffered.readUInt16BE(2);
        if (buffered.length < end) return;
        if (buffered[1] === 0) track?.writeRtp(buffered.subarray(4, end));
        buffered = buffered.subarray(end);
        continue;
      }
      const headerEnd = buffered.indexOf('\r\n\r\n');
      if (headerEnd < 0) return;
      const header = buffered.toString('latin1', 0, headerEnd);
      const body = Number(/content-length: (\d+)/i.exec(header)?.[1] ?? 0);
      if (buffered.length < headerEnd + 4 + body) return;
      buffered = buffered.subarray(headerEnd + 4 + body);
      const [method, url = ''] = header.split(' ', 2);
      if (method === 'ANNOUNCE') track = trackOf(new URL(url.replace('rtsp:', 'http:')).pathname.slice(1));
      const transport = /transport: (.*)/i.exec(header)?.[1];
      socket.write(
        [
          'RTSP/1.0 200 OK',
          `CSeq: ${/cseq: (\d+)/i.exec(header)?.[1] ?? 0}`,
          'Session: 1',
          ...(transport === undefined ? [] : [`Transport: ${transport}`]),
          '',
          '',
        ].join('\r\n'),
      );
    }
  });
}

async function subscribe(path: string, offer: string): Promise<string> {
  const connection = new RTCPeerConnection({
    codecs: { video: [H264] },
    iceAdditionalHostAddresses: ['127.0.0.1'],
    iceUseIpv6: false,
    iceServers: [],
  });
  connections.add(connection);
  connection.addTransceiver(trackOf(path), { direction: 'sendonly' });
  await connection.setRemoteDescription({ type: 'offer', sdp: offer });
  await connection.setLocalDescription(await connection.createAnswer());
  return connection.localDescription?.sdp ?? '';
}

const rtsp = createTcpServer(receiveRtsp).listen(0, '127.0.0.1');
const web = createServer((request, response) => {
  let offer = '';
  request.setEncoding('utf8').on('data', (text: string) => {
    offer += text;
  });
  request.on('end', () => {
    subscribe(request.url?.split('/')[1] ?? '', offer).then(
      (answer) => response.writeHead(201, { 'content-type': 'application/sdp' }).end(answer),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
}).listen(0, '127.0.0.1', () => {
  const port = (server: { address(): unknown }) => (server.address() as { port: number }).port;
  console.log(`baseline ready http://127.0.0.1:${port(web)} rtsp://127.0.0.1:${port(rtsp)}`);
});
process.on('SIGTERM', () => process.exit(0));
