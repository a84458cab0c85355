import { readFileSync } from 'node:fs';

/** Where the build puts the module (scripts/wasm.mjs), seen from src/fastpath and from dist/fastpath. */
const FILE = new URL('../../wasm/build/fan-out.wasm', import.meta.url);
const PAGE_BYTES = 65_536;

/** Addresses and sizes that the module says of its memory (wasm/assembly/layout.ts). */
const LAYOUT = [
  'MAX_LEGS',
  'MAX_PACKETS',
  'MAX_PACKET_BYTES',
  'HEADER_BYTES',
  'TAG_BYTES',
  'SLOT_STRIDE',
  'SLOT_HEADROOM',
  'PACKETS',
  'PACKET_STRIDE',
  'PACKET_INDEX_AT',
  'PACKET_TIMESTAMP_AT',
  'PACKET_BYTES_AT',
  'PACKET_MARKER_AT',
  'LEGS',
  'LEG_STRIDE',
  'LEG_INDEX_DELTA_AT',
  'LEG_FIRST_INDEX_AT',
  'LEG_TIMESTAMP_OFFSET_AT',
  'LEG_SSRC_AT',
  'LEG_PAYLOAD_TYPE_AT',
  'LEG_SESSION_AT',
  'LEG_JOBS_AT',
  'LEG_OCTETS_AT',
  'LEG_BLOCKS_AT',
  'LEG_DROPPED_AT',
  'LEG_LAST_TIMESTAMP_AT',
  'JOBS',
  'JOB_STRIDE',
  'JOB_BYTES_AT',
  'SOURCES',
  'SOURCE_STRIDE',
  'KEYSTREAM',
  'KEYSTREAM_STRIDE',
  'SESSIONS',
  'SESSION_STRIDE',
  'SESSION_SALT_AT',
  'SESSION_KEY',
  'MAX_SESSIONS',
  'POOL',
] as const;
export type WasmLayout = Readonly<Record<(typeof LAYOUT)[number], number>>;

/** What the module does (wasm/assembly/fan-out.ts). */
export type WasmFunctions = {
  readonly openSession: (session: number) => void;
  readonly closeSession: (session: number) => void;
  readonly build: (legs: number, packets: number, slot: number, room: number) => number;
  readonly seal: (legs: number, jobs: number) => void;
};

export type WasmInstance = {
  readonly functions: WasmFunctions;
  readonly layout: WasmLayout;
  /** The whole memory. It never grows, so views on it stay valid. */
  readonly memory: ArrayBuffer;
};

// Node's types name no WebAssembly without the DOM's; this is what is used of it.
type WebAssemblyApi = {
  readonly Memory: new (size: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: Record<string, unknown> };
};

/**
 * An instance with room for `slots` packets.
 * @returns why there is none: not built, no WebAssembly or no SIMD in this Node, not enough address space
 */
export function loadWasmModule(slots: number): WasmInstance | { readonly reason: string } {
  const api = (globalThis as { WebAssembly?: WebAssemblyApi }).WebAssembly;
  if (api === undefined) return { reason: 'this Node has no WebAssembly' };
  try {
    const module = new api.Module(readFileSync(FILE));
    // Only an instance tells how large its memory must be: a first one, with the module's own minimum, is asked.
    const { layout } = instantiate(api, module, 1);
    const pages = Math.ceil((layout.POOL + slots * layout.SLOT_STRIDE) / PAGE_BYTES);
    return instantiate(api, module, pages);
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) };
  }
}

function instantiate(api: WebAssemblyApi, module: object, pages: number): WasmInstance {
  const memory = new api.Memory({ initial: pages, maximum: pages });
  const { exports } = new api.Instance(module, { env: { memory } });
  const layout = Object.fromEntries(
    LAYOUT.map((name) => [name, (exports[name] as { readonly value: number }).value]), // exported as constants
  ) as WasmLayout;
  return { functions: exports as WasmFunctions, layout, memory: memory.buffer }; // built from our own sources
}
