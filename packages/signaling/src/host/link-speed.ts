import { readFileSync } from 'node:fs';

/** Bits a second of the interface that the default route goes by; undefined where the system does not tell (most virtual ones). */
export function linkBitrate(
  readFile: (file: string) => string = (file) => readFileSync(file, 'utf8'),
): number | undefined {
  try {
    const routes = readFile('/proc/net/route').split('\n').slice(1);
    const [name] = routes.map((line) => line.split('\t')).find(([, destination]) => destination === '00000000') ?? [];
    const megabits = Number(readFile(`/sys/class/net/${name}/speed`).trim());
    return megabits > 0 ? megabits * 1e6 : undefined;
  } catch {
    return undefined;
  }
}
