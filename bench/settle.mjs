// Loaded into a Node server whose memory is measured, and its threads: on SIGUSR2 each collects its garbage. With
// SETTLE_LOG in the environment each then says what it holds, on stderr.
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isMainThread, threadId } from 'node:worker_threads';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc');
const channel = new BroadcastChannel('settle');
channel.unref();
channel.onmessage = () => collect();
if (isMainThread) {
  process.on('SIGUSR2', () => {
    channel.postMessage('collect');
    collect();
  });
}

function collect() {
  gc();
  if (process.env.SETTLE_LOG === undefined) return;
  const { used_heap_size, total_heap_size, malloced_memory, external_memory } = getHeapStatistics();
  const { rss, arrayBuffers } = process.memoryUsage();
  const inKb = Object.entries({
    used_heap_size,
    total_heap_size,
    malloced_memory,
    external_memory,
    arrayBuffers,
    rss,
  }).map(([name, bytes]) => `${name} ${Math.round(bytes / 1024)}`);
  console.error(`thread ${threadId}: ${inKb.join(', ')} KB`);
}
