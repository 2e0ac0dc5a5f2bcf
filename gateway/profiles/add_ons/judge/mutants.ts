/** Gateways whose steps are broken on purpose, one defect each. */
import { Buffer } from "node:buffer";
import type { Mutant } from "../../../../mutants/mod.ts";
import {
  answersIgnored,
  asking,
  blindTo,
  blindToStreams,
  broken,
  type Defect,
  eventOf,
  flushless,
  forgetful,
  handling,
  handlingAll,
  holdingAll,
  recordingCut,
  requestUndone,
  rewriting,
  skipping,
  tenantless,
} from "./defects.ts";

/** A gateway that is broken in one of its steps, or in the place of its processor. */
export interface StepMutant extends Mutant {
  /** The list of steps that it has. */
  readonly list?: string;
  readonly breaks?: Defect;
}

// deno-lint-ignore no-explicit-any -- a body of whatever shape, broken on purpose
type Loose = any;

const EXT_PROC = "envoy.filters.http.ext_proc";
const EXT_AUTHZ = "envoy.filters.http.ext_authz";

/** The connection manager of the base configuration. */
function manager({ static_resources: { listeners } }: Loose): Loose {
  return listeners[0].filter_chains[0].filters[0].typed_config;
}

const isSecond = ({ index }: Loose) => (index ?? 0) > 0;
const hasCalls = ({ delta, message }: Loose) =>
  delta?.tool_calls !== undefined || message?.tool_calls !== undefined;

const REDACT: readonly StepMutant[] = [
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

const GUARD: readonly StepMutant[] = [
  {
    id: "guard-event-by-event",
    defect: "each event is checked by itself",
    on: "guard",
    list: "guarded",
    kills: ["guard.sse-every-cut"],
    breaks: forgetful("guard"),
  },
  {
    id: "guard-json-alone",
    defect: "streams are not checked",
    on: "guard",
    list: "guarded",
    kills: ["guard.sse-every-cut", "guard.sse-nothing-after"],
    breaks: blindToStreams("guard"),
  },
  {
    id: "guard-streams-alone",
    defect: "whole answers are not checked",
    on: "guard",
    list: "guarded",
    kills: ["guard.json"],
    breaks: handling("guard", ({ whole: _, ...handler }) => handler),
  },
  {
    id: "guard-first-choice",
    defect: "only the first choice is checked",
    on: "guard",
    list: "guarded",
    kills: ["guard.second-choice"],
    breaks: handling("guard", (handler) => ({
      ...handler,
      async event(event) {
        const choices = event.json?.choices as Loose[] | undefined;
        return choices?.some(isSecond) ? undefined : await handler.event?.(event);
      },
      whole: (json, head) =>
        handler.whole?.({ ...json, choices: (json.choices as Loose[]).slice(0, 1) }, head),
    })),
  },
  {
    id: "guard-no-arguments",
    defect: "arguments of tool calls are not checked",
    on: "guard",
    list: "guarded",
    kills: ["guard.tool-arguments"],
    breaks: handling("guard", (handler) => ({
      ...handler,
      async event(event) {
        const choices = event.json?.choices as Loose[] | undefined;
        return choices?.some(hasCalls) ? undefined : await handler.event?.(event);
      },
      whole: (json, head) =>
        (json.choices as Loose[]).some(hasCalls) ? undefined : handler.whole?.(json, head),
    })),
  },
  {
    id: "guard-goes-on",
    defect: "after a refusal the answer goes on",
    on: "guard",
    list: "guarded",
    kills: ["guard.sse-nothing-after"],
    breaks: handling("guard", (handler) => ({
      ...handler,
      async event(event) {
        const events = await handler.event?.(event);
        return events?.length === 0 ? [event] : events;
      },
    })),
  },
  {
    id: "guard-loses-the-rest",
    defect: "what was held back for a check is never sent",
    on: "guard",
    list: "guarded",
    kills: ["guard.clean-whole"],
    breaks: flushless("guard"),
  },
  {
    id: "guard-no-input",
    defect: "requests are not checked",
    on: "guard_input",
    list: "guarded",
    kills: ["guard.input"],
    breaks: answersIgnored("guard"),
  },
  {
    id: "guard-fails-open",
    defect: "when a guard cannot be asked everything passes",
    on: "guard_unavailable",
    list: "unavailable",
    kills: ["guard.unavailable-refuses"],
    breaks: answersIgnored("guard"),
  },
];

const CACHE: readonly StepMutant[] = [
  {
    id: "cache-for-all-tenants",
    defect: "the key names no tenant",
    on: "cache",
    kills: ["cache.tenant-isolated"],
    breaks: tenantless("cache"),
  },
  {
    id: "cache-by-known-fields",
    defect: "the key knows the usual fields alone",
    on: "cache",
    kills: ["cache.tools-differ", "cache.unknown-field-differs"],
    breaks: blindTo("cache", ["tools", "x_style"]),
  },
  {
    id: "cache-by-prompt",
    defect: "the key knows no parameters",
    on: "cache",
    kills: ["cache.params-differ"],
    breaks: asking("cache", async (draft, step) => {
      const json = draft.json as Loose;
      const kept = { ...json };
      if (json) Object.assign(json, { model: "", seed: 1, max_tokens: 1 });
      const outcome = await step.request(draft);
      for (const key of Object.keys(json ?? {})) delete json[key];
      Object.assign(json ?? {}, kept);
      return outcome;
    }),
  },
  {
    id: "cache-blind-to-stream",
    defect: "streams and whole answers have one key",
    on: "cache",
    kills: ["cache.stream-differs"],
    breaks: blindTo("cache", ["stream"]),
  },
  {
    id: "cache-by-order",
    defect: "the order of fields is part of the key",
    on: "cache",
    kills: ["cache.key-order-same"],
    breaks: asking("cache", async (draft, step) => {
      const json = draft.json as Loose;
      if (json) json.x_order = Object.keys(json).join();
      const outcome = await step.request(draft);
      delete json?.x_order;
      return outcome;
    }),
  },
  {
    id: "cache-keeps-errors",
    defect: "errors are kept like answers",
    on: "cache",
    kills: ["cache.error-not-stored"],
    breaks: handling("cache", (handler) => ({
      ...handler,
      sent: (bytes, last, head) =>
        head.status === 200
          ? handler.sent?.(bytes, last, head)
          : handler.sent?.(Buffer.from("{}"), last, { ...head, status: 200 }),
    })),
  },
  {
    id: "cache-keeps-halves",
    defect: "a stream that broke off is kept like a whole one",
    on: "cache",
    kills: ["cache.incomplete-not-stored"],
    breaks: handling("cache", (handler) => {
      let isOver = false;
      let head: Loose;
      const rest = 'data: {"choices":[{"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n';
      return {
        ...handler,
        sent(bytes, last, to) {
          head = to;
          isOver = last;
          return handler.sent?.(bytes, last, to);
        },
        over() {
          if (!isOver && head?.isStream) {
            Promise.resolve(handler.sent?.(Buffer.from(rest), true, head)).catch(() => {});
          }
          handler.over?.();
        },
      };
    }),
  },
  {
    id: "cache-before-policy",
    defect: "the cache is asked before policy",
    kills: ["cache.deny-first"],
    on: "cache",
    edit(config) {
      const { http_filters: filters } = manager(config);
      const at = (name: string) => filters.findIndex((one: Loose) => one.name === name);
      const [processor] = filters.splice(at(EXT_PROC), 1);
      filters.splice(at(EXT_AUTHZ), 0, processor);
    },
  },
  {
    id: "cache-minds-no-client",
    defect: "what clients say about caching is ignored",
    on: "cache",
    kills: ["cache.no-store", "cache.max-age"],
    breaks: asking("cache", (draft, step) => {
      const { header } = draft;
      draft.header = (name) => name === "cache-control" ? undefined : header.call(draft, name);
      return step.request(draft);
    }),
  },
  {
    id: "cache-lets-the-crowd-through",
    defect: "equal requests at once all ask the upstream",
    on: "cache",
    kills: ["cache.stampede"],
    breaks: asideFromCrowds(),
  },
  {
    id: "cache-waits-for-the-dead",
    defect: "a request that failed keeps those who wait for it waiting",
    on: "cache",
    kills: ["cache.leader-fails"],
    breaks: handling("cache", ({ over: _, ...handler }) => handler),
  },
  {
    id: "cache-never-hits",
    defect: "what was kept is never given",
    on: "cache",
    kills: ["cache.hit-json", "cache.hit-sse-bytes"],
    breaks: answersIgnored("cache"),
  },
  {
    id: "steps-hold-streams",
    defect: "a stream is held back until its end",
    on: "cache",
    kills: ["cache.stream-miss-cadence"],
    breaks: handlingAll(holdingAll),
  },
  {
    id: "redact-holds-streams",
    defect: "a stream is held back until its end",
    on: "redact",
    kills: ["redact.sse-cadence"],
    breaks: handlingAll(holdingAll),
  },
  {
    id: "context-holds-streams",
    defect: "a stream is held back until its end",
    on: "context",
    kills: ["context.stream-cadence"],
    breaks: handlingAll(holdingAll),
  },
];

const CONTEXT: readonly StepMutant[] = [
  {
    id: "context-for-all-tenants",
    defect: "a session's key names no tenant",
    on: "context",
    kills: ["context.tenant-isolated"],
    breaks: tenantless("context"),
  },
  {
    id: "context-records-cuts",
    defect: "an answer that broke off is kept like a whole one",
    on: "context",
    kills: ["context.cut-not-recorded"],
    breaks: handling("context", (handler) => recordingCut(handler, { end: true, over: true })),
  },
  {
    id: "context-records-leavers",
    defect: "a turn is kept although its client left",
    on: "context",
    kills: ["context.cancel-not-recorded"],
    breaks: handling("context", (handler) => recordingCut(handler, { end: false, over: true })),
  },
  {
    id: "context-before-system",
    defect: "earlier turns stand before the system messages",
    on: "context",
    kills: ["context.injected"],
    breaks: asking("context", async (draft, step) => {
      const outcome = await step.request(draft);
      const messages = draft.messages;
      if (messages !== undefined && draft.json !== undefined && draft.changed) {
        const isSystem = ({ role }: Loose) => role === "system";
        draft.json.messages = [
          ...messages.filter((one) => !isSystem(one)),
          ...messages.filter(isSystem),
        ];
      }
      return outcome;
    }),
  },
  {
    id: "context-twice",
    defect: "what a client sends itself is put in again",
    on: "context",
    kills: ["context.no-duplicate"],
    breaks: asking("context", async (draft, step) => {
      const { json, messages = [] } = draft;
      if (json === undefined || messages.length < 2) return await step.request(draft);
      const told = messages.slice(0, -1);
      json.messages = messages.slice(-1);
      const outcome = await step.request(draft);
      json.messages = [...told, ...json.messages as Loose[]];
      return outcome;
    }),
  },
  {
    id: "context-cuts-pairs",
    defect: "a call may be left out whose result is sent",
    on: "context",
    kills: ["context.tool-pairs-whole"],
    breaks: asking("context", async (draft, step) => {
      const outcome = await step.request(draft);
      if (draft.json !== undefined && draft.changed) {
        draft.json.messages = (draft.messages ?? []).slice(2);
      }
      return outcome;
    }),
  },
  {
    id: "context-without-limit",
    defect: "every turn of a session is sent",
    on: "context",
    kills: ["context.limit-turns"],
    breaks: {
      file: (file) => ({
        ...file,
        steps: file.steps.map((one) =>
          one.context
            ? { context: { ...one.context, keep: { ...one.context.keep, turns: 100 } } }
            : one
        ),
      }),
    },
  },
  {
    id: "context-blind-to-index",
    defect: "pieces of all tool calls are taken for one call",
    on: "context",
    kills: ["context.recorded-sse"],
    breaks: handling("context", (handler) => ({
      ...handler,
      event(event) {
        const [choice] = (event.json?.choices ?? []) as Loose[];
        if (event.json === undefined || !choice?.delta?.tool_calls) return handler.event?.(event);
        const tool_calls = choice.delta.tool_calls.map((one: Loose) => ({ ...one, index: 0 }));
        const choices = [{ ...choice, delta: { ...choice.delta, tool_calls } }];
        Promise.resolve(handler.event?.(eventOf({ ...event.json, choices }))).catch(() => {});
        return undefined;
      },
    })),
  },
  {
    id: "context-trusts-clients",
    defect: "a client's own context headers pass",
    on: "context",
    kills: ["context.client-header-stripped"],
    edit(config) {
      const { mutations } = manager(config).early_header_mutation_extensions[0].typed_config;
      const isContext = ({ remove }: Loose) => remove?.startsWith("x-llm-context");
      mutations.splice(0, mutations.length, ...mutations.filter((one: Loose) => !isContext(one)));
    },
  },
  {
    id: "context-any-session",
    defect: "an id that is none is ignored",
    on: "context",
    kills: ["context.bad-session-400"],
    breaks: answersIgnored("context"),
  },
  {
    id: "context-writes-anew",
    defect: "requests are written anew, with context or without",
    on: "context",
    kills: ["context.bytes-unchanged"],
    breaks: asking("context", async (draft, step) => {
      const outcome = await step.request(draft);
      draft.changed = true;
      return outcome;
    }),
  },
];

const TOOLS: readonly StepMutant[] = [
  {
    id: "tools-all-listed",
    defect: "every tool is listed, whatever policy says",
    on: "mcp_tools",
    list: "mcp",
    kills: ["mcp.list-filtered"],
    breaks: handling("mcp_tools", () => ({})),
  },
];

/** Every one of them. */
export const STEP_MUTANTS: readonly StepMutant[] = [
  ...REDACT,
  ...GUARD,
  ...CACHE,
  ...CONTEXT,
  ...TOOLS,
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

/** Lets a request pass by the cache while an equal one is on its way. */
function asideFromCrowds(): Defect {
  const running = new Map<string, number>();
  const count = (key: string, by: number) => running.set(key, (running.get(key) ?? 0) + by);
  return asking("cache", async (draft, step) => {
    const key = Buffer.from(draft.bytes).toString();
    if ((running.get(key) ?? 0) > 0) return undefined;
    const outcome = await step.request(draft);
    if (outcome === undefined || !("handler" in outcome)) return outcome;
    count(key, 1);
    const { handler } = outcome;
    return {
      handler: {
        ...handler,
        over() {
          count(key, -1);
          handler.over?.();
        },
      },
    };
  });
}
