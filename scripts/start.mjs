// `npm start [-- config.yml] [-- --key=value]`: installs and builds when needed, then runs the server in this process.
import './ready.mjs';

await import('../packages/signaling/dist/main.js');
