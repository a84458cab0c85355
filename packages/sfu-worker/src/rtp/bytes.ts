/** The byte at `at`, for callers that have checked their bounds: an index outside the buffer would read as 0. */
export function byteAt(buffer: Buffer, at: number): number {
  return buffer[at] ?? 0;
}

/** The 16-bit big-endian number at `at`; bounds as `byteAt`. */
export function uint16At(buffer: Buffer, at: number): number {
  return (byteAt(buffer, at) << 8) | byteAt(buffer, at + 1);
}

/** The 32-bit big-endian number at `at`, 0..2^32-1; bounds as `byteAt`. */
export function uint32At(buffer: Buffer, at: number): number {
  return ((uint16At(buffer, at) << 16) | uint16At(buffer, at + 2)) >>> 0;
}
