import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename } from 'node:path';
import { ShardcastError } from '@shardcast/shared';
import { ConfigChange, foldChanges } from '@shardcast/shared/config';

/** More lines than this are written anew, as few as do the same, when the journal is opened. */
const MAX_LINES = 1000;

/**
 * The changes that the API made, beside the configuration's own file, which stays as it was written: a line of JSON each,
 * on the disk before it takes effect. May hold secrets: only its owner reads it.
 */
export class ConfigJournal {
  readonly #file: string | undefined;
  #changes: readonly ConfigChange[];
  /** Length of the lines that are whole, bytes. */
  #length: number;

  private constructor(file: string | undefined, changes: readonly ConfigChange[], length: number) {
    this.#file = file;
    this.#changes = changes;
    this.#length = length;
  }

  /**
   * Reads what is there. A last line that is not whole was being written when the process ended: it never took effect.
   * @param file undefined for a journal that ends with the process
   * @throws ShardcastError CONFIG_INVALID naming the line, when another one cannot be read
   */
  static open(file: string | undefined): ConfigJournal {
    if (file === undefined) return new ConfigJournal(undefined, [], 0);
    const text = readIfThere(file);
    const end = text.lastIndexOf('\n') + 1;
    const lines = text.slice(0, end).split('\n').slice(0, -1);
    const changes = lines.map((line, index) => parseLine(line, `${basename(file)}:${index + 1}`));
    const journal = new ConfigJournal(file, changes, Buffer.byteLength(text.slice(0, end)));
    if (lines.length > MAX_LINES) journal.#compact(file);
    return journal;
  }

  get changes(): readonly ConfigChange[] {
    return this.#changes;
  }

  /**
   * Writes a change down.
   * @returns takes it back, should it not take effect
   * @throws ShardcastError CONFIG_NOT_SAVED
   */
  append(change: ConfigChange, now: Date): () => void {
    const line = Buffer.from(`${JSON.stringify({ at: now.toISOString(), ...change })}\n`);
    const before = { changes: this.#changes, length: this.#length };
    this.#write(before.length, line);
    this.#changes = [...before.changes, change];
    this.#length = before.length + line.length;
    return () => {
      this.#write(before.length, Buffer.alloc(0));
      this.#changes = before.changes;
      this.#length = before.length;
    };
  }

  /** Cuts the file at `length` and adds `bytes`. */
  #write(length: number, bytes: Buffer): void {
    const file = this.#file;
    if (file === undefined) return;
    let fd: number | undefined;
    try {
      fd = openSync(file, 'a', 0o600);
      if (fstatSync(fd).size > length) ftruncateSync(fd, length);
      writeSync(fd, bytes);
      fsyncSync(fd);
    } catch (cause) {
      throw notSaved(file, cause);
    } finally {
      if (fd !== undefined) closeSync(fd);
    }
  }

  #compact(file: string): void {
    const changes = foldChanges(this.#changes);
    const text = changes.map((change) => `${JSON.stringify(change)}\n`).join('');
    const temporary = `${file}.new`;
    try {
      writeFileSync(temporary, text, { mode: 0o600, flush: true });
      renameSync(temporary, file);
    } catch {
      return; // a long journal is as good as a short one
    }
    this.#changes = changes;
    this.#length = Buffer.byteLength(text);
  }
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return '';
    throw new ShardcastError('CONFIG_INVALID', `${file}: cannot be read`, { cause });
  }
}

function parseLine(line: string, at: string): ConfigChange {
  let written: unknown;
  try {
    written = JSON.parse(line);
  } catch (cause) {
    throw new ShardcastError('CONFIG_INVALID', `${at}: is not JSON`, { cause });
  }
  const { at: _, ...change } =
    typeof written === 'object' && written !== null ? { at: undefined, ...written } : { at: undefined };
  const parsed = ConfigChange.safeParse(change);
  if (!parsed.success) throw new ShardcastError('CONFIG_INVALID', `${at}: is no change that this version knows`);
  return parsed.data;
}

function notSaved(file: string, cause: unknown): ShardcastError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'it cannot be written';
  return new ShardcastError('CONFIG_NOT_SAVED', `${basename(file)}: ${code}`, { cause });
}
