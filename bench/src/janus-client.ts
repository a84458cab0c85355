import { randomBytes } from 'node:crypto';
import { describePeer, type Introduction, type PeerSocket } from '@shardcast/load';

type Reply = {
  readonly janus: string;
  readonly data?: { readonly id: number };
  readonly jsep?: { readonly sdp: string };
};

/** Asks Janus's streaming plugin for a mountpoint, named by `url`'s fragment. Here the server offers. */
export async function watchJanus(url: URL, peer: PeerSocket): Promise<Introduction> {
  const mountpoint = Number(url.hash.slice(1));
  const base = `${url.origin}${url.pathname}`;
  const session = `${base}/${(await ask(base, { janus: 'create' })).data?.id}`;
  const plugin = { janus: 'attach', plugin: 'janus.plugin.streaming' };
  const handle = `${session}/${(await ask(session, plugin)).data?.id}`;
  await ask(handle, { janus: 'message', body: { request: 'watch', id: mountpoint } });
  let offer: string | undefined;
  while (offer === undefined) {
    const event = (await (await fetch(`${session}?maxev=1`)).json()) as Reply;
    if (event.janus === 'keepalive') throw new Error('Janus does not offer');
    offer = event.jsep?.sdp;
  }
  const answer = describePeer(peer, 'recvonly', 'active', {
    mid: /^a=mid:(.*?)\s*$/m.exec(offer)?.[1] ?? '0',
    payloadType: Number(/^m=video \d+ \S+ (\d+)/m.exec(offer)?.[1]),
    // It offers no loopback candidates and must not send from one to the other.
    address: /^a=candidate:\S+ 1 udp \d+ (\S+)/m.exec(offer)?.[1] ?? '127.0.0.1',
  });
  await ask(handle, { janus: 'message', body: { request: 'start' }, jsep: { type: 'answer', sdp: answer } });
  // An unread session ends after a minute: longer than a measurement takes to come to its end.
  const keepAlive = setInterval(() => void ask(session, { janus: 'keepalive' }).catch(() => {}), 20_000);
  keepAlive.unref();
  return {
    remote: offer.replace(/a=setup:actpass/g, 'a=setup:passive'),
    hangUp: async () => {
      clearInterval(keepAlive);
      await ask(session, { janus: 'destroy' });
    },
  };
}

async function ask(url: string, request: Record<string, unknown>): Promise<Reply> {
  const body = JSON.stringify({ ...request, transaction: randomBytes(6).toString('hex') });
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  const reply = (await response.json()) as Reply;
  if (reply.janus === 'error') throw new Error(`Janus: ${JSON.stringify(reply)}`);
  return reply;
}
