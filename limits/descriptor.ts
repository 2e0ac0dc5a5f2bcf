/** The descriptors of `envoy/configs/edge.yaml`, read: who asks, and what an answer was. */
import type { AnswerFacts } from "./charge.ts";

/** A descriptor on the wire. */
export interface Descriptor {
  readonly entries?: readonly { readonly key?: string; readonly value?: string }[];
  readonly hits_addend?: number;
}

/** Meaning of a descriptor. */
export type Meaning =
  /** May this request come in? `hits` requests are counted when it may; 0 only asks. */
  | { readonly ask: true; readonly subject: Map<string, string>; readonly hits: number }
  /** An answer has ended: charge it. */
  | { readonly ask: false; readonly subject: Map<string, string>; readonly facts: AnswerFacts };

/** The entry that says what a descriptor is: `ask` or `charge`. Descriptors without it are questions. */
export const MARK = "llm";

/** Entries of a charge that are facts of the answer, and no names to match. */
const FACTS = [
  "status",
  "method",
  "path",
  "request_bytes",
  "response_bytes",
  "input_tokens",
  "output_tokens",
  "total_tokens",
  "answer_model",
] as const;

/** Longest value that is told apart. */
const MAX_CHARACTERS = 256;

/** Text that Envoy's formatters write for an absent value. */
const NOTHING = new Set(["", "-"]);

/**
 * Reads one descriptor. A repeated name has its last value. A tenant that nobody named is the tenant
 * `-`, which shares one bucket: an unnamed client is limited, too.
 *
 * @param hitsAddend of the whole request, for descriptors without their own; 0 is 1
 */
export function meaningOf({ entries = [], hits_addend }: Descriptor, hitsAddend: number): Meaning {
  // A client may choose its session's name, so its length is bounded: counters are kept by it.
  const all = new Map(
    entries.map(({ key = "", value = "" }) => [key, value.slice(0, MAX_CHARACTERS)]),
  );
  const mark = all.get(MARK);
  const fact = Object.fromEntries(FACTS.map((name) => [name, all.get(name) ?? ""])) as Record<
    typeof FACTS[number],
    string
  >;
  const subject = new Map(
    [...all].filter(([name, value]) =>
      name !== MARK && !(FACTS as readonly string[]).includes(name) &&
      (name === "tenant" || !NOTHING.has(value))
    ),
  );
  if (mark !== "charge") return { ask: true, subject, hits: hits_addend ?? (hitsAddend || 1) };
  // Policy may name the model before; else it is the one that answered.
  const model = NOTHING.has(fact.answer_model) ? subject.get("model") : fact.answer_model;
  if (model !== undefined && !subject.has("model")) subject.set("model", model);
  const [input, total] = [numberOf(fact.input_tokens), numberOf(fact.total_tokens)];
  // Whatever is in the total and in no part is charged as output, the dearer one.
  const output = Math.max(numberOf(fact.output_tokens), total - input);
  const facts: AnswerFacts = {
    status: numberOf(fact.status),
    method: fact.method,
    path: fact.path,
    requestBytes: numberOf(fact.request_bytes),
    responseBytes: numberOf(fact.response_bytes),
    ...(total > 0 && { usage: { input, output, total } }),
    ...(model !== undefined && { model }),
  };
  return { ask: false, subject, facts };
}

function numberOf(text: string): number {
  const value = Number(text);
  return Number.isFinite(value) && value > 0 ? value : 0;
}
