import { createHash } from 'node:crypto';
import { type FSWatcher, readFileSync, watch } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import { ShardcastError } from '@shardcast/shared';
import type { LineLog } from '../logging/limited-log.ts';

/** Tools write key and certificate one after the other. */
const SETTLE_MS = 500;
/** File systems that tell nobody of changes are looked at this often. */
const POLL_MS = 60_000;

const UNREADABLE = 'cannot be read';

/** PEM. */
export type KeyPair = { readonly key: Buffer; readonly cert: Buffer };

export type CertificateFilesOptions = {
  /** Relative to `directory`. */
  readonly key: string;
  readonly cert: string;
  readonly directory: string;
  readonly log: LineLog;
};

/**
 * A private key and its certificate in files, read again when they change: renewed certificates, and symbolic links that
 * are swapped, as Kubernetes does. New ones that do not fit each other are said in the log and not taken.
 */
export class CertificateFiles {
  readonly #files: readonly [key: string, cert: string];
  readonly #log: LineLog;
  readonly #watchers: FSWatcher[];
  readonly #poll: NodeJS.Timeout;
  readonly #listeners = new Set<(pair: KeyPair) => void>();
  #pair: KeyPair;
  /** Of what was read last, taken or not: a fault is said once. */
  #seen: string;
  /** Why it could not be read when it was last looked at. */
  #unreadable: string | undefined;
  #settling: NodeJS.Timeout | undefined;

  /** @throws ShardcastError CONFIG_INVALID when they cannot be read or do not fit each other */
  constructor({ key, cert, directory, log }: CertificateFilesOptions) {
    this.#files = [resolve(directory, key), resolve(directory, cert)];
    this.#log = log;
    this.#pair = fitting(this.#read(), this.#files[1]);
    this.#seen = digestOf(this.#pair);
    // Directories, since a file that is replaced is another file.
    this.#watchers = [...new Set(this.#files.map((file) => dirname(file)))].flatMap((folder) => this.#watch(folder));
    this.#poll = setInterval(() => this.check(), POLL_MS);
    this.#poll.unref();
  }

  get pair(): KeyPair {
    return this.#pair;
  }

  /** @param listener gets what is valid from then on */
  onChange(listener: (pair: KeyPair) => void): void {
    this.#listeners.add(listener);
  }

  /** Looks at the files now. Never throws. */
  check(): void {
    try {
      const pair = this.#read();
      this.#unreadable = undefined;
      const digest = digestOf(pair);
      if (digest === this.#seen) return;
      this.#seen = digest;
      this.#pair = fitting(pair, this.#files[1]);
      for (const listener of this.#listeners) listener(pair);
      this.#log.info({ cert: this.#files[1] }, 'certificate read again');
    } catch (error) {
      const reason = error instanceof ShardcastError ? error.message : 'unknown';
      if (reason === this.#unreadable) return;
      if (isUnreadable(error)) this.#unreadable = reason;
      this.#log.error({ cert: this.#files[1], reason }, 'certificate not read again: the one before stays in use');
    }
  }

  close(): void {
    for (const watcher of this.#watchers) watcher.close();
    clearInterval(this.#poll);
    clearTimeout(this.#settling);
  }

  #watch(folder: string): FSWatcher[] {
    try {
      const watcher = watch(folder, { persistent: false }, () => {
        this.#settling ??= setTimeout(() => {
          this.#settling = undefined;
          this.check();
        }, SETTLE_MS).unref();
      });
      watcher.on('error', () => watcher.close());
      return [watcher];
    } catch {
      return []; // the poll is slower and needs no support
    }
  }

  #read(): KeyPair {
    const [key, cert] = this.#files.map((file) => {
      try {
        return readFileSync(file);
      } catch (cause) {
        throw new ShardcastError('CONFIG_INVALID', `${file}: ${UNREADABLE}`, { cause });
      }
    });
    if (key === undefined || cert === undefined) throw new TypeError('two files were read');
    return { key, cert };
  }
}

function isUnreadable(error: unknown): boolean {
  return error instanceof ShardcastError && error.message.endsWith(UNREADABLE);
}

function fitting(pair: KeyPair, cert: string): KeyPair {
  try {
    createSecureContext({ ...pair });
    return pair;
  } catch (cause) {
    throw new ShardcastError('CONFIG_INVALID', `${cert}: no certificate, or not one of its key`, { cause });
  }
}

function digestOf({ key, cert }: KeyPair): string {
  return createHash('sha256').update(key).update('\0').update(cert).digest('base64');
}
