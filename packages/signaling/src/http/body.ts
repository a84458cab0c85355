import type { IncomingMessage } from 'node:http';
import { ShardcastError } from '@shardcast/shared';

/**
 * Reads a text body of a known type. It stops at the limit rather than read the rest, and takes no compressed bodies:
 * a small one could hold a large one.
 * @throws ShardcastError UNSUPPORTED_MEDIA_TYPE, BODY_TOO_LARGE, BAD_REQUEST (the client broke off)
 */
export async function readText(req: IncomingMessage, contentType: string, limitBytes: number): Promise<string> {
  const [type = '', ...parameters] = (req.headers['content-type'] ?? '')
    .split(';')
    .map((part) => part.trim().toLowerCase());
  if (type !== contentType) throw new ShardcastError('UNSUPPORTED_MEDIA_TYPE', `expected ${contentType}`);
  const charset = parameters.find((parameter) => parameter.startsWith('charset='))?.slice('charset='.length);
  if (charset !== undefined && !['utf-8', '"utf-8"', 'utf8', 'us-ascii'].includes(charset))
    throw new ShardcastError('UNSUPPORTED_MEDIA_TYPE', 'expected UTF-8');
  return (await readBytes(req, limitBytes)).toString('utf8');
}

/**
 * Reads a body of any type, as above.
 * @throws ShardcastError UNSUPPORTED_MEDIA_TYPE (compressed), BODY_TOO_LARGE, BAD_REQUEST
 */
export async function readBytes(req: IncomingMessage, limitBytes: number): Promise<Buffer> {
  const encoding = req.headers['content-encoding']?.toLowerCase() ?? 'identity';
  if (encoding !== 'identity') throw new ShardcastError('UNSUPPORTED_MEDIA_TYPE', 'expected an uncompressed body');

  const chunks: Buffer[] = [];
  let bytes = 0;
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      req.off('data', onData).off('end', onEnd).off('close', onBrokenOff).off('error', onBrokenOff);
    };
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes <= limitBytes) chunks.push(chunk);
      else {
        settle();
        req.pause();
        reject(new ShardcastError('BODY_TOO_LARGE', `at most ${limitBytes} bytes`));
      }
    };
    const onEnd = (): void => {
      settle();
      resolve(Buffer.concat(chunks, bytes));
    };
    const onBrokenOff = (): void => {
      settle();
      reject(new ShardcastError('BAD_REQUEST', 'the body was broken off'));
    };
    req.on('data', onData).on('end', onEnd).on('close', onBrokenOff).on('error', onBrokenOff);
  });
}
