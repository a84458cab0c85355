/** Splits an H.264 byte stream (ITU-T H.264 annex B) into NAL units without start codes. Views on `bytes`. */
export function splitAnnexB(bytes: Buffer): Buffer[] {
  const units: Buffer[] = [];
  let unitStart = -1;
  for (let at = bytes.indexOf('\x00\x00\x01', 0, 'latin1'); at >= 0; ) {
    if (unitStart >= 0) units.push(bytes.subarray(unitStart, trimZeros(bytes, unitStart, at)));
    unitStart = at + 3;
    at = bytes.indexOf('\x00\x00\x01', unitStart, 'latin1');
  }
  if (unitStart >= 0) units.push(bytes.subarray(unitStart, trimZeros(bytes, unitStart, bytes.length)));
  return units.filter((unit) => unit.length > 0);
}

/** Trailing zeros belong to the next start code, never to a NAL unit (H.264 §7.4.1.1). */
function trimZeros(bytes: Buffer, start: number, end: number): number {
  let last = end;
  while (last > start && bytes[last - 1] === 0) last--;
  return last;
}

/** Groups NAL units into access units: a slice that begins a picture, or what may only come before one, starts the next. */
export function groupAccessUnits(units: readonly Buffer[]): Buffer[][] {
  const frames: Buffer[][] = [];
  let frame: Buffer[] = [];
  let hasSlice = false;
  for (const unit of units) {
    const type = (unit[0] as number) & 0x1f;
    const isSlice = type === 1 || type === 5;
    // H.264 §7.4.1.2.4: first_mb_in_slice is the first Exp-Golomb code; a leading 1 bit says 0.
    const beginsPicture = isSlice && unit.length > 1 && ((unit[1] as number) & 0x80) !== 0;
    const comesBefore = (type >= 6 && type <= 9) || (type >= 14 && type <= 18);
    if (hasSlice && (beginsPicture || comesBefore)) {
      frames.push(frame);
      frame = [];
      hasSlice = false;
    }
    frame.push(unit);
    hasSlice ||= isSlice;
  }
  if (hasSlice) frames.push(frame);
  return frames;
}
