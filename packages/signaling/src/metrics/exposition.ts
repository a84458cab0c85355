/** Prometheus's text format, version 0.0.4. */
export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

const CHUNK_LENGTH = 32 * 1024;

export type MetricType = 'counter' | 'gauge' | 'histogram';
/** Writes one sample. `labels` as `labelText` makes them. `suffix` is of histograms. */
export type Write = (labels: string, value: number, suffix?: '_bucket' | '_sum' | '_count') => void;

/**
 * Metrics whose samples are read when scraped. They are in shared memory and in maps already, so nothing is kept here, and
 * ten thousand samples are written as text in a few ms.
 */
export class Exposition {
  readonly #metrics: { readonly name: string; readonly head: string; readonly read: (write: Write) => void }[] = [];

  /** @param read calls its argument once a sample */
  add(type: MetricType, name: string, help: string, read: (write: Write) => void): void {
    this.#metrics.push({ name, head: `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`, read });
  }

  /** UTF-8. */
  bytes(): Buffer {
    const chunks: Buffer[] = [];
    let text = '';
    for (const { name, head, read } of this.#metrics) {
      text += head;
      read((labels, value, suffix) => {
        text += `${suffix === undefined ? name : name + suffix}${labels} ${value}\n`;
        // A string of a megabyte, put together from small ones, is slow to turn into bytes.
        if (text.length < CHUNK_LENGTH) return;
        chunks.push(Buffer.from(text));
        text = '';
      });
    }
    chunks.push(Buffer.from(text));
    return Buffer.concat(chunks);
  }
}

/** `{worker="0",path="cam"}`; values escaped. */
export function labelText(labels: Readonly<Record<string, string | number>>): string {
  const parts: (string | number)[] = [];
  for (const [key, value] of Object.entries(labels)) {
    parts.push(parts.length === 0 ? '{' : ',', key, '="', typeof value === 'number' ? value : escapeValue(value), '"');
  }
  if (parts.length > 0) parts.push('}');
  return parts.join(''); // one piece: it is written for each metric
}

function escapeValue(value: string): string {
  return /[\\"\n]/.test(value) ? value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n') : value;
}
