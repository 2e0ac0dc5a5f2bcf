/** Redaction that is broken on purpose. */
import { Buffer } from "node:buffer";
import {
  asking,
  blindToStreams,
  broken,
  type Defect,
  flushless,
  forgetful,
  handling,
  handlingAll,
  requestUndone,
  rewriting,
  skipping,
} from "./defects.ts";
import type { StepMutant } from "./step_mutant.ts";

// deno-lint-ignore no-explicit-any -- a body of whatever shape, broken on purpose
type Loose = any;

const isSecond = ({ index }: Loose) => (index ?? 0) > 0;
const hasCalls = ({ delta, message }: Loose) =>
  delta?.tool_calls !== undefined || message?.tool_calls !== undefined;

/** Defects of redaction. */
export const REDACT_MUTANTS: readonly StepMutant[] = [
  {
    id: "redact-event-by-event",
    defect: "each event is redacted by itself",
    on: "redact",
    kills: ["redact.sse-every-cut", "redact.sse-characters", "redact.tool-arguments"],
    breaks: forgetful("redact"),
  },
  {
    id: "redact-json-alone",
    defect: "streams are not redacted",
    on: "redact",
    kills: ["redact.sse-every-cut", "redact.sse-characters"],
    breaks: blindToStreams("redact"),
  },
  {
    id: "redact-streams-alone",
    defect: "whole answers are not redacted",
    on: "redact",
    kills: ["redact.json", "redact.error-answer"],
    breaks: handling("redact", ({ whole: _, ...handler }) => handler),
  },
  {
    id: "redact-first-choice",
    defect: "only the first choice is redacted",
    on: "redact",
    kills: ["redact.second-choice"],
    breaks: skipping("redact", isSecond),
  },
  {
    id: "redact-no-arguments",
    defect: "arguments of tool calls are not redacted",
    on: "redact",
    kills: ["redact.tool-arguments"],
    breaks: skipping("redact", hasCalls),
  },
  {
    id: "redact-loses-the-rest",
    defect: "what was held back is never sent",
    on: "redact",
    kills: ["redact.sse-every-cut"],
    breaks: flushless("redact"),
  },
  {
    id: "redact-drops-usage",
    defect: "chunks without choices are dropped",
    on: "redact",
    kills: ["redact.usage-intact"],
    breaks: handling("redact", (handler) => ({
      ...handler,
      event: async (event) => event.json?.usage ? [] : await handler.event?.(event),
    })),
  },
  {
    id: "redact-writes-anew",
    defect: "answers are written anew, redacted or not",
    on: "redact",
    kills: ["redact.untouched-bytes"],
    breaks: rewriting("redact"),
  },
  {
    id: "redact-passes-compressed",
    defect: "a compressed answer passes unread",
    on: "redact",
    kills: ["redact.compressed"],
    breaks: handlingAll(({ mustRead: _, ...handler }) => handler),
  },
  {
    id: "redact-passes-errors",
    defect: "errors are not redacted",
    on: "redact",
    kills: ["redact.error-answer"],
    breaks: handling("redact", (handler) => ({
      ...handler,
      whole: (json, head) => head.status === 200 ? handler.whole?.(json, head) : undefined,
    })),
  },
  {
    id: "redact-logs-what-it-finds",
    defect: "what was found stands in the access log",
    on: "redact",
    kills: ["redact.never-logged"],
    breaks: asking("redact", (draft, step) => {
      const found = /[a-z]+@example\.com/.exec(Buffer.from(draft.bytes).toString())?.[0];
      if (found === undefined) return step.request(draft);
      return { answer: { status: 400, details: `found_${found}`, body: new Uint8Array(0) } };
    }),
  },
  {
    id: "redact-answers-alone",
    defect: "requests are not redacted",
    on: "redact_request",
    kills: ["redact.request"],
    breaks: requestUndone("redact"),
  },
  {
    id: "redact-reads-in-one-way",
    defect: "what the steps cannot read, or read in one of two ways, passes",
    on: "redact_request",
    kills: ["redact.request-ambiguous"],
    breaks: broken("redact", ({ mustRead: _, ...step }) => step),
  },
  {
    id: "redact-writes-requests-anew",
    defect: "requests are written anew, redacted or not",
    on: "redact_request",
    kills: ["redact.request-untouched"],
    breaks: asking("redact", async (draft, step) => {
      const outcome = await step.request(draft);
      draft.changed = true;
      return outcome;
    }),
  },
  {
    id: "redact-keeps-tags",
    defect: "tags are not replaced in answers",
    on: "redact_reversible",
    list: "reversible",
    kills: ["redact.reversible"],
    breaks: handling("redact", () => ({})),
  },
  {
    id: "redact-shares-tags",
    defect: "all requests share their tags",
    on: "redact_reversible",
    list: "reversible",
    kills: ["redact.reversible-apart"],
    breaks: sharedTags(),
  },
];

/** Answers every request with the tags of the first that had some. */
function sharedTags(): Defect {
  let first: Loose;
  return broken("redact", (step) => ({
    async request(draft) {
      const outcome = await step.request(draft);
      if (outcome !== undefined && "handler" in outcome) first = outcome.handler;
      return first === undefined ? outcome : { handler: first };
    },
  }));
}
