import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseRtspUrl, requestPath, resolveControl, withoutCredentials } from './url.ts';

test.for([
  [
    'rtsp://cam:pw@192.0.2.1/live',
    { host: '192.0.2.1', port: 554, user: 'cam', password: 'pw' },
    'rtsp://192.0.2.1/live',
  ],
  ['rtsp://host:8554', { host: 'host', port: 8554, user: undefined, password: undefined }, 'rtsp://host:8554'],
  ['rtsp://cam@h/x', { host: 'h', user: 'cam', password: '' }, 'rtsp://h/x'],
  ['rtsp://cam:p%40ss%3A@h/x', { user: 'cam', password: 'p@ss:' }, 'rtsp://h/x'],
  ['rtsp://cam:p@ss@h/x', { user: 'cam', password: 'p@ss' }, 'rtsp://h/x'],
  ['rtsp://cam:100%@h/x', { password: '100%' }, 'rtsp://h/x'],
  ['rtsp://[2001:db8::1]:8554/x', { host: '2001:db8::1', port: 8554 }, 'rtsp://[2001:db8::1]:8554/x'],
  ['rtsp://h/Streaming/Channels/101?a=b@c&x=%20', { host: 'h' }, 'rtsp://h/Streaming/Channels/101?a=b@c&x=%20'],
  ['rtsp://h?channel=1', { host: 'h', isSecure: false }, 'rtsp://h?channel=1'],
  ['rtsps://cam:pw@h/x', { host: 'h', port: 322, user: 'cam', isSecure: true }, 'rtsps://h/x'],
  ['rtsps://h:8322/x', { host: 'h', port: 8322, isSecure: true }, 'rtsps://h:8322/x'],
] as const)('%s is read as people mean it', ([text, parts, uri]) => {
  expect(parseRtspUrl(text)).toMatchObject({ ...parts, uri });
});

test.for([
  '',
  'http://h/x',
  'rtsp://',
  'rtsp:///x',
  'rtsp://h:0/x',
  'rtsp://h:70000/x',
  'rtsp://h/a b',
  'rtsp://h/\r\nX: y',
  'rtsp://[::1/x',
])('%j is no RTSP URL', (text) => expect(parseRtspUrl(text)).toBeUndefined());

test('no user information survives, whatever the URL', () => {
  const secret = 's3cr3t';
  fc.assert(
    fc.property(fc.string(), fc.webPath(), (noise, path) => {
      const uri = `rtsp://user:${noise.replace(/[/?]/g, '')}${secret}@host${path.startsWith('/') ? path : `/${path}`}`;
      expect(withoutCredentials(uri)).not.toContain(secret);
      const parsed = parseRtspUrl(uri);
      if (parsed !== undefined) expect(parsed.uri).not.toContain(secret);
    }),
  );
});

test.for([
  ['rtsp://h/cam/', undefined, 'rtsp://h/cam/'],
  ['rtsp://h/cam', '*', 'rtsp://h/cam'],
  ['rtsp://h/cam', 'trackID=1', 'rtsp://h/cam/trackID=1'],
  ['rtsp://h/cam/', 'trackID=1', 'rtsp://h/cam/trackID=1'],
  ['rtsp://h/cam/', '/trackID=1', 'rtsp://h/cam/trackID=1'],
  ['rtsp://h/cam?x=1', 'trackID=1', 'rtsp://h/cam?x=1/trackID=1'],
  ['rtsp://h/cam', '?track=1', 'rtsp://h/cam?track=1'],
  ['rtsp://h/cam', 'rtsp://u:p@10.0.0.1/other/track1', 'rtsp://10.0.0.1/other/track1'],
  ['rtsp://u:p@h/cam', 'trackID=1', 'rtsp://h/cam/trackID=1'],
] as const)('control %s + %s', ([base, control, uri]) => {
  expect(resolveControl(base, control)).toBe(uri);
});

test.for([
  ['rtsp://h:1/yard/cam/', { path: 'yard/cam', query: '' }],
  ['rtsp://u:p@h/yard%2Fcam?key=1', { path: 'yard/cam', query: 'key=1' }],
  ['rtsp://h', { path: '', query: '' }],
  ['*', { path: '*', query: '' }],
] as const)('the path of %s', ([uri, parts]) => {
  expect(requestPath(uri)).toEqual(parts);
});
