/** Who may import whom (ARCHITECTURE.md). */
const PURE = '^packages/(sfu-worker/src/(rtp|forward)|sfu-worker/src/report/rtcp-schedule|signaling/src/placement)/?';
module.exports = {
  forbidden: [
    {
      name: 'shared-imports-neither',
      severity: 'error',
      from: { path: '^packages/shared/' },
      to: { path: '^packages/(sfu-worker|signaling|reader|dashboard|load)/' },
    },
    {
      name: 'worker-never-imports-signaling',
      severity: 'error',
      from: { path: '^packages/sfu-worker/' },
      to: { path: '^packages/(signaling|reader|dashboard|load)/' },
    },
    {
      name: 'signaling-imports-only-the-workers-face',
      severity: 'error',
      from: { path: '^packages/signaling/' },
      to: { path: '^packages/sfu-worker/src/', pathNot: '^packages/sfu-worker/src/index\\.ts$' },
    },
    {
      name: 'load-knows-servers-from-outside',
      comment: 'It shares with the worker what both ends of a session are made of, and nothing else.',
      severity: 'error',
      from: { path: '^packages/load/' },
      to: {
        path: '^packages/(signaling|reader|dashboard|sfu-worker)/',
        pathNot: '^packages/sfu-worker/src/peer\\.ts$',
      },
    },
    {
      name: 'browsers-import-no-server',
      comment: 'The dashboard knows the server by its API and plays by the reader.',
      severity: 'error',
      from: { path: '^packages/(reader|dashboard)/', pathNot: '\\.test\\.tsx?$' },
      to: { path: '^packages/(shared|sfu-worker|signaling|load)/|^node:' },
    },
    {
      name: 'pure-has-no-io',
      comment: 'Bytes, state and time come in as arguments: no socket, timer, clock, thread, werift, pool or logger.',
      severity: 'error',
      from: { path: PURE, pathNot: '\\.test\\.ts$' },
      to: {
        path: '^(node:)?(dgram|net|fs|fs/promises|timers|worker_threads|perf_hooks)$|node_modules/(werift|piscina|pino)',
      },
    },
    {
      name: 'werift-only-in-session',
      severity: 'error',
      from: {
        path: '^packages/',
        pathNot: '^packages/(sfu-worker/((src|test)/session|native/fuzz)|load/src/traffic)/',
      },
      to: { path: 'node_modules/(\\.pnpm/)?(werift|tweetnacl|@fidm|@noble)' },
    },
    {
      name: 'native-only-by-select',
      severity: 'error',
      from: { path: '^packages/', pathNot: 'fastpath/(select|native\\.test)\\.ts$' },
      to: { path: 'fastpath/native\\.ts$' },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '/dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.test.json' },
    enhancedResolveOptions: {
      conditionNames: ['source', 'import', 'node', 'default', 'types'],
      exportsFields: ['exports'],
    },
  },
};
