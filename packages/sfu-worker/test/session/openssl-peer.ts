import { loadNativeAddon } from '../../src/fastpath/native-addon.ts';
import type { Certificate } from '../../src/session/dtls/certificate.ts';
import { HANDSHAKE, type NativeDtlsContext, type NativeDtlsHandshake } from '../../src/session/dtls/native-dtls.ts';
import { OpenSslChannel } from '../../src/session/dtls/openssl-channel.ts';

/** The other side of a handshake by the addon: what it says is asked for, so that a test decides what arrives. */
export class OpenSslPeer {
  readonly handshake: NativeDtlsHandshake;
  state: number = HANDSHAKE.HANDSHAKING;

  constructor(own: Certificate, expected: Certificate, isServer: boolean) {
    this.handshake = new (addonOrThrow().DtlsHandshake)(
      contextOf(own),
      isServer,
      [7, 1],
      'sha-256',
      Buffer.from(expected.fingerprint.replaceAll(':', ''), 'hex'),
    );
  }

  get isConnected(): boolean {
    return this.state === HANDSHAKE.CONNECTED;
  }

  start(): Buffer[] {
    this.state = this.handshake.start();
    return this.#taken();
  }

  /** What it answers. */
  hear(...datagrams: readonly Buffer[]): Buffer[] {
    for (const datagram of datagrams) this.state = this.handshake.feed(datagram, 0, datagram.length);
    return this.#taken();
  }

  tick(): Buffer[] {
    this.state = this.handshake.tick();
    return this.#taken();
  }

  close(): void {
    this.handshake.free();
  }

  #taken(): Buffer[] {
    const taken: Buffer[] = [];
    for (let datagram = this.handshake.take(); datagram !== undefined; datagram = this.handshake.take())
      taken.push(datagram);
    return taken;
  }
}

/** A channel, what it sent since it was last asked, and what it reported. */
export class OpenSslSide {
  readonly channel: OpenSslChannel;
  readonly alerts: Buffer[] = [];
  readonly failures: string[] = [];
  keys: Parameters<ConstructorParameters<typeof OpenSslChannel>[2]['onReady']>[0] | undefined;
  dropped = 0;
  #sent: Buffer[] = [];

  constructor(own: Certificate, expected: Certificate, active: boolean) {
    this.channel = new OpenSslChannel(addonOrThrow(), contextOf(own), {
      active,
      profiles: [7, 1],
      fingerprint: { hash: 'sha-256', value: expected.fingerprint },
      send: (datagram) => this.#sent.push(datagram),
      onReady: (keys) => {
        this.keys = keys;
      },
      onFail: (reason) => this.failures.push(reason),
      onAlert: (record) => this.alerts.push(Buffer.from(record)),
      onDropped: () => this.dropped++,
    });
  }

  /** What it answers. */
  hear(...datagrams: readonly Buffer[]): Buffer[] {
    for (const datagram of datagrams) this.channel.onDatagram(datagram);
    return this.sent();
  }

  sent(): Buffer[] {
    const sent = this.#sent;
    this.#sent = [];
    return sent;
  }
}

const contexts = new Map<Certificate, NativeDtlsContext>();
function contextOf(own: Certificate): NativeDtlsContext {
  const context = contexts.get(own) ?? new (addonOrThrow().DtlsContext)(own.certPem, own.keyPem);
  contexts.set(own, context);
  return context;
}

function addonOrThrow() {
  const loaded = loadNativeAddon();
  if ('reason' in loaded) throw new Error(loaded.reason);
  return loaded.addon;
}
