import { randomBytes } from 'node:crypto';

/**
 * An SSRC for another track of a session. All its tracks share one SRTP key: two under one SSRC would repeat IVs as soon as
 * their indexes meet (RFC 3711 §9.1).
 * @param draw 32 random bits
 */
export function freshSsrc(taken: readonly number[], draw = () => randomBytes(4).readUInt32BE()): number {
  let ssrc = draw();
  while (ssrc === 0 || taken.includes(ssrc)) ssrc = draw();
  return ssrc;
}
