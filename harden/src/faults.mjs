// Loaded into the attacked server and its threads. SIGUSR2 blocks the main thread for 2 s; SIGWINCH sets the wall clock
// of every thread a day on, and the next one a day back.
import { isMainThread } from 'node:worker_threads';

const BLOCKED_MS = 2000;
const JUMP_MS = 24 * 3_600_000;

let offsetMs = 0;
const wallClock = Date.now;
Date.now = () => wallClock() + offsetMs;
const jumps = new BroadcastChannel('clock-jumps');
jumps.unref();
jumps.onmessage = ({ data }) => {
  offsetMs = data;
};

if (isMainThread) {
  process.on('SIGUSR2', () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BLOCKED_MS));
  process.on('SIGWINCH', () => {
    offsetMs = offsetMs > 0 ? -JUMP_MS : JUMP_MS;
    jumps.postMessage(offsetMs);
  });
}
