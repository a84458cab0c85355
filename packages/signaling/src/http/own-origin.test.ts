import { expect, test } from 'vitest';
import { noForeignPages, ownOriginOnly } from './own-origin.ts';

function passes(method: string, headers: Record<string, string>, handler = ownOriginOnly): boolean {
  let failure: unknown = 'not called';
  // All that it looks at.
  const request = { method, headers: { host: 'media.example:8889', ...headers } } as unknown as Parameters<
    typeof ownOriginOnly
  >[0];
  void handler(request, {} as Parameters<typeof ownOriginOnly>[1], (error?: unknown) => {
    failure = error;
  });
  return failure === undefined;
}

test('a change is taken from our own page alone', () => {
  expect(passes('POST', { 'sec-fetch-site': 'same-origin' })).toBe(true);
  expect(passes('POST', { origin: 'http://media.example:8889' })).toBe(true);
  expect(passes('POST', { origin: 'https://media.example:8889' })).toBe(true);
  for (const headers of [
    {},
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'none' },
    { 'sec-fetch-site': 'cross-site', origin: 'http://media.example:8889' },
    { origin: 'http://evil.example' },
    { origin: 'http://media.example' },
    { origin: 'null' },
  ])
    for (const method of ['POST', 'PATCH', 'DELETE', 'PUT'])
      expect([method, headers, passes(method, headers as Record<string, string>)]).toEqual([method, headers, false]);
});

test('reading is for whoever is allowed to, but for the pages of others', () => {
  expect(passes('GET', {})).toBe(true);
  expect(passes('HEAD', { 'sec-fetch-site': 'none' })).toBe(true);
  expect(passes('GET', { 'sec-fetch-site': 'same-origin' })).toBe(true);
  expect(passes('GET', { 'sec-fetch-site': 'cross-site' })).toBe(false);
  expect(passes('GET', { origin: 'http://evil.example' })).toBe(false);
});

test('other sites’ pages are kept out; programs, our own page and who follows a link are not', () => {
  const link = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
  const frame = { ...link, 'sec-fetch-dest': 'iframe' };
  const picture = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' };
  const neighbour = { 'sec-fetch-site': 'same-site', origin: 'http://media.example:3000' };
  const may = (method: string, headers: Record<string, string>) => passes(method, headers, noForeignPages);
  for (const method of ['GET', 'POST', 'PATCH', 'DELETE']) {
    for (const headers of [frame, picture, neighbour, { origin: 'http://evil.example' }, { origin: 'null' }])
      expect([method, headers, may(method, headers)]).toEqual([method, headers, false]);
    for (const headers of [{}, { 'sec-fetch-site': 'same-origin' }, { origin: 'http://media.example:8889' }])
      expect([method, headers, may(method, headers)]).toEqual([method, headers, true]);
  }
  expect(may('GET', link)).toBe(true);
  expect(may('POST', link)).toBe(false); // a form that sends itself
});
