/** Rules that a frame keeps or breaks by its head alone (RFC 9113, section 6), and what breaking one means. */
import { FRAME, type FrameHead, H2_ERROR } from "./frames.ts";

/** A broken rule: the error code, and the reason for a log or the debug data of GOAWAY. */
export interface Violation {
  readonly code: number;
  readonly why: string;
}

/** Makes a violation. */
export function violation(code: keyof typeof H2_ERROR, why: string): Violation {
  return { code: H2_ERROR[code], why };
}

interface Rule {
  /** Whether the frame belongs to the connection (0), to a stream, or to either. */
  readonly stream: "none" | "one" | "either";
  /** Length of the payload: exactly, or at least. */
  readonly bytes?: number;
  readonly least?: number;
}

const RULES: Readonly<Record<number, Rule>> = {
  [FRAME.DATA]: { stream: "one" },
  [FRAME.HEADERS]: { stream: "one" },
  [FRAME.PRIORITY]: { stream: "one", bytes: 5 },
  [FRAME.RST_STREAM]: { stream: "one", bytes: 4 },
  [FRAME.SETTINGS]: { stream: "none" },
  [FRAME.PUSH_PROMISE]: { stream: "one" },
  [FRAME.PING]: { stream: "none", bytes: 8 },
  [FRAME.GOAWAY]: { stream: "none", least: 8 },
  [FRAME.WINDOW_UPDATE]: { stream: "either", bytes: 4 },
  [FRAME.CONTINUATION]: { stream: "one" },
};

/** The rule that a frame's head breaks; undefined for none, and for types that nobody knows (section 4.1). */
export function headError({ type, stream, length }: FrameHead): Violation | undefined {
  const rule = RULES[type];
  if (rule === undefined) return undefined;
  if (rule.stream !== "either" && (rule.stream === "one") !== (stream !== 0)) {
    return violation("PROTOCOL_ERROR", `frame of type ${type} on stream ${stream}`);
  }
  if ((rule.bytes ?? length) !== length || length < (rule.least ?? 0)) {
    return violation("FRAME_SIZE_ERROR", `frame of type ${type} with ${length} bytes`);
  }
  return undefined;
}
