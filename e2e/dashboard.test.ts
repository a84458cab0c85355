import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Browser as Chromium, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestServer, until } from './support/server.ts';

/** 500 configured paths without a publisher, and three live streams. */
const CONFIGURED = 500;
const CLIP = new URL('../packages/signaling/assets/demo.h264', import.meta.url).pathname;
const CONFIG = [
  'paths:',
  ...Array.from({ length: CONFIGURED }, (_, i) => `  site/cam${i}: {}`),
  ...['a', 'b', 'c'].map((name) => `  live/${name}: {source: "file:${CLIP}"}`),
].join('\n');
/** What a user would put up with; some hundred ms where nothing else runs. */
const OPENED_WITHIN_MS = 2_000;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

let server: TestServer;
let browser: Chromium;
beforeAll(async () => {
  server = await TestServer.start({ config: CONFIG, flags: { workers: '2' } });
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--autoplay-policy=no-user-gesture-required'],
  });
  await server.online('live/a');
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

type Opened = { readonly page: Page; readonly faults: string[] };

/** A page at `hash`; whatever goes wrong in it, or is asked of another host, is written down. */
async function open(hash: string, colorScheme: 'light' | 'dark' = 'light'): Promise<Opened> {
  const context = await browser.newContext({ colorScheme, viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(`error: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    if (!/^(?:blob|data):/.test(request.url()) && !request.url().startsWith(server.web))
      faults.push(`outside: ${request.url()}`);
  });
  await page.goto(`${server.web}/dashboard/${hash}`);
  return { page, faults };
}

/** Pages, and what is there once they have their data. */
const PAGES: readonly (readonly [hash: string, ready: string])[] = [
  ['#/overview', 'figure canvas'],
  ['#/streams', 'tr.row'],
  ['#/streams/live/a', '.facts dd'],
  ['#/sessions', '.table-card'],
  ['#/workers', '.cell'],
];

test('opens with 500 streams in under two seconds, and draws only the rows in view', async () => {
  const started = performance.now();
  const { page, faults } = await open('#/streams');
  await page.waitForSelector('tr.row');
  const openedMs = performance.now() - started;
  console.log(`dashboard: ${CONFIGURED + 3} streams on show after ${Math.round(openedMs)} ms`);
  expect(openedMs).toBeLessThan(OPENED_WITHIN_MS);
  expect(await page.locator('tr.row').count()).toBeLessThan(60);
  expect(await page.locator('table[aria-rowcount]').getAttribute('aria-rowcount')).toBe(String(CONFIGURED + 4));
  await page.locator('.table-wrap').evaluate((element) => element.scrollTo(0, element.scrollHeight));
  await page.waitForSelector('text=site/cam499');
  await page.fill('input[type=search]', 'live/');
  await until(
    async () => (await page.locator('tr.row').count()) === 3,
    5_000,
    () => 'the search did not end with three rows',
  );
  expect(page.url()).toContain('search=live');
  expect(faults).toEqual([]);
  await page.context().close();
});

test.for(['light', 'dark'] as const)(
  'no page has an accessibility fault in %s, an error, or a request elsewhere',
  async (scheme) => {
    for (const [hash, ready] of PAGES) {
      const { page, faults } = await open(hash, scheme);
      await page.waitForSelector(ready);
      await page.evaluate(axe);
      const violations = await page.evaluate(async () => {
        const { axe: checker } = window as unknown as { axe: typeof import('axe-core') };
        const { violations: found } = await checker.run();
        return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`);
      });
      expect([hash, violations, faults]).toEqual([hash, [], []]);
      await page.context().close();
    }
  },
);

test('a stream plays on its page, its viewer is listed, and a kick ends the session', async () => {
  const { page, faults } = await open('#/streams/live/b');
  const kick = page.getByRole('button', { name: /^Kick/ });
  await kick.waitFor();
  await until(
    async () => page.locator('video').evaluate((video) => (video as HTMLVideoElement).currentTime > 0.5),
    15_000,
    () => 'nothing plays',
  );
  const viewers = async () => (await server.path('live/b'))?.readerCount ?? -1;
  expect(await viewers()).toBe(1);
  const session = await sessionId('live/b');
  await kick.click();
  await page.getByRole('dialog').getByRole('button', { name: 'Kick' }).click();
  await page.waitForSelector('text=The session has ended.');
  await until(
    async () => (await sessionId('live/b')) !== session,
    10_000,
    () => 'the session is still there',
  );
  expect(faults.filter((fault) => !fault.includes('404'))).toEqual([]); // the player asks after its session
  await page.context().close();
});

async function sessionId(path: string): Promise<string | undefined> {
  const response = await fetch(`${server.api}/v3/webrtcsessions/list`);
  const { items } = (await response.json()) as { items: { id: string; path: string }[] };
  return items.find((session) => session.path === path)?.id;
}

test('a recycled worker is asked about first, and replaced', async () => {
  const { page } = await open('#/workers');
  await page.getByRole('button', { name: 'Recycle worker 1' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('button', { name: 'Recycle worker 1' }).click();
  await dialog.getByRole('button', { name: 'Recycle' }).click();
  await page.waitForSelector('text=Worker 1 is replaced.');
  await page.locator('.cell').first().click();
  await page.waitForSelector('text=It lives on worker');
  await page.context().close();
});
