/** SETTINGS of the peer (RFC 9113, section 6.5). */
import { MAX_FRAME_BYTES, MAX_WINDOW, SETTING, uint32 } from "./frames.ts";
import { type Violation, violation } from "./frame_rules.ts";

/** Bytes of one setting. */
const ENTRY_BYTES = 6;

/** Range of a setting, and the error for any other value. */
const LIMITS: Readonly<Record<number, { least: number; most: number; broken: Violation }>> = {
  [SETTING.ENABLE_PUSH]: {
    least: 0,
    most: 1,
    broken: violation("PROTOCOL_ERROR", "SETTINGS_ENABLE_PUSH is neither 0 nor 1"),
  },
  [SETTING.INITIAL_WINDOW_SIZE]: {
    least: 0,
    most: MAX_WINDOW,
    broken: violation("FLOW_CONTROL_ERROR", "SETTINGS_INITIAL_WINDOW_SIZE above 2^31-1"),
  },
  [SETTING.MAX_FRAME_SIZE]: {
    least: MAX_FRAME_BYTES,
    most: 2 ** 24 - 1,
    broken: violation("PROTOCOL_ERROR", "SETTINGS_MAX_FRAME_SIZE not between 2^14 and 2^24-1"),
  },
};

/** Calls `apply` for each setting of a frame that is no acknowledgement; the rule that is broken ends it. */
export function readSettings(
  payload: Uint8Array,
  apply: (id: number, value: number) => void,
): Violation | undefined {
  if (payload.length % ENTRY_BYTES !== 0) {
    return violation("FRAME_SIZE_ERROR", `SETTINGS of ${payload.length} bytes`);
  }
  for (let at = 0; at < payload.length; at += ENTRY_BYTES) {
    const id = ((payload[at] ?? 0) << 8) | (payload[at + 1] ?? 0);
    const value = uint32(payload, at + 2);
    const limits = LIMITS[id];
    if (limits !== undefined && (value < limits.least || value > limits.most)) return limits.broken;
    apply(id, value);
  }
  return undefined;
}
