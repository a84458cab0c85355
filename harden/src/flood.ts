import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { sleep } from './attack.ts';

const BATCH_MS = 10;

/** What came of a flood. */
export type FloodResult = {
  readonly sent: number;
  readonly sentBytes: number;
  readonly answers: number;
  readonly answerBytes: number;
};

/** Sends datagrams from many sockets to some ports at a rate, and counts what comes back. */
export async function flood(options: {
  readonly sources: number;
  readonly ports: readonly number[];
  readonly perSecond: number;
  readonly seconds: number;
  readonly datagram: (n: number) => Buffer;
}): Promise<FloodResult> {
  const { sources, ports, perSecond, seconds, datagram } = options;
  let answers = 0;
  let answerBytes = 0;
  const sockets: Socket[] = [];
  for (let i = 0; i < sources; i++) {
    const socket = createSocket('udp4', (message) => {
      answers++;
      answerBytes += message.length;
    });
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    sockets.push(socket);
  }
  let sent = 0;
  let sentBytes = 0;
  const beganMs = performance.now();
  for (let elapsed = 0; elapsed < seconds * 1000; elapsed = performance.now() - beganMs) {
    const due = Math.floor((elapsed / 1000) * perSecond);
    for (; sent < due; sent++) {
      const message = datagram(sent);
      sentBytes += message.length;
      sockets[sent % sockets.length]?.send(message, ports[sent % ports.length] ?? 0, '127.0.0.1');
    }
    await sleep(BATCH_MS);
  }
  await sleep(500); // an answer that is on its way
  for (const socket of sockets) socket.close();
  return { sent, sentBytes, answers, answerBytes };
}
