import { ShardcastError } from '@shardcast/shared';
import { pathNameFault } from '@shardcast/shared/config';

/** The URL's path, decoded. @throws ShardcastError PATH_INVALID when its percent-encoding is broken */
export function decodedPath(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch (cause) {
    throw new ShardcastError('PATH_INVALID', 'the URL is not valid percent-encoding', { cause });
  }
}

/** @throws ShardcastError PATH_INVALID unless `name` can name a stream */
export function checkPathName(name: string): string {
  const fault = pathNameFault(name);
  if (fault !== undefined) throw new ShardcastError('PATH_INVALID', fault);
  return name;
}
