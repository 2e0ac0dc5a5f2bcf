/** Contexts of sessions that are broken on purpose. */
import { answersIgnored, asking, eventOf, handling, recordingCut, tenantless } from "./defects.ts";
import type { StepMutant } from "./step_mutant.ts";

// deno-lint-ignore no-explicit-any -- a body of whatever shape, broken on purpose
type Loose = any;

/** The connection manager of the base configuration. */
function manager({ static_resources: { listeners } }: Loose): Loose {
  return listeners[0].filter_chains[0].filters[0].typed_config;
}

/** Defects of a session's context. */
export const CONTEXT_MUTANTS: readonly StepMutant[] = [
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
