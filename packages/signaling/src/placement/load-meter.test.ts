import { expect, test } from 'vitest';
import { LoadMeter } from './load-meter.ts';

test('load is CPU seconds a second over the last five', () => {
  const meter = new LoadMeter();
  let cpu = 100;
  for (let at = 0; at <= 10_000; at += 1000) {
    meter.sample(0, cpu, at);
    cpu += 0.5;
  }
  expect(meter.load(0)).toBeCloseTo(0.5);
  for (let at = 11_000; at <= 16_000; at += 1000) meter.sample(0, cpu, at);
  expect(meter.load(0)).toBeLessThan(0.11);
  meter.sample(0, cpu, 17_000);
  expect(meter.load(0)).toBe(0);
});

test('a counter that is written at another phase than it is read does not make the load jump', () => {
  const meter = new LoadMeter();
  const loads: number[] = [];
  for (let at = 0; at <= 30_000; at += 1000) {
    // Written once a second, up to 400 ms late.
    const written = Math.floor((at + (at % 3000 === 0 ? 400 : -400)) / 1000);
    meter.sample(0, 1 + written * 0.3, at);
    if (at >= 10_000) loads.push(meter.load(0));
  }
  expect(Math.min(...loads)).toBeGreaterThan(0.2);
  expect(Math.max(...loads)).toBeLessThan(0.4);
});

test('a worker that was not sampled twice, or was lost since, has no load', () => {
  const meter = new LoadMeter();
  expect(meter.load(0)).toBe(0);
  meter.sample(0, 50, 1000);
  expect(meter.load(0)).toBe(0);
  meter.sample(0, 51, 2000);
  expect(meter.load(0)).toBe(1);
  expect(meter.load(1)).toBe(0);
  meter.forget(0);
  expect(meter.load(0)).toBe(0);
});
