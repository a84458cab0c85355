// A thread that shakes hands with itself until it is ended.
import { createRequire } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';

const { addon: path, certPem, keyPem, digest } = workerData;
const addon = createRequire(import.meta.url)(path);
const context = new addon.DtlsContext(certPem, keyPem);
const make = (/** @type {boolean} */ isServer) => new addon.DtlsHandshake(context, isServer, [7], 'sha-256', digest);
for (let n = 1; ; n++) {
  const pair = [make(false), make(true)];
  pair[0].start();
  for (let turn = 0; turn < 6; turn++) {
    const [from, to] = [pair[turn % 2], pair[(turn + 1) % 2]];
    for (let datagram = from.take(); datagram !== undefined; datagram = from.take())
      to.feed(datagram, 0, datagram.length);
  }
  if (pair[1].keys() === undefined) throw new Error(pair[1].reason());
  if (n === 3) parentPort?.postMessage('works');
}
