/** The step `prompt`: system text in front of a request's own, or behind it. */
import type { JsonObject, RequestDraft, Step } from "../exchange.ts";
import type { StepFile } from "../transform_schema.ts";
import { inScope, isFor } from "./when.ts";

type Settings = NonNullable<StepFile["prompt"]>;

/** Returns the step. Chat requests get system messages, Responses and Messages their own field. */
export function promptStep({ when, system }: Settings): Step {
  return {
    mustRead: (draft) => inScope(when, draft),
    request(draft) {
      if (draft.json === undefined || !isFor(when, draft)) return undefined;
      if (draft.messages !== undefined && !draft.pathname.endsWith("/messages")) {
        decorateChat(draft, draft.messages, system);
      } else if (draft.pathname.endsWith("/responses")) {
        decorate(draft.json, "instructions", system);
      } else if (draft.pathname.endsWith("/messages")) decorate(draft.json, "system", system);
      else return undefined;
      draft.changed = true;
      return undefined;
    },
  };
}

function decorateChat(
  draft: RequestDraft,
  messages: readonly JsonObject[],
  { prepend, append }: Settings["system"],
): void {
  const own = messages.findIndex(({ role }) => role !== "system" && role !== "developer");
  const until = own < 0 ? messages.length : own;
  const message = (content: string) => ({ role: "system", content });
  if (draft.json === undefined) return;
  draft.json.messages = [
    ...(prepend === undefined ? [] : [message(prepend)]),
    ...messages.slice(0, until),
    ...(append === undefined ? [] : [message(append)]),
    ...messages.slice(until),
  ];
}

/** Joins texts in one field; a list of blocks (Messages) gets blocks. */
function decorate(
  json: JsonObject,
  field: "instructions" | "system",
  { prepend, append }: Settings["system"],
): void {
  const own = json[field];
  if (Array.isArray(own)) {
    const block = (text: string) => ({ type: "text", text });
    json[field] = [
      ...(prepend === undefined ? [] : [block(prepend)]),
      ...own,
      ...(append === undefined ? [] : [block(append)]),
    ];
    return;
  }
  json[field] = [prepend, typeof own === "string" ? own : undefined, append]
    .filter((part) => part !== undefined).join("\n\n");
}
