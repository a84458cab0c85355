import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { headerOf } from '@shardcast/shared';
import { type FrameCarrier, FrameSource, overSrtp, overTcp, overUdp } from './frame-source.ts';
import { PAYLOAD_TYPE, SPROP } from './packets.ts';
import { describePeer } from './peer-description.ts';
import { PeerSocket } from './peer-socket.ts';
import { RtspConnection } from './rtsp-connection.ts';
import { exchange } from './signalling.ts';

const SDP = [
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

/** What a camera is, beside where it publishes. */
export type CameraOptions = {
  /** Tells cameras apart, and shifts their keyframes. */
  readonly ordinal: number;
  /** As `FrameWriter` takes it. */
  readonly packetsOfFrame?: readonly number[];
  /** It is gone from the server, which closed its connection. By RTSP only. */
  readonly onLost?: () => void;
};

/** How a camera gets into a server by WHIP. */
export type WhipEntry = {
  /** As `Credentials` has it. */
  readonly authorization?: string | undefined;
  /** As `PeerSocket.open` takes it. */
  readonly bindAddress?: string;
  /** Offered; the server learns others from checks. */
  readonly localAddress?: string;
};

/** A synthetic camera that sends by itself. */
export class Camera {
  readonly frames: FrameSource;
  readonly #close: () => void;
  readonly #hangUp: () => Promise<void>;

  /**
   * Publishes by RTSP, its media over the same connection or over UDP.
   * @throws RefusedError
   */
  static async publish(url: string, options: CameraOptions, lower: 'tcp' | 'udp' = 'tcp'): Promise<Camera> {
    const connection = await RtspConnection.open(url);
    const { socket } = connection;
    const { uri, host } = connection.url;
    const pair = lower === 'udp' ? await bindPair() : undefined;
    let isClosed = false;
    const close = () => {
      isClosed = true;
      pair?.close();
      socket.destroy();
    };
    try {
      await connection.ask('ANNOUNCE', uri, [['content-type', 'application/sdp']], SDP);
      const wanted =
        pair === undefined
          ? 'RTP/AVP/TCP;unicast;interleaved=0-1;mode=record'
          : `RTP/AVP/UDP;unicast;client_port=${pair.port}-${pair.port + 1};mode=record`;
      const setup = await connection.ask('SETUP', `${uri}/streamid=0`, [['transport', wanted]]);
      const session = RtspConnection.sessionOf(setup);
      await connection.ask('RECORD', uri, [
        ['session', session],
        ['range', 'npt=0.000-'],
      ]);
      socket.once('close', () => {
        if (!isClosed) options.onLost?.();
      });
      const serverPort = Number(/server_port=(\d+)/.exec(headerOf(setup, 'transport') ?? '')?.[1]);
      return new Camera(pair === undefined ? overTcp(socket) : overUdp(pair.rtp, serverPort, host), options, close);
    } catch (error) {
      close();
      throw error;
    }
  }

  /**
   * Publishes by WHIP.
   * @throws RefusedError, or Error for a connection that cannot be made
   */
  static async whip(url: string, options: CameraOptions, entry: WhipEntry = {}): Promise<Camera> {
    const { authorization, bindAddress, localAddress } = entry;
    const peer = await PeerSocket.open([1], bindAddress);
    try {
      const address = localAddress === undefined ? {} : { address: localAddress };
      const { remote, hangUp } = await exchange(url, describePeer(peer, 'sendonly', 'actpass', address), {
        authorization,
      });
      const keys = await peer.connect(remote);
      const carrier = overSrtp(keys, (datagram) => peer.send(datagram));
      return new Camera(carrier, options, () => peer.close(), hangUp);
    } catch (error) {
      peer.close();
      throw error;
    }
  }

  /** Sends plain RTP to a port of this machine. */
  static plain(port: number, ordinal: number): Camera {
    const socket = createSocket('udp4');
    return new Camera(overUdp(socket, port, '127.0.0.1'), { ordinal }, () => socket.close());
  }

  private constructor(
    carrier: FrameCarrier,
    { ordinal, packetsOfFrame }: CameraOptions,
    close: () => void,
    hangUp: () => Promise<void> = async () => {},
  ) {
    this.frames = new FrameSource(carrier, ordinal, packetsOfFrame);
    this.#close = close;
    this.#hangUp = hangUp;
  }

  /** Goes without a word. */
  close(): void {
    this.#close();
  }

  /** Tells the server first. */
  async leave(): Promise<void> {
    await this.#hangUp().catch(() => {});
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
