import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Browser as Chromium, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readProfile } from './support/pprof-reader.ts';
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
async function open(hash: string): Promise<Opened> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(`error: ${error.message}`));
  page.on('console', (message) => {
    // A player asks after its session, and ends it, also when the server has ended it already.
    const isGoodbye = message.text().includes('404') && message.location().url.includes('/whep/');
    if (message.type() === 'error' && !isGoodbye) faults.push(`console: ${message.text()} ${message.location().url}`);
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
  ['#/alarms', 'tr.row'],
  ['#/capacity', 'tr.row'],
  ['#/configuration', '.settings li'],
  ['#/configuration?section=paths', 'tr.row'],
  ['#/configuration/live/a', '.settings li'],
  ['#/log', 'tr.row'],
  ['#/profiler', '.empty'],
  ['#/compare', 'td.figure'],
];

test('opens with 500 streams in under two seconds, and draws only the rows in view', async () => {
  const timesMs: number[] = [];
  // The best of three, each without a cache: server, browser and whatever else runs here share the processors.
  let opened: Opened | undefined;
  while (timesMs.length < 3 && Math.min(...timesMs) > OPENED_WITHIN_MS) {
    await opened?.page.context().close();
    const started = performance.now();
    opened = await open('#/streams');
    await opened.page.waitForSelector('tr.row');
    timesMs.push(Math.round(performance.now() - started));
  }
  if (opened === undefined) throw new Error('not opened');
  const { page, faults } = opened;
  console.log(`dashboard: ${CONFIGURED + 3} streams on show after ${timesMs.join(', ')} ms`);
  expect(Math.min(...timesMs)).toBeLessThan(OPENED_WITHIN_MS);
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

test('no page has an accessibility fault, by light or in the dark, nor an error, nor asks elsewhere', async () => {
  const { page, faults } = await open('#/overview');
  await page.evaluate(axe);
  for (const [hash, ready] of PAGES) {
    await page.emulateMedia({ colorScheme: 'light' });
    await page.evaluate((next) => {
      window.location.hash = next;
    }, hash);
    await page.waitForSelector(ready);
    const light = await violations(page);
    await page.emulateMedia({ colorScheme: 'dark' });
    // The rest of the page is the same.
    const dark = await violations(page, ['color-contrast', 'link-in-text-block']);
    expect([hash, light, dark, faults]).toEqual([hash, [], [], []]);
  }
  await page.context().close();
});

/** What axe-core finds, by all rules or by these. */
function violations(page: Page, rules?: string[]): Promise<string[]> {
  return page.evaluate(async (only) => {
    const { axe: checker } = window as unknown as { axe: typeof import('axe-core') };
    const { violations: found } = await checker.run(
      only === undefined ? {} : { runOnly: { type: 'rule', values: only } },
    );
    return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`);
  }, rules);
}

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
  await page.waitForSelector('text=Firefox plays it');
  expect(await page.locator('main').textContent()).not.toMatch(/\[object|undefined|NaN/);
  await kick.click();
  await page.getByRole('dialog').getByRole('button', { name: 'Kick' }).click();
  await page.waitForSelector('text=The session has ended.');
  await until(
    async () => (await sessionId('live/b')) !== session,
    10_000,
    () => 'the session is still there',
  );
  expect(faults).toEqual([]);
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

test('a change of the configuration is previewed, made when it is wanted, and refused with the reason', async () => {
  const { page } = await open('#/configuration/live/c');
  const preview = page.getByRole('button', { name: 'Preview' });
  const configured = async () => {
    const response = await fetch(`${server.api}/v3/config/paths/get/live/c`);
    return (await response.json()) as { maxReaders: number };
  };
  const maxReaders = page.getByLabel('maxReaders', { exact: true });
  const meaning = page.getByText('Viewers at once; 0 is no limit.');
  await meaning.waitFor();
  expect(await maxReaders.getAttribute('aria-describedby')).toBe(await meaning.getAttribute('id'));
  await maxReaders.fill('many');
  await page.waitForSelector('text=is not a number');
  expect(await preview.isDisabled()).toBe(true);
  await page.getByLabel('maxReaders', { exact: true }).fill('7');
  await preview.click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('"maxReaders": 7').waitFor();
  expect((await configured()).maxReaders).toBe(0);
  await dialog.getByRole('button', { name: 'Apply' }).click();
  await page.waitForSelector('text=Done:');
  expect((await configured()).maxReaders).toBe(7);

  await page.getByLabel('source', { exact: true }).fill('gopher://nowhere');
  await preview.click();
  await page.waitForSelector('text=expected publisher');
  await page.context().close();
});

test('the log tail shows what happens, as it happens', async () => {
  const { page } = await open('#/log');
  await page.getByRole('button', { name: 'every worker is up' }).click();
  await page.getByRole('dialog').getByText('"msg": "every worker is up"').waitFor();
  await page.context().close();
});

test('one click takes a profile and shows it as a flame graph; two are compared, and the file is kept', async () => {
  const { page, faults } = await open('#/profiler');
  await page.getByLabel('Seconds').selectOption('2');
  const take = page.getByRole('button', { name: 'Take profile' });
  const graph = page.locator('canvas');
  await take.click();
  await graph.waitFor({ timeout: 15_000 });
  expect(Number(await graph.getAttribute('data-frames'))).toBeGreaterThan(5);
  expect(await coloursOf(page)).toBeGreaterThan(3);
  await page.waitForSelector('tr.row td.function');

  await graph.focus();
  for (const key of ['ArrowDown', 'ArrowDown', 'Enter']) await page.keyboard.press(key);
  expect(await page.locator('.flame-info strong').textContent()).not.toBe('all');
  await page.evaluate(axe);
  expect(await violations(page)).toEqual([]);

  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download for pprof' }).click(),
  ]);
  const file = readProfile(readFileSync(await download.path()));
  expect(file.types.at(-1)).toBe('cpu/nanoseconds');

  await take.click();
  await page.getByLabel('Compare with').locator('option').nth(1).waitFor({ state: 'attached', timeout: 15_000 });
  await page.getByLabel('Compare with').selectOption({ index: 1 });
  await page.waitForSelector('text=more than before');
  expect(faults).toEqual([]);
  await page.context().close();
});

/** How many different colours the canvas has. */
function coloursOf(page: Page): Promise<number> {
  return page.locator('canvas').evaluate((canvas: HTMLCanvasElement) => {
    const { data } = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height) ?? { data: [] };
    const found = new Set<number>();
    for (let i = 0; i < data.length; i += 4)
      found.add(((data[i] ?? 0) << 16) | ((data[i + 1] ?? 0) << 8) | (data[i + 2] ?? 0));
    return found.size;
  });
}

test('one worker gets the old ways by a click, and back', async () => {
  const { page } = await open('#/compare');
  const optimisations = async () => {
    const response = await fetch(`${server.api}/v3/workers/list`);
    const { items } = (await response.json()) as {
      items: { optimisations: { nack: boolean; rtcpInterval: string } }[];
    };
    return items.map(({ optimisations: own }) => `${own?.nack} ${own?.rtcpInterval}`);
  };
  const dialog = page.getByRole('dialog');
  await page.getByRole('button', { name: 'ASIS for worker 1' }).click();
  await page.getByRole('button', { name: 'Apply to worker 1' }).click();
  await dialog.getByRole('button', { name: 'Apply and recycle' }).click();
  await until(
    async () => (await optimisations()).join() === 'false 3s,true 1s',
    15_000,
    () => 'worker 1 did not get the old ways',
  );
  await page.getByRole('button', { name: 'As configured for worker 1' }).click({ timeout: 15_000 });
  await dialog.getByRole('button', { name: 'Apply and recycle' }).click();
  await until(
    async () => (await optimisations()).join() === 'false 3s,false 3s',
    15_000,
    () => 'worker 1 kept the old ways',
  );
  await page.context().close();
});
