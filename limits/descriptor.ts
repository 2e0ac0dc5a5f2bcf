/** The descriptors of `envoy/configs/edge.yaml`, read: who asks, and what an answer was. */
import type { AnswerFacts } from "./charge.ts";
import { type Facts, isFact, MARK, NO_FACTS } from "./names.ts";

/** A descriptor on the wire. */
export interface Descriptor {
  readonly entries: readonly (readonly [key: string, value: string])[];
  /** Undefined where it says nothing of its own. */
  readonly hitsAddend?: number | undefined;
}

/** Meaning of a descriptor. */
export type Meaning =
  /** May this request come in? `hits` requests are counted when it may; 0 only asks. */
  | {
    readonly ask: true;
    readonly subject: Map<string, string>;
    readonly hits: number;
    /** Whether it is marked as ours; others are worth a note only where a limit names them. */
    readonly marked: boolean;
  }
  /** An answer has ended: charge it. */
  | { readonly ask: false; readonly subject: Map<string, string>; readonly facts: AnswerFacts };

/** Longest value that is told apart. */
const MAX_CHARACTERS = 256;

/** Whether it is what Envoy's formatters write for an absent value. */
function isNothing(text: string): boolean {
  return text === "" || text === "-";
}

/**
 * Reads one descriptor. A repeated name has its last value. A tenant that nobody named is the tenant
 * `-`, which shares one bucket: an unnamed client is limited, too.
 *
 * @param addend of the whole request, for descriptors without their own; 0 is 1
 */
export function meaningOf({ entries, hitsAddend }: Descriptor, addend: number): Meaning {
  const subject = new Map<string, string>();
  const facts = { ...NO_FACTS };
  let mark = "";
  for (const [name, whole] of entries) {
    // A client may choose its session's name, so its length is bounded: counters are kept by it.
    const value = whole.length > MAX_CHARACTERS ? whole.slice(0, MAX_CHARACTERS) : whole;
    if (name === MARK) mark = value;
    else if (isFact(name)) facts[name] = value;
    else if (name === "tenant" || !isNothing(value)) subject.set(name, value);
    else subject.delete(name);
  }
  if (mark === "charge") return chargeMeant(subject, facts);
  return { ask: true, subject, hits: hitsAddend ?? (addend || 1), marked: mark !== "" };
}

function chargeMeant(subject: Map<string, string>, facts: Facts): Meaning {
  // Policy may name the model before; else it is the one that answered.
  const model = isNothing(facts.answer_model) ? subject.get("model") : facts.answer_model;
  if (model !== undefined && !subject.has("model")) subject.set("model", model);
  const [input, total] = [numberOf(facts.input_tokens), numberOf(facts.total_tokens)];
  // Whatever is in the total and in no part is charged as output, the dearer one.
  const output = Math.max(numberOf(facts.output_tokens), total - input);
  return {
    ask: false,
    subject,
    facts: {
      status: numberOf(facts.status),
      method: facts.method,
      path: facts.path,
      requestBytes: numberOf(facts.request_bytes),
      responseBytes: numberOf(facts.response_bytes),
      ...(total > 0 && { usage: { input, output, total } }),
      ...(model !== undefined && { model }),
    },
  };
}

function numberOf(text: string): number {
  const value = Number(text);
  return Number.isFinite(value) && value > 0 ? value : 0;
}
