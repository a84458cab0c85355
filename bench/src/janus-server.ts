import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { PAYLOAD_TYPE, SPROP } from '@shardcast/load';
import type { ServerOptions } from './contenders.ts';
import { ServerProcess } from './server-process.ts';
import type { ServerUnderTest } from './server-under-test.ts';

/** Where Debian's package has it. */
export const JANUS = '/usr/bin/janus';
const SETTLE_MS = 3000;

/** Janus with its streaming plugin: a mountpoint a stream, which takes plain RTP, and its HTTP API. */
export async function startJanus({ processors, streams }: ServerOptions): Promise<ServerUnderTest> {
  const folder = fileURLToPath(new URL('../results/janus', import.meta.url));
  mkdirSync(folder, { recursive: true });
  const httpPort = await freeTcpPort();
  const ports = await freeUdpPorts(streams);
  writeFileSync(`${folder}/janus.jcfg`, general(folder));
  writeFileSync(
    `${folder}/janus.transport.http.jcfg`,
    `general: { json = "compact", base_path = "/janus", http = true, port = ${httpPort}, ip = "127.0.0.1", https = false }
admin: { admin_http = false }\n`,
  );
  writeFileSync(`${folder}/janus.plugin.streaming.jcfg`, ports.map(mountpoint).join(''));
  const command = [JANUS, '-F', folder, '-C', `${folder}/janus.jcfg`];
  const server = await ServerProcess.start(command, processors, /HTTP webserver started/);
  const api = `http://127.0.0.1:${httpPort}/janus`;
  return {
    pid: server.pid,
    web: '',
    rtsp: '',
    plainPort: (camera) => ports[camera] ?? 0,
    viewerUrl: (camera) => `janus+${api}#${camera + 1}`,
    settle: () => new Promise((resolve) => setTimeout(resolve, SETTLE_MS)),
    stop: () => server.stop(),
  };
}

function general(folder: string): string {
  return `general: {
  configs_folder = "${folder}"
  debug_level = 4
}
nat: { ice_lite = true, ice_ignore_list = "vmnet" }
plugins: {
  disable = "libjanus_audiobridge.so,libjanus_duktape.so,libjanus_echotest.so,libjanus_lua.so,libjanus_nosip.so,libjanus_recordplay.so,libjanus_sip.so,libjanus_textroom.so,libjanus_videocall.so,libjanus_videoroom.so,libjanus_voicemail.so"
}
transports: { disable = "libjanus_mqtt.so,libjanus_nanomsg.so,libjanus_pfunix.so,libjanus_rabbitmq.so,libjanus_websockets.so" }
`;
}

function mountpoint(port: number, camera: number): string {
  return `cam${camera}: {
  type = "rtp"
  id = ${camera + 1}
  audio = false
  video = true
  videoport = ${port}
  videoiface = "127.0.0.1"
  videopt = ${PAYLOAD_TYPE}
  videocodec = "h264"
  videofmtp = "profile-level-id=42e01f;packetization-mode=1;sprop-parameter-sets=${SPROP}"
}
`;
}

async function freeTcpPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function freeUdpPorts(count: number): Promise<number[]> {
  const sockets = Array.from({ length: count }, () => createSocket('udp4').bind(0, '127.0.0.1'));
  await Promise.all(sockets.map((socket) => once(socket, 'listening')));
  const ports = sockets.map((socket) => socket.address().port);
  await Promise.all(sockets.map((socket) => once(socket.close(), 'close')));
  return ports;
}
