import { fileURLToPath } from 'node:url';

/** One script and one style sheet, with relative addresses, so that the page works behind any prefix. */
export default {
  root: import.meta.dirname,
  base: './',
  // The sources, since this is built beside them.
  resolve: { alias: { '@shardcast/reader': fileURLToPath(new URL('../reader/src/index.ts', import.meta.url)) } },
  build: {
    target: 'es2022',
    reportCompressedSize: false,
    modulePreload: { polyfill: false },
    rolldownOptions: { output: { codeSplitting: false } },
  },
};
