/**
 * How an RTSP connection that main accepted is carried to the worker that owns it: main keeps the socket, the bytes go over
 * a MessagePort with transfer. Used where the descriptor itself cannot be handed over (`RtspCarrier`).
 */

/** Main → worker. `open` comes first. Bytes are transferred: the receiver owns them. */
export type RelayToWorker =
  | { readonly type: 'open'; readonly local: string }
  | { readonly type: 'bytes'; readonly bytes: Uint8Array }
  | { readonly type: 'end'; readonly reason: string };

/** Worker → main. `ack` counts the bytes that the worker is done with. */
export type RelayToMain =
  | { readonly type: 'bytes'; readonly bytes: Uint8Array }
  | { readonly type: 'ack'; readonly bytes: number }
  | { readonly type: 'end' };

/** Main pauses the socket above this many bytes that the worker has not acknowledged, and goes on below half of it. */
export const RELAY_WINDOW_BYTES = 1024 * 1024;

/** A peer that does not read its answers is dropped above this many unsent bytes. */
export const MAX_UNSENT_BYTES = 1024 * 1024;

/** Whether a message on the worker's side of the port is ours. */
export function isRelayToWorker(value: unknown): value is RelayToWorker {
  if (typeof value !== 'object' || value === null || !('type' in value)) return false;
  if (value.type === 'open') return 'local' in value && typeof value.local === 'string';
  if (value.type === 'end') return 'reason' in value && typeof value.reason === 'string';
  return value.type === 'bytes' && 'bytes' in value && value.bytes instanceof Uint8Array;
}

/** Whether a message on main's side of the port is ours. */
export function isRelayToMain(value: unknown): value is RelayToMain {
  if (typeof value !== 'object' || value === null || !('type' in value)) return false;
  if (value.type === 'end') return true;
  if (value.type === 'ack') return 'bytes' in value && typeof value.bytes === 'number' && value.bytes >= 0;
  return value.type === 'bytes' && 'bytes' in value && value.bytes instanceof Uint8Array;
}
