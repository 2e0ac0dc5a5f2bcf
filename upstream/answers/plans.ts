/** Plans a whole answer: what a scenario says, or what the mock makes up. */
import type { EndpointCall } from "./answer.ts";
import type { Ask } from "../../dialects/mod.ts";
import { type ChoicePlan, planChoice, type PlanEnd, type PlanUsage, usageOf } from "./plan.ts";
import type { Random } from "./random.ts";
import type { Reply } from "../../dialects/mod.ts";
import { tokenize } from "./text.ts";

/** Returns the choices of an answer, and its token counts. */
export function plansOf(
  ask: Ask,
  call: Pick<EndpointCall, "random" | "tokens" | "reply">,
): { readonly plans: readonly ChoicePlan[]; readonly usage: PlanUsage } {
  const { random, tokens, reply } = call;
  const plans = Array.from(
    { length: ask.count },
    () => reply === undefined ? planChoice(ask, { random, tokens }) : planReply(reply, random),
  );
  return { plans, usage: { ...usageOf(ask, plans), ...reply?.usage } };
}

function planReply(reply: Reply, random: Random): ChoicePlan {
  const calls = (reply.tool_calls ?? []).map((call) => {
    const { name, id, arguments: given = {}, input } = call;
    return {
      ...(id === undefined ? {} : { id }),
      digits: random.hex(24),
      name,
      kind: input === undefined ? "function" as const : "custom" as const,
      input: input ?? (typeof given === "string" ? given : JSON.stringify(given)),
    };
  });
  const text = reply.text ?? (Array.isArray(reply.chunks) ? reply.chunks.join("") : undefined);
  const says = text !== undefined || (calls.length === 0 && reply.refusal === undefined);
  return {
    reasoning: tokenize(reply.reasoning ?? ""),
    content: says ? piecesOf(text ?? "", reply.chunks) : undefined,
    ...(reply.refusal === undefined ? {} : { refusal: tokenize(reply.refusal) }),
    calls,
    end: endOf(reply),
  };
}

function endOf(reply: Reply): PlanEnd {
  if (reply.finish !== undefined) return reply.finish;
  if (reply.refusal !== undefined) return "refusal";
  return reply.tool_calls?.length ? "tool_calls" : "stop";
}

function piecesOf(text: string, chunks: Reply["chunks"]): string[] {
  if (typeof chunks !== "number") return chunks ? [...chunks] : tokenize(text);
  const characters = [...text];
  const pieces: string[] = [];
  for (let at = 0; at < characters.length; at += chunks) {
    pieces.push(characters.slice(at, at + chunks).join(""));
  }
  return pieces;
}
