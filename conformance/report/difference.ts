/** Finds where the witnesses of a case disagree first: the line of a trace that decides, and the place in two values. */
import type { TraceLine } from "./trace.ts";

/** The first thing on which the witnesses of a case disagree. */
export interface FirstDifference {
  /** Lines of the trace that contradict each other, by index. */
  readonly lines: readonly number[];
  readonly says: string;
}

/**
 * Returns the first contradiction in a trace; undefined when the witnesses agree, or when it has several requests, whose
 * lines cannot be told apart.
 */
export function firstDifference(trace: readonly TraceLine[]): FirstDifference | undefined {
  const lines = trace.map((line, index) => ({ ...line, index }));
  const find = (witness: TraceLine["witness"], pattern: RegExp) => {
    const line = lines.find((one) => one.witness === witness && pattern.test(one.text));
    return line && { index: line.index, words: pattern.exec(line.text) ?? [] };
  };
  if (lines.filter(({ text }) => /^(#\d+ )?sends [A-Z]+ /.test(text)).length > 1) return undefined;
  const sent = find("client", /sends [A-Z]+ (\S+)/);
  const asked = find("policy", /is asked: [A-Z]+ (\S+)/);
  const verdict = find("policy", /answers (allow|deny|error)(?: (\d+))?/);
  const reached = find("upstream", /gets [A-Z]+ (\S+)/);
  const status = find("client", /gets status (\d+)/);
  const finish = find("client", /sees the end: (\S+)/);
  const end = find("upstream", /ends: (\S+),/);
  const both = (one: { index: number }, other: { index: number }, says: string) => ({
    lines: [one.index, other.index],
    says,
  });
  const unheard = find("policy", /sees the call cancelled/);
  if (unheard && !verdict && reached) {
    return both(
      unheard,
      reached,
      "Policy gave no answer, and the upstream got the request all the same",
    );
  }
  if (verdict?.words[1] === "deny" && reached) {
    return both(verdict, reached, "Policy denied, and the upstream got the request all the same");
  }
  if (reached && !asked && lines.some(({ witness }) => witness === "policy")) {
    return {
      lines: [reached.index],
      says: "The upstream got a request that policy was not asked about",
    };
  }
  if (verdict?.words[1] === "deny" && verdict.words[2] && status) {
    if (verdict.words[2] !== status.words[1]) {
      const says = `Policy said ${verdict.words[2]}, and the client got ${status.words[1]}`;
      return both(verdict, status, says);
    }
  }
  const path = (target: string | undefined) => target?.split("?")[0];
  if (asked && reached && path(asked.words[1]) !== path(reached.words[1])) {
    const says = `Policy was asked about ${asked.words[1]}, and the upstream got ${
      reached.words[1]
    }`;
    return both(asked, reached, says);
  }
  if (sent && asked && path(sent.words[1]) !== path(asked.words[1])) {
    const says = `The client sent ${sent.words[1]}, and policy was asked about ${asked.words[1]}`;
    return both(sent, asked, says);
  }
  if (end?.words[1] === "completed" && finish && finish.words[1] !== "complete") {
    return both(
      end,
      finish,
      `The upstream ended its answer, and the client saw "${finish.words[1]}"`,
    );
  }
  return undefined;
}

/** Two texts cut where they begin to differ, and where they are alike again. */
export interface Cut {
  readonly before: string;
  readonly differs: string;
  readonly after: string;
}

/** Quotes and brackets alone make no two values alike. */
const LEAST_ALIKE = 3;
/** Characters of a common part that are shown; more would push the difference out of sight. */
const CONTEXT = 40;

/**
 * Returns what is alike in two texts, and what is not: for the first, and for the second. Texts with little in common are
 * left whole.
 */
export function cutDifference(one: string, two: string): readonly [Cut, Cut] {
  const shorter = Math.min(one.length, two.length);
  let start = 0;
  while (start < shorter && one[start] === two[start]) start++;
  let end = 0;
  while (end < shorter - start && one.at(-1 - end) === two.at(-1 - end)) end++;
  if (start + end < LEAST_ALIKE) {
    return [{ before: one, differs: "", after: "" }, { before: two, differs: "", after: "" }];
  }
  const cut = (text: string): Cut => ({
    before: shortenStart(text.slice(0, start)),
    differs: text.slice(start, text.length - end),
    after: shortenEnd(text.slice(text.length - end)),
  });
  return [cut(one), cut(two)];
}

function shortenStart(text: string): string {
  return text.length <= CONTEXT ? text : `…${text.slice(-CONTEXT)}`;
}

function shortenEnd(text: string): string {
  return text.length <= CONTEXT ? text : `${text.slice(0, CONTEXT)}…`;
}

/** How late events came: from when each was sent to when it was received, milliseconds. */
export interface Delays {
  readonly events: number;
  readonly median: number;
  readonly most: number;
}

/** Returns the delays of a stream; undefined where not each event's departure is known. */
export function delaysOf(
  { sent, received }: { readonly sent: readonly number[]; readonly received: readonly number[] },
): Delays | undefined {
  // What is cut into several writes may be whole at the client before its last one is noted.
  const delays = received.slice(0, sent.length)
    .map((at, index) => Math.max(0, at - (sent[index] ?? at)))
    .sort((a, b) => a - b);
  const median = delays[Math.floor(delays.length / 2)];
  if (median === undefined || sent.length < received.length) return undefined;
  return { events: received.length, median, most: delays.at(-1) ?? median };
}
