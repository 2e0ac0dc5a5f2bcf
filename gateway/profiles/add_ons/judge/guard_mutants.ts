/** Guards, and lists of tools, that are broken on purpose. */
import { answersIgnored, blindToStreams, flushless, forgetful, handling } from "./defects.ts";
import type { StepMutant } from "./step_mutant.ts";

// deno-lint-ignore no-explicit-any -- a body of whatever shape, broken on purpose
type Loose = any;

const isSecond = ({ index }: Loose) => (index ?? 0) > 0;
const hasCalls = ({ delta, message }: Loose) =>
  delta?.tool_calls !== undefined || message?.tool_calls !== undefined;

/** Defects of guards. */
export const GUARD_MUTANTS: readonly StepMutant[] = [
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

/** Defects of lists of tools. */
export const TOOL_MUTANTS: readonly StepMutant[] = [
  {
    id: "tools-all-listed",
    defect: "every tool is listed, whatever policy says",
    on: "mcp_tools",
    list: "mcp",
    kills: ["mcp.list-filtered"],
    breaks: handling("mcp_tools", () => ({})),
  },
];
