/**
 * Index of the packet nearest to the highest one seen (RFC 3711 §3.3.1, appendix A).
 * @param highest highest index so far (ROC * 65536 + SEQ), -1 before the first packet
 * @returns -1 for a packet from before the first rollover or after the last one (§9.2), which cannot be valid
 */
export function guessIndex(highest: number, sequence: number): number {
  if (highest < 0) return sequence;
  const roc = Math.floor(highest / 0x1_0000);
  const last = highest % 0x1_0000;
  let guess = roc;
  if (last < 0x8000) {
    if (sequence - last > 0x8000) guess = roc - 1;
  } else if (last - 0x8000 > sequence) {
    guess = roc + 1;
  }
  return guess < 0 || guess > 0xffff_ffff ? -1 : guess * 0x1_0000 + sequence;
}
