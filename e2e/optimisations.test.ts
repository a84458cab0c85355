import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Browser, movingPicture } from './support/chromium.ts';
import { TestServer, until } from './support/server.ts';

const WORKERS = 2;
const RTCP_INTERVAL_S = 3;
const MDNS_PORT = 5353;

let server: TestServer;
let browser: Browser;

beforeAll(async () => {
  server = await TestServer.start({ flags: { workers: String(WORKERS) } });
  browser = await Browser.launch();
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

function answer(page: Page): Promise<{ offer: string; answer: string }> {
  return page.evaluate(() => {
    const peer = (window as unknown as { testConnections: RTCPeerConnection[] }).testConnections.at(-1);
    return { offer: peer?.localDescription?.sdp ?? '', answer: peer?.remoteDescription?.sdp ?? '' };
  });
}

function feedback(sdp: string): string[] {
  return [...new Set(Array.from(sdp.matchAll(/^a=rtcp-fb:\S+ (.*?)\s*$/gm), (match) => match[1] ?? ''))].sort();
}

test('no NACK is negotiated, keyframe requests are', async () => {
  const page = await browser.open(`${server.web}/demo`);
  await movingPicture(page, 5);
  const sdp = await answer(page);
  expect(feedback(sdp.offer)).toContain('nack'); // it was on offer
  expect(feedback(sdp.answer)).toEqual(['ccm fir', 'nack pli']);
  expect(sdp.answer).not.toMatch(/rtx|transport-cc|goog-remb/);
  await page.close();
});

test('with `nack: on` it is negotiated', async () => {
  const other = await TestServer.start({ flags: { nack: 'on' } });
  try {
    const page = await browser.open(`${other.web}/demo`);
    await movingPicture(page, 5);
    expect(feedback((await answer(page)).answer)).toEqual(['ccm fir', 'nack', 'nack pli']);
    await page.close();
  } finally {
    await other.stop();
  }
});

test('no multicast socket is open, and a worker has one UDP socket whoever watches', async () => {
  const groups = () => multicastGroups(server.pid);
  const idle = groups();
  const pages = await Promise.all([1, 2, 3].map(() => browser.open(`${server.web}/demo`)));
  await Promise.all(pages.map((page) => movingPicture(page, 5)));
  // Chromium hides its addresses behind mDNS names, so there was a name that could have been looked up.
  for (const page of pages) expect((await answer(page)).answer).not.toContain('.local');
  const ports = udpPorts(server.pid);
  const workers = await server.workers();
  expect(ports).not.toContain(MDNS_PORT);
  expect(ports.toSorted()).toEqual(workers.map(({ udpPort }) => udpPort).toSorted());
  expect(ports).toHaveLength(WORKERS);
  expect(groups()).toEqual(idle);
  for (const page of pages) await page.close();
});

test(`sender reports come every ${RTCP_INTERVAL_S} s`, async () => {
  const page = await browser.open(`${server.web}/demo`);
  await movingPicture(page, 5);
  const seen: number[] = [];
  let last = 0;
  await until(
    async () => {
      const { sent, at } = await reports(page);
      if (sent !== last && last !== 0) seen.push(at);
      last = sent;
      return seen.length >= 3;
    },
    20_000,
    () => `reports came at ${seen}`,
  );
  const gaps = seen.slice(1).map((at, index) => (at - (seen[index] ?? 0)) / 1000);
  console.log(`sender reports ${gaps.map((gap) => gap.toFixed(2)).join(', ')} s apart`);
  for (const gap of gaps) {
    expect(gap).toBeGreaterThan(RTCP_INTERVAL_S * 0.8);
    expect(gap).toBeLessThan(RTCP_INTERVAL_S * 1.2);
  }
  await page.close();
});

/** How many sender reports the viewer's video has had, and when (ms) the newest was sent. */
function reports(page: Page): Promise<{ sent: number; at: number }> {
  return page.evaluate(async () => {
    const peer = (window as unknown as { testConnections: RTCPeerConnection[] }).testConnections.at(-1);
    for (const report of (await peer?.getStats())?.values() ?? []) {
      if (report.type === 'remote-outbound-rtp' && report.kind === 'video') {
        return { sent: report.reportsSent ?? 0, at: report.remoteTimestamp ?? 0 };
      }
    }
    return { sent: 0, at: 0 };
  });
}

/** Local ports of the process's UDP sockets. */
function udpPorts(pid: number): number[] {
  const inodes = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
      } catch {
        return []; // closed meanwhile
      }
    }),
  );
  return ['udp', 'udp6'].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, 'latin1')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => inodes.has(fields[9] ?? ''))
      .map((fields) => Number.parseInt(fields[1]?.split(':').at(-1) ?? '', 16)),
  );
}

/** Multicast groups joined on this host: they are not told apart by process. */
function multicastGroups(pid: number): string {
  const rows = readFileSync(`/proc/${pid}/net/igmp`, 'latin1').split('\n');
  return rows
    .filter((row) => row.startsWith('\t\t'))
    .map((row) => row.trim().split(/\s+/)[0])
    .join(' ');
}
