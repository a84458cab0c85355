import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { AddressRule, allowedLookup, isRefusedLiteral } from '@shardcast/shared';

/** Nobody's answer to a hook is as long. */
const MAX_ANSWER_BYTES = 1024 * 1024;
const REFUSED = 'the address is none that a hook may be at';

/** `fetch`, as far as hooks and JWKS need it: of `init`, method, headers, a body of text, signal and `redirect: 'error'`. */
export type HookFetch = (url: string, init: RequestInit) => Promise<Response>;

const RULE = new AddressRule([]);

/**
 * Asks a server that the configuration names, by HTTP or HTTPS. It may be on this host or in the LAN, but not where
 * `AddressRule` says that nobody means to go, such as the metadata of clouds; that is looked at for the address
 * that is connected to. Redirects are answers, and are not followed.
 * @param allows for tests
 * @throws Error when there is no answer, or a longer one than 1 MiB
 */
export async function hookFetch(
  url: string,
  { method = 'GET', headers, body, signal, redirect }: RequestInit,
  allows: (address: string) => boolean = (address) => RULE.allows(address),
): Promise<Response> {
  const target = new URL(url);
  if (isRefusedLiteral(target.hostname.replace(/^\[|\]$/g, ''), allows)) throw new Error(REFUSED);
  const text = typeof body === 'string' ? body : undefined;
  const request = target.protocol === 'https:' ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const outgoing = request(target, {
      method,
      headers: {
        ...Object.fromEntries(new Headers(headers)),
        ...(text === undefined ? {} : { 'content-length': Buffer.byteLength(text) }),
      },
      lookup: allowedLookup(allows, REFUSED),
      ...(signal === undefined || signal === null ? {} : { signal }),
    });
    outgoing.on('error', reject);
    outgoing.on('response', (incoming) => {
      const { statusCode: status = 0, headers: answered } = incoming;
      const parts: Buffer[] = [];
      let bytes = 0;
      incoming.on('error', reject);
      incoming.on('data', (part: Buffer) => {
        bytes += part.length;
        if (bytes <= MAX_ANSWER_BYTES) parts.push(part);
        else incoming.destroy(new Error('the answer is too long'));
      });
      incoming.on('end', () => {
        if (status < 200 || status > 599 || (redirect === 'error' && status >= 300 && status < 400)) {
          reject(new Error(`status ${status}`));
          return;
        }
        const hasBody = status !== 204 && status !== 205 && status !== 304; // of which a Response may have none
        const type = answered['content-type'];
        resolve(
          new Response(hasBody ? Buffer.concat(parts) : null, {
            status,
            headers: type === undefined ? {} : { 'content-type': type },
          }),
        );
      });
    });
    outgoing.end(text);
  });
}
