import { ControlEnvelope, ShardcastError, toWireError, type WorkerBoot, type WorkerEvent } from '@shardcast/shared';
import { ShardWorker } from './worker.ts';

export { makeCertificate } from './session/dtls/certificate.ts';

/** The pool's task: a port in, sessions out. Settles only when the port closes (design: one endless task a shard). */
export default async function run(boot: WorkerBoot): Promise<void> {
  const { port } = boot;
  const post = (event: WorkerEvent): void => port.postMessage(event);
  const worker = await ShardWorker.start(boot, post);

  await new Promise<void>((resolve) => {
    port.on('message', (message: unknown) => {
      const parsed = ControlEnvelope.safeParse(message);
      if (!parsed.success) {
        const id = typeof message === 'object' && message !== null && 'id' in message ? message.id : undefined;
        const error = new ShardcastError('BAD_REQUEST', `malformed request: ${parsed.error.message}`);
        if (typeof id === 'number') port.postMessage({ reply: id, error: toWireError(error) });
        return;
      }
      const { id, request } = parsed.data;
      worker.handle(request).then(
        (ok) => {
          port.postMessage({ reply: id, ok });
          if (request.type === 'stop') port.close();
        },
        (error: unknown) => port.postMessage({ reply: id, error: toWireError(error) }),
      );
    });
    port.on('close', resolve);
  });
  worker.close();
}
