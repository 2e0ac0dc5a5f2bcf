/** Reads what scenarios may look at out of a request. */
import { textOf } from "../../openai/mod.ts";
import { readAsk } from "../answers/routes.ts";
import type { Wire } from "../wire/wire.ts";
import type { MatchInput } from "./scenario_match.ts";

/** Returns what a request offers to be matched; a body that is not valid still has its model and its last text. */
export function matchInput(wire: Wire, bytes: Uint8Array): MatchInput {
  const { method } = wire.exchange;
  const header = (name: string) => wire.header(name);
  const { dialect, ask } = readAsk(method, { path: wire.path, bytes, header });
  const plain = ask ? undefined : plainOf(bytes);
  return {
    method,
    path: wire.path,
    dialect,
    model: ask?.model ?? plain?.model,
    lastMessage: ask ? ask.turns.at(-1)?.text : plain?.lastMessage,
    ask,
    header,
  };
}

/** The model and the last text of any JSON body that has them. */
function plainOf(bytes: Uint8Array): Pick<MatchInput, "model" | "lastMessage"> {
  let body: unknown;
  try {
    body = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    body = undefined;
  }
  const { model, messages, input, prompt } = (body ?? {}) as Record<string, unknown>;
  const list = Array.isArray(messages) ? messages : Array.isArray(input) ? input : undefined;
  const last = list ? list.at(-1)?.content ?? list.at(-1) : input ?? prompt;
  return {
    model: typeof model === "string" ? model : undefined,
    lastMessage: typeof last === "string" || Array.isArray(last) ? textOf(last) : undefined,
  };
}
