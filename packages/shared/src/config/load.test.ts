import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ShardcastError } from '../errors.ts';
import { loadConfig } from './load.ts';
import { parseArguments } from './overrides.ts';
import { ConfigSchema } from './schema.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'shardcast-config-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function load(
  file: string | undefined,
  args: string[] = [],
  environment: Record<string, string> = {},
  name = 'shardcast.yml',
) {
  if (file !== undefined) writeFileSync(join(directory, name), file);
  return loadConfig({
    arguments: args,
    environment,
    workingDirectory: directory,
    demoClip: '/clips/demo.h264',
    directories: [directory],
  });
}

function faults(...parameters: Parameters<typeof load>): string[] {
  try {
    load(...parameters);
  } catch (error) {
    expect(error).toBeInstanceOf(ShardcastError);
    if (error instanceof ShardcastError) {
      expect(error.code).toBe('CONFIG_INVALID');
      return error.message.split('\n');
    }
  }
  throw new Error('it was accepted');
}

test('without a file there is the demo, and every other path is admitted', () => {
  const { config, file } = load(undefined);
  expect(file).toBeUndefined();
  expect(config.paths).toEqual({ demo: { source: 'file:/clips/demo.h264' }, all_others: {} });
  expect(config).toEqual(ConfigSchema.parse({ paths: config.paths }));
});

test('an empty file is all defaults', () => {
  expect(load('').config).toEqual(ConfigSchema.parse({}));
});

test('a flag wins over SHARDCAST_, which wins over MTX_, which wins over the file', () => {
  const file = 'rtcpInterval: 1s\nreadTimeout: 1s\npublisherGrace: 1s\nwebrtcHandshakeTimeout: 1s';
  const mtx = { MTX_READTIMEOUT: '2s', MTX_PUBLISHERGRACE: '2s', MTX_WEBRTCHANDSHAKETIMEOUT: '2s' };
  const own = { SHARDCAST_PUBLISHERGRACE: '3s', SHARDCAST_WEBRTCHANDSHAKETIMEOUT: '3s' };
  const { config } = load(file, ['--webrtcHandshakeTimeout=4s'], { ...mtx, ...own });
  expect(config).toMatchObject({
    rtcpInterval: 1_000,
    readTimeout: 2_000,
    publisherGrace: 3_000,
    webrtcHandshakeTimeout: 4_000,
  });
});

test('the environment reaches nested keys, lists and paths', () => {
  const { config } = load('paths: {front-door: {maxReaders: 2}}', [], {
    SHARDCAST_KEYFRAMECACHE_MAXBYTES: '64K',
    SHARDCAST_WEBRTCADDITIONALHOSTS: '192.0.2.1,example.com',
    SHARDCAST_PATHS_FRONT_DOOR_SOURCE: 'rtsp://h/a',
    SHARDCAST_PATHS_CAM1_SOURCE: 'rtsp://h/b',
    SHARDCAST_PATHDEFAULTS_MAXREADERS: '7',
  });
  expect(config.keyframeCache.maxBytes).toBe(65_536);
  expect(config.webrtcAdditionalHosts).toEqual(['192.0.2.1', 'example.com']);
  expect(config.paths).toEqual({
    'front-door': { maxReaders: 2, source: 'rtsp://h/a' },
    cam1: { source: 'rtsp://h/b' },
  });
  expect(config.pathDefaults.maxReaders).toBe(7);
});

test('a secret may come from a file', () => {
  writeFileSync(join(directory, 'secret'), 'rtsp://u:p@h/\n');
  const { config } = load('', [], { SHARDCAST_PATHS_CAM1_SOURCE_FILE: join(directory, 'secret') });
  expect(config.paths['cam1']?.source).toBe('rtsp://u:p@h/');
});

test('items of lists are reached by their number, from the environment, its files, and flags', () => {
  writeFileSync(join(directory, 'secret'), 's3cret\n');
  const { config } = load(
    'authInternalUsers: [{user: cam, pass: x, permissions: [{action: publish}]}]',
    ['--authInternalUsers.1.user=any'],
    {
      SHARDCAST_AUTHINTERNALUSERS_0_PASS_FILE: join(directory, 'secret'),
      MTX_AUTHINTERNALUSERS_0_IPS: '10.0.0.0/8,::1',
    },
  );
  expect(config.authInternalUsers).toEqual([
    { user: 'cam', pass: 's3cret', ips: ['10.0.0.0/8', '::1'], permissions: [{ action: 'publish', path: '' }] },
    { user: 'any', pass: '', ips: [], permissions: [] },
  ]);
  expect(() => load('', ['--authInternalUsers.1.user=any'])).toThrow('authInternalUsers.0.user');
});

test('faults of users are named by their place, and no secret is', () => {
  const fault = (yaml: string) => {
    try {
      load(yaml);
      return '';
    } catch (error) {
      return error instanceof Error ? error.message : '';
    }
  };
  expect(fault('authInternalUsers:\n- user: a\n  pass: sha256:s3cret')).toMatch(
    /^shardcast\.yml:3: .*pass: expected sha256/,
  );
  expect(fault('authInternalUsers:\n- user: a\n  pass: argon2:s3cret')).not.toContain('s3cret');
  expect(fault('authInternalUsers:\n- user: a\n  ips: [nowhere]')).toContain('expected an address or a network');
  expect(fault('authInternalUsers:\n- user: a\n  permissions: [{action: read, path: "~("}]')).toContain(
    'regular expression',
  );
  expect(fault('authMethod: http')).toContain('authHTTPAddress: authMethod http needs it');
  expect(fault('authMethod: jwt')).toContain('authJWTJWKS: authMethod jwt needs it');
});

test('variables with our prefix that mean nothing are named, and those of Kubernetes are not', () => {
  const { warnings } = load('', [], { SHARDCAST_WORKER: '1', SHARDCAST_SERVICE_HOST: 'x', SHARDCAST_PORT: 'y' });
  expect(warnings).toEqual(['environment: ignored, no such setting: SHARDCAST_WORKER']);
});

test('flags reach nested keys and path names with dots', () => {
  const { config } = load('', ['--', '--nack', '--keyframeCache.maxAge=1m', '--paths.cam.1.source=rtsp://h/?a=b']);
  expect(config.nack).toBe(true);
  expect(config.keyframeCache.maxAge).toBe(60_000);
  expect(config.paths['cam.1']?.source).toBe('rtsp://h/?a=b');
});

test('arguments name a file and a command', () => {
  expect(parseArguments(['a.yml', '--check'])).toEqual({
    command: 'check',
    file: 'a.yml',
    overrides: [],
    rejected: [],
  });
  expect(parseArguments(['--help']).command).toBe('help');
});

describe('a fault says where it is', () => {
  test('unknown keys, with what may have been meant', () => {
    expect(faults('logLevel: info\nrtcpIntervall: 3s\npaths:\n  cam1:\n    sorce: publisher\n    zzz: 1\n')).toEqual([
      'shardcast.yml:5: paths.cam1.sorce: there is no such setting; is it `source`?',
      'shardcast.yml:6: paths.cam1.zzz: there is no such setting',
      'shardcast.yml:2: rtcpIntervall: there is no such setting; is it `rtcpInterval`?',
    ]);
  });

  test('wrong values', () => {
    expect(faults('\nworkers: many\nkeyframeCache:\n  maxBytes: big\nrtspTransports:\n  - tcp\n  - sctp')).toEqual([
      'shardcast.yml:7: rtspTransports.1: Invalid option: expected one of "udp"|"tcp"',
      'shardcast.yml:2: workers: expected auto or a number from 1 to 256',
      'shardcast.yml:4: keyframeCache.maxBytes: expected a size such as 64K, 2M or a number of bytes',
    ]);
  });

  test('path names and sources, without their passwords', () => {
    const lines = faults('paths:\n  a b: {}\n  "~(": {}\n  c: {source: "rtsp://u:hunter2@"}\n');
    expect(lines).toEqual([
      'shardcast.yml:2: paths.a b: a path name has only letters, digits and _ - . ~ : /',
      'shardcast.yml:3: paths.~(: is not a regular expression (error parsing regexp: missing closing ): `(`)',
      'shardcast.yml:4: paths.c.source: is not a usable rtsp:// URL',
    ]);
    expect(faults('paths:\n  __proto__: {}\n')).toEqual([
      'shardcast.yml:2: paths.__proto__: is no name that a path can have',
    ]);
  });

  test('a pattern with a source of its own', () => {
    expect(faults('paths:\n  all_others:\n    source: rtsp://h/\n')).toEqual([
      'shardcast.yml:3: paths.all_others.source: the paths of a pattern have sources on demand only: set sourceOnDemand',
    ]);
  });

  test('environment and flags', () => {
    expect(faults('', [], { SHARDCAST_WORKERS: '0' })).toEqual([
      'SHARDCAST_WORKERS: expected auto or a number from 1 to 256',
    ]);
    expect(faults('', ['--rtcpInterval=1'])).toEqual(['--rtcpInterval: expected a duration such as 10s, 1m or 500ms']);
    expect(faults('', ['--nope=secret', 'a.yml', 'b.yml', '-x'])).toEqual([
      '--nope: there is no such setting',
      'b.yml: expected one configuration file and --key=value flags',
      '-x: expected one configuration file and --key=value flags',
    ]);
    expect(faults('', ['--paths.x=1', '--keyframeCache=off', '--logLevel.x=1'])).toHaveLength(3);
  });

  test('broken YAML, without quoting it', () => {
    expect(faults('logLevel: info\npassword: "hunter2\n')).toEqual([
      expect.stringMatching(/^shardcast\.yml:\d: is not valid YAML: [a-z ]+$/),
    ]);
    expect(faults('a: 1\na: 2')).toEqual(['shardcast.yml:2: is not valid YAML: duplicate key']);
    expect(faults('- a')).toEqual(['shardcast.yml:1: expected settings as `key: value`']);
  });

  test('a file that is not there', () => {
    expect(faults(undefined, ['missing.yml'])[0]).toContain('missing.yml: cannot be read');
  });
});

test('a billion laughs are refused', () => {
  const layers = Array.from({ length: 9 }, (_, i) => `l${i + 1}: &l${i + 1} [${`*l${i},`.repeat(9)}]`).join('\n');
  expect(faults(`l0: &l0 [x]\n${layers}`)[0]).toContain('aliases');
});

describe('a mediamtx.yml', () => {
  test('gives what we know and names the rest', () => {
    const { config, warnings } = load(
      [
        'logLevel: debug',
        'rtsp: yes',
        'rtspTransports: [udp, multicast, tcp]',
        'hls: no',
        'webrtcAllowOrigin: https://a.example',
        'authInternalUsers: [{user: any}]',
        'pathDefaults: {record: no, maxReaders: 4}',
        'paths:',
        '  cam1: {source: "rtsp://h/", sourceProtocol: tcp, runOnReady: ls, readUser: me}',
        '  all_others:',
      ].join('\n'),
      [],
      {},
      'mediamtx.yml',
    );
    expect(config).toMatchObject({
      logLevel: 'debug',
      rtsp: true,
      rtspTransports: ['udp', 'tcp'],
      webrtcAllowOrigins: ['https://a.example'],
      pathDefaults: { maxReaders: 4 },
      paths: { cam1: { source: 'rtsp://h/', rtspTransport: 'tcp' }, all_others: {} },
    });
    expect(warnings).toEqual([
      'mediamtx.yml: ignored, not supported: rtspTransports multicast',
      'mediamtx.yml: NOT PROTECTED: this version ignores access and encryption settings: paths.cam1.readUser',
      'mediamtx.yml: ignored, not supported: hls, pathDefaults.record, paths.cam1.runOnReady',
    ]);
  });

  test('that MediaMTX comes with is read as it is, and warns of nothing unprotected', () => {
    const file = new URL('../../test/mediamtx-default.yml', import.meta.url);
    const { config, warnings } = load(readFileSync(file, 'utf8'), [], {}, 'mediamtx.yml');
    expect(config).toMatchObject({ api: false, rtspTransports: ['udp', 'tcp'], paths: { all_others: {} } });
    expect(config.authInternalUsers).toMatchObject([
      {
        user: 'any',
        pass: '',
        permissions: [{ action: 'publish', path: '' }, { action: 'read' }, { action: 'playback' }],
      },
      { user: 'any', ips: ['127.0.0.1', '::1'] },
    ]);
    expect(warnings.join()).not.toContain('NOT PROTECTED');
    expect(warnings.join()).toContain('hlsVariant');
  });

  test('stands back when there is a shardcast.yml', () => {
    writeFileSync(join(directory, 'mediamtx.yml'), 'logLevel: debug');
    expect(load('logLevel: warn').config.logLevel).toBe('warn');
  });
});

describe('a key with nothing after its colon', () => {
  test('has its default', () => {
    const { config } = load('logLevel:\npathDefaults:\n  maxReaders:\npaths:\n  cam1:\n    source:\n');
    expect(config).toMatchObject({ logLevel: 'info', pathDefaults: { maxReaders: 0 } });
    expect(Object.keys(config.paths)).toEqual(['cam1']);
  });

  test('is a fault where it is a list, which must not become everybody, and where there is no such key', () => {
    expect(faults('authInternalUsers:\n')[0]).toContain('authInternalUsers');
    expect(faults('authInternalUsers:\n- {user: any, ips: , permissions: []}\n')[0]).toContain('ips');
    expect(faults('sourceNetworks:\n')[0]).toContain('sourceNetworks');
    expect(faults('paths:\n  cam1:\n    sorce:\n')[0]).toContain('is it `source`');
  });
});

test('only CONFIG_INVALID comes out, whatever the file', () => {
  const line = fc.oneof(
    fc.string(),
    fc.constantFrom('paths:', '  cam: {source: x}', 'workers: 1', '- a', '&a *a', '? {a: 1}'),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 6 }), (lines) => {
      try {
        load(lines.join('\n'));
      } catch (error) {
        expect(error).toBeInstanceOf(ShardcastError);
      }
    }),
    { numRuns: 300 },
  );
});
