import { beforeEach, expect, test, vi } from 'vitest';
import { ENGINES } from '../../../test/session/engines.ts';
import * as nativeAddon from '../../fastpath/native-addon.ts';
import { makeCertificate } from './certificate.ts';
import { selectDtlsEngine } from './select.ts';

vi.mock('../../fastpath/native-addon.ts', { spy: true });
beforeEach(() => vi.resetAllMocks());

test('werift needs no addon', async () => {
  const engine = await selectDtlsEngine({ dtls: 'werift', certificate: await makeCertificate() });
  expect(engine.name).toBe('werift');
  expect(nativeAddon.loadNativeAddon).not.toHaveBeenCalled();
});

test('openssl without the addon is an error that says why', async () => {
  vi.mocked(nativeAddon.loadNativeAddon).mockReturnValue({ reason: 'it was not built' });
  await expect(selectDtlsEngine({ dtls: 'openssl', certificate: await makeCertificate() })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('it was not built'),
  });
});

test.skipIf(!ENGINES.includes('openssl'))('an addon of another OpenSSL is not called', async () => {
  const loaded = nativeAddon.loadNativeAddon();
  if ('reason' in loaded) throw new Error(loaded.reason);
  const { addon } = loaded;
  const certificate = await makeCertificate();
  expect((await selectDtlsEngine({ dtls: 'openssl', certificate })).name).toBe('openssl');
  vi.mocked(nativeAddon.loadNativeAddon).mockReturnValue({ addon: { ...addon, openSslMajor: 4 } });
  await expect(selectDtlsEngine({ dtls: 'openssl', certificate })).rejects.toThrow(/built for OpenSSL 4/);
});
