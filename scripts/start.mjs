// `npm start [-- config.yml] [-- --key=value]`: installs and builds when needed, then runs the server in this process.
import './ready.mjs';

/** How soon the server notices that npm was told to end. */
const PARENT_CHECK_MS = 250;

// npm passes a signal on to the shell between us, which dies of it without a word: then we are told by a new parent.
const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, 'SIGTERM');
}, PARENT_CHECK_MS).unref();

await import('../packages/signaling/dist/main.js');
