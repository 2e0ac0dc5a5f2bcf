/** Cuts event streams into writes, and counts their events. */
import type { Cut } from "../types.ts";

/** Cuts bytes at the given offsets, or every `cut` bytes. */
export function cutBytes(bytes: Uint8Array, cut: Cut): Uint8Array[] {
  const at = typeof cut === "number"
    ? Array.from({ length: Math.ceil(bytes.length / cut) }, (_, i) => i * cut)
    : [0, ...[...cut].sort((a, b) => a - b)];
  const pieces = at.map((from, i) => bytes.subarray(from, at[i + 1] ?? bytes.length));
  return pieces.filter((piece) => piece.length > 0);
}

/** How many event blocks end in these bytes: blank lines after LF, CRLF or CR. */
export function countEvents(bytes: Uint8Array): number {
  let events = 0;
  for (let i = 0; i + 1 < bytes.length; i++) {
    const a = bytes[i];
    if (a !== 10 && a !== 13) continue;
    const b = bytes[i + 1];
    if (a === b) {
      events++;
      i++;
    } else if (a === 13 && b === 10 && bytes[i + 2] === 13 && bytes[i + 3] === 10) {
      events++;
      i += 3;
    }
  }
  return events;
}
