import { once } from 'node:events';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { makeCertificate } from '@shardcast/sfu-worker';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type HttpDoor, listenHttp } from '../http/server.ts';
import { CertificateFiles } from './certificate-files.ts';

let directory: string;
let lines: [level: string, message: string, fields: Record<string, unknown>][];
let files: CertificateFiles | undefined;
let door: HttpDoor | undefined;
const write = (level: string) => (fields: Record<string, unknown>, message: string) =>
  void lines.push([level, message, fields]);
const log = { error: write('error'), warn: write('warn'), info: write('info'), debug: write('debug') };

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'shardcast-tls-'));
  lines = [];
});
afterEach(async () => {
  await door?.close(0);
  files?.close();
  door = undefined;
  files = undefined;
  rmSync(directory, { recursive: true });
});

/** @returns the fingerprint that clients see */
async function renew(folder = directory): Promise<string> {
  const { certPem, keyPem, fingerprint } = await makeCertificate();
  writeFileSync(join(folder, 'server.key'), keyPem);
  writeFileSync(join(folder, 'server.crt'), certPem);
  return fingerprint;
}

function load(): CertificateFiles {
  files = new CertificateFiles({ key: 'server.key', cert: 'server.crt', directory, log });
  return files;
}

async function seenBy(client: TLSSocket): Promise<string> {
  await once(client, 'secureConnect');
  const { fingerprint256 } = client.getPeerCertificate();
  client.destroy();
  return fingerprint256;
}

const visit = () => seenBy(connect({ port: door?.port ?? 0, host: '127.0.0.1', rejectUnauthorized: false }));

test('a renewed certificate is shown to the next client, without a restart', async () => {
  const first = await renew();
  const certificate = load();
  door = await listenHttp((_req, res) => res.end(), { host: '127.0.0.1', port: 0 }, log, { certificate });
  expect([door.scheme, await visit()]).toEqual(['https', first]);
  const second = await renew();
  expect(second).not.toBe(first);
  certificate.check();
  expect(await visit()).toBe(second);
  expect(lines.map(([, message]) => message)).toEqual(['certificate read again']);
});

test('changes are noticed by themselves, also where a symbolic link is swapped', async () => {
  const [one, two] = ['..one', '..two'].map((name) => join(directory, name));
  for (const folder of [one, two]) mkdirSync(folder ?? '');
  await renew(one);
  await renew(two);
  symlinkSync(one ?? '', join(directory, '..data'));
  for (const name of ['server.key', 'server.crt']) symlinkSync(join('..data', name), join(directory, name));
  const before = load().pair.cert;
  symlinkSync(two ?? '', join(directory, '..next'));
  renameSync(join(directory, '..next'), join(directory, '..data'));
  await vi.waitFor(() => expect(files?.pair.cert.equals(before)).toBe(false), 5000);
});

test('files that do not fit, or are gone, change nothing, and that is said once', async () => {
  await renew();
  const certificate = load();
  const { cert } = certificate.pair;
  writeFileSync(join(directory, 'server.key'), (await makeCertificate()).keyPem);
  certificate.check();
  certificate.check();
  writeFileSync(join(directory, 'server.crt'), 'half a fi');
  certificate.check();
  rmSync(join(directory, 'server.crt'));
  certificate.check();
  certificate.check();
  expect(certificate.pair.cert.equals(cert)).toBe(true);
  expect(lines.map(([level]) => level)).toEqual(['error', 'error', 'error']);
  expect(JSON.stringify(lines)).not.toContain('PRIVATE');
});

test('at the start they must be there and fit', async () => {
  expect(() => load()).toThrow('server.key: cannot be read');
  await renew();
  writeFileSync(join(directory, 'server.key'), (await makeCertificate()).keyPem);
  expect(() => load()).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
});

test('old protocols are refused', async () => {
  await renew();
  door = await listenHttp((_req, res) => res.end(), { host: '127.0.0.1', port: 0 }, log, { certificate: load() });
  const old = connect({ port: door.port, host: '127.0.0.1', rejectUnauthorized: false, maxVersion: 'TLSv1.1' });
  await expect(seenBy(old)).rejects.toThrow();
});

test('a file that is gone a second time is said again', async () => {
  await renew();
  const certificate = load();
  for (let time = 0; time < 2; time++) {
    rmSync(join(directory, 'server.key'));
    certificate.check();
    certificate.check();
    await renew();
    certificate.check();
  }
  expect(lines.map(([level]) => level)).toEqual(['error', 'info', 'error', 'info']);
});
