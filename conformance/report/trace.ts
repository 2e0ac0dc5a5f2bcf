/** The timed trace of a case. */
import type { Story } from "../verdict/agreement.ts";
import type { End } from "../client/transcript.ts";

/** One line of the timed trace of a case: who saw what, when. */
export interface TraceLine {
  /** Milliseconds since the first request of the case. */
  t: number;
  witness: "client" | "policy" | "upstream" | "envoy";
  text: string;
}

/** When events left the upstream and reached the client, for drawing: milliseconds. */
export interface Timeline {
  sent: number[];
  received: number[];
}

/** Lines kept of one trace: the start and the end tell the story. */
const MAX_LINES = 120;

/** Points kept of one timeline. */
const MAX_POINTS = 200;

/** Puts what the witnesses saw side by side, ordered by time on the one clock. */
export function traceOf(story: Story): TraceLine[] {
  const lines: TraceLine[] = [];
  const add = (t: number | undefined, witness: TraceLine["witness"], text: string) => {
    if (t !== undefined) lines.push({ t, witness, text });
  };
  for (const [index, transcript] of story.client.entries()) {
    const tag = story.client.length > 1 ? `#${index + 1} ` : "";
    add(transcript.startedAt, "client", `${tag}sends ${transcript.method} ${transcript.path}`);
    for (const head of transcript.informational) {
      add(head.at, "client", `${tag}gets ${head.status}`);
    }
    add(transcript.head?.at, "client", `${tag}gets status ${transcript.head?.status}`);
    for (const [at, bytes] of byRead(transcript.chunks)) {
      add(at, "client", `${tag}gets ${bytes} body bytes`);
    }
    const { end } = transcript;
    add(end?.at, "client", `${tag}${end ? sayEnd(end) : ""}`);
  }
  for (const check of story.policy ?? []) {
    add(check.receivedAt, "policy", `is asked: ${check.method} ${check.path}`);
    const status = check.status === undefined ? "" : ` ${check.status}`;
    add(check.answeredAt, "policy", `answers ${check.decision ?? ""}${status}`);
    add(check.cancelledAt, "policy", "sees the call cancelled");
  }
  for (const entry of story.upstream ?? []) {
    const connection = `connection ${entry.connection}`;
    add(entry.receivedAt, "upstream", `gets ${entry.method} ${entry.target} (${connection})`);
    add(entry.bodyEnd, "upstream", `has the whole body, ${entry.bodyBytes} bytes`);
    for (const [n, at] of entry.eventTimes.entries()) add(at, "upstream", `sends event ${n + 1}`);
    add(entry.endedAt, "upstream", `ends: ${entry.end}, ${entry.bytesWritten} bytes written`);
  }
  lines.sort((a, b) => a.t - b.t);
  const zero = lines[0]?.t ?? 0;
  const timed = lines.map((line) => ({ ...line, t: round(line.t - zero) }));
  // Envoy's lines carry no time on our clock: they come last.
  const last = timed.at(-1)?.t ?? 0;
  for (const line of story.envoy ?? []) {
    timed.push({ t: last, witness: "envoy", text: `logs ${line.line.trim()}` });
  }
  return shorten(timed);
}

/** Returns the send and receive times of the first stream of a story, if it has one. */
export function timelineOf(story: Story): Timeline | undefined {
  const stream = story.client.find(({ events }) => events.length > 1);
  if (!stream) return undefined;
  const sender = story.upstream?.find(({ eventTimes }) => eventTimes.length > 1);
  const zero = Math.min(stream.startedAt, sender?.receivedAt ?? Infinity);
  return {
    sent: (sender?.eventTimes ?? []).slice(0, MAX_POINTS).map((at) => round(at - zero)),
    received: stream.events.slice(0, MAX_POINTS).map(({ at }) => round(at - zero)),
  };
}

/** Chunks that came within the same millisecond are one line. */
function byRead(chunks: readonly { at: number; bytes: Uint8Array }[]): [number, number][] {
  const reads: [number, number][] = [];
  for (const { at, bytes } of chunks) {
    const last = reads.at(-1);
    if (last && at - last[0] < 1) last[1] += bytes.length;
    else reads.push([at, bytes.length]);
  }
  return reads;
}

function sayEnd(end: End): string {
  const detail = end.detail ? ` (${end.detail})` : "";
  return end.kind === "aborted" ? `leaves${detail}` : `sees the end: ${end.kind}${detail}`;
}

/** Keeps the beginning and the end of a trace, `most` lines in all. */
export function shorten(lines: TraceLine[], most = MAX_LINES): TraceLine[] {
  if (lines.length <= most) return lines;
  const half = most / 2;
  const left: TraceLine = {
    t: lines[half]?.t ?? 0,
    witness: "client",
    text: `… ${lines.length - most} lines left out …`,
  };
  return [...lines.slice(0, half), left, ...lines.slice(-half)];
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
