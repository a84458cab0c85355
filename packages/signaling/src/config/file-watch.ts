import { statSync } from 'node:fs';

const LOOK_MS = 1000;

/**
 * Tells when a file's content may be another: written, replaced, or a link on its way that leads elsewhere, as a Kubernetes
 * config map is swapped. By looking, because notifications do not come for all of these on all file systems. A file that is still
 * being written is waited for: two looks in a row must see the same.
 */
export class FileWatch {
  readonly #file: string;
  readonly #onChange: () => void;
  readonly #timer: NodeJS.Timeout;
  #told: string;
  #seen: string;

  constructor(file: string, onChange: () => void) {
    this.#file = file;
    this.#onChange = onChange;
    this.#told = identity(file);
    this.#seen = this.#told;
    this.#timer = setInterval(() => this.look(), LOOK_MS).unref();
  }

  /** What the timer does. */
  look(): void {
    const now = identity(this.#file);
    const isSettled = now === this.#seen;
    this.#seen = now;
    // One that is gone is about to come back, or its loss is not a wish.
    if (!isSettled || now === this.#told || now === '') return;
    this.#told = now;
    this.#onChange();
  }

  close(): void {
    clearInterval(this.#timer);
  }
}

function identity(file: string): string {
  try {
    const { dev, ino, size, mtimeNs } = statSync(file, { bigint: true });
    return `${dev} ${ino} ${size} ${mtimeNs}`;
  } catch {
    return '';
  }
}
