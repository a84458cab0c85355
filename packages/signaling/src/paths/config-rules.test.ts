import { ConfigSchema } from '@shardcast/shared/config';
import { expect, test } from 'vitest';
import { rulesFromConfig } from './config-rules.ts';

const rulesOf = (paths: Record<string, unknown>) => rulesFromConfig(ConfigSchema.parse({ paths }), '/srv');

test('groups of a pattern and the name fill the source in, as in MediaMTX', () => {
  const rules = rulesOf({
    '~^floor(\\d+)/cam(\\d+)$': { source: 'rtsp://10.0.$G1.$G2:554/$G3live/$MTX_PATH', sourceOnDemand: 'on' },
    plain: { source: 'rtsp://10.0.0.1/$G1/$MTX_PATH' },
  });
  expect(rules.resolve('floor2/cam17')).toMatchObject({
    confName: '~^floor(\\d+)/cam(\\d+)$',
    source: { url: 'rtsp://10.0.2.17:554/live/floor2/cam17' },
    onDemand: { startTimeoutMs: 10_000, closeAfterMs: 10_000 },
  });
  expect(rules.resolve('plain')).toMatchObject({ source: { url: 'rtsp://10.0.0.1/$G1/$MTX_PATH' } });
  expect(rules.resolve('plain')?.onDemand).toBeUndefined();
  expect(rules.configured).toEqual(['plain']);
});

test('publishers are never on demand', () => {
  expect(rulesOf({ a: { sourceOnDemand: 'on' } }).resolve('a')).toMatchObject({ source: 'publisher' });
  expect(rulesOf({ a: { sourceOnDemand: 'on' } }).resolve('a')?.onDemand).toBeUndefined();
});
