import { expect, test } from 'vitest';
import { ConfigSchema } from './schema.ts';
import { maskedKey, writtenConfig } from './written.ts';

test('what is shown can be written again, but for secrets', () => {
  const config = ConfigSchema.parse({
    rtcpInterval: '1500ms',
    keyframeCache: { maxBytes: '3M' },
    workers: '3',
    webrtcAdditionalHosts: 'a,b',
    paths: { cam: { maxReaders: '7' }, '~^x': null },
  });
  const written = writtenConfig(config);
  expect(written).toMatchObject({
    rtcpInterval: '1500ms',
    keyframeCache: { enabled: true, maxBytes: '3M', maxAge: '10s' },
    workers: 3,
    webrtcAdditionalHosts: ['a', 'b'],
    paths: { cam: { maxReaders: 7 }, '~^x': {} },
  });
  expect(ConfigSchema.parse(written)).toEqual(config);
});

test('no secret is shown, and a mask is noticed when it comes back', () => {
  const config = ConfigSchema.parse({
    authInternalUsers: [{ user: 'cam', pass: 'top-secret', permissions: [{ action: 'publish' }] }],
    authHTTPAddress: 'https://me:top-secret@auth.example/',
    pathDefaults: { source: 'publisher' },
    paths: { cam: { source: 'rtsp://me:top-secret@odd@192.0.2.1/1' } },
  });
  const written = writtenConfig(config);
  expect(JSON.stringify(written)).not.toContain('secret');
  expect(JSON.stringify(written)).not.toContain('odd');
  expect(written).toMatchObject({
    authInternalUsers: [{ user: 'cam', pass: '***' }],
    paths: { cam: { source: 'rtsp://***@192.0.2.1/1' } },
  });
  expect(maskedKey(written)).toEqual(['authInternalUsers', '0', 'pass']);
  expect(maskedKey({ paths: written['paths'] })).toEqual(['paths', 'cam', 'source']);
  expect(maskedKey({ a: [1, null, 'x'] })).toBeUndefined();
});
