/** `POST /v1/completions`, the legacy endpoint (API reference, "Completions"). */
import { z } from "zod";
import { DONE_EVENT } from "../../../openai/mod.ts";
import { StreamEvent } from "../../load/stream_event.ts";
import { type Answer, checkModel, createdOf, type EndpointCall, reply } from "../answer.ts";
import type { Ask } from "../../../dialects/mod.ts";
import type { ChoicePlan } from "../plan.ts";
import { plansOf } from "../plans.ts";
import type { Random } from "../random.ts";
import { parseBody } from "../request_body.ts";
import { countTokens, tokenize } from "../text.ts";

const COMPLETION = z.looseObject({
  model: z.string().min(1),
  prompt: z.union([
    z.string(),
    z.array(z.string()),
    z.array(z.number()),
    z.array(z.array(z.number())),
  ])
    .nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().optional() }).nullish(),
  n: z.number().int().min(1).max(128).nullish(),
  max_tokens: z.number().int().min(0).nullish(),
  stop: z.union([z.string(), z.array(z.string()).max(4)]).nullish(),
  echo: z.boolean().nullish(),
  logprobs: z.number().int().min(0).max(5).nullish(),
});

type Request = z.infer<typeof COMPLETION>;

/** OpenAI's own default for `max_tokens` here (API reference, "Completions"). */
const DEFAULT_TOKENS = 16;

/** Answers a legacy request, whole or as events. */
export function completions(call: EndpointCall): Answer {
  const request = parseBody(COMPLETION, call.body);
  checkModel(request.model, call);
  const { random } = call;
  const prompts = promptsOf(request.prompt);
  const base = {
    id: `cmpl-${random.hex(24)}`,
    object: "text_completion",
    created: createdOf(random),
    model: request.model,
    system_fingerprint: `fp_${random.hex(10)}`,
  };
  const choices = prompts.flatMap((prompt) =>
    plansOf(askOf(request, prompt), call).plans.map((plan) => choiceOf(request, prompt, plan))
  );
  const prompt_tokens = prompts.reduce((sum, prompt) => sum + countTokens(prompt), 0);
  const completion_tokens = choices.reduce((sum, { said }) => sum + said.length, 0);
  const usage = {
    prompt_tokens,
    completion_tokens,
    total_tokens: prompt_tokens + completion_tokens,
  };
  const counted = { input: prompt_tokens, output: completion_tokens, cached: 0, reasoning: 0 };
  if (!request.stream) {
    const body = {
      ...base,
      choices: choices.map(({ echoed, said, finish }, index) => ({
        text: [...echoed, ...said].join(""),
        index,
        logprobs: logprobsOf([...echoed, ...said], {
          top: request.logprobs,
          random,
          from: 0,
          prompted: echoed.length > 0,
        }),
        finish_reason: finish,
      })),
      usage,
    };
    return reply(body, counted);
  }
  const include = request.stream_options?.include_usage === true;
  return { kind: "events", events: events(), usage: counted };

  function* events(): Generator<StreamEvent> {
    let first = true;
    const write = (body: object) => `data: ${JSON.stringify(body)}\n\n`;
    const nullUsage = include ? { usage: null } : {};
    for (const [index, { echoed, said, finish }] of choices.entries()) {
      let from = 0;
      for (const text of [...echoed, ...said]) {
        const prompted = from === 0 && echoed.length > 0;
        const logprobs = logprobsOf([text], { top: request.logprobs, random, from, prompted });
        from += text.length;
        const chunk = { text, index, logprobs, finish_reason: null };
        const body = { ...base, choices: [chunk], ...nullUsage };
        yield new StreamEvent(write(body), first ? "first" : "next");
        first = false;
      }
      const last = { text: "", index, logprobs: null, finish_reason: finish };
      yield new StreamEvent(write({ ...base, choices: [last], ...nullUsage }));
    }
    if (include) yield new StreamEvent(write({ ...base, choices: [], usage }));
    yield new StreamEvent(DONE_EVENT);
  }
}

/** Reads a legacy request into the neutral form, as far as it is about its first prompt. */
export function askOfCompletion(body: unknown): Ask {
  const request = parseBody(COMPLETION, body);
  return askOf(request, promptsOf(request.prompt)[0] ?? "");
}

function askOf(request: Request, prompt: string): Ask {
  return {
    model: request.model,
    stream: request.stream === true,
    system: [],
    turns: [{ role: "user", text: prompt, images: 0, calls: [] }],
    tools: [],
    choice: { mode: "none" },
    parallel: false,
    limit: request.max_tokens ?? DEFAULT_TOKENS,
    stop: typeof request.stop === "string" ? [request.stop] : request.stop ?? [],
    reasoning: 0,
    count: request.n ?? 1,
  };
}

/** Returns the text of one choice: the repeated prompt, and the answer. */
function choiceOf(request: Request, prompt: string, plan: ChoicePlan) {
  return {
    echoed: request.echo ? tokenize(prompt) : [],
    said: plan.content ?? [],
    finish: plan.end === "length" ? "length" : "stop",
  };
}

/**
 * Makes up the legacy log probabilities (API reference, "Completions", `logprobs`); `null` when none are asked for. The
 * first token of a prompt has none, since nothing is before it.
 */
function logprobsOf(
  tokens: readonly string[],
  options: {
    readonly top: number | null | undefined;
    readonly random: Random;
    readonly from: number;
    readonly prompted: boolean;
  },
) {
  const { top, random, prompted } = options;
  if (top === null || top === undefined) return null;
  let offset = options.from;
  const rows = tokens.map((token, i) => {
    const logprob = prompted && i === 0 ? null : -Math.round(random.next() * 1e4) / 1e5;
    const text_offset = offset;
    offset += token.length;
    return { token, logprob, text_offset };
  });
  return {
    tokens,
    token_logprobs: rows.map(({ logprob }) => logprob),
    top_logprobs: top === 0
      ? null
      : rows.map(({ token, logprob }) =>
        logprob === null ? null : Object.fromEntries(
          Array.from({ length: top }, (_, i) => [i === 0 ? token : `${token}${i}`, logprob - i]),
        )
      ),
    text_offset: rows.map(({ text_offset }) => text_offset),
  };
}

function promptsOf(prompt: Request["prompt"]): string[] {
  if (prompt === null || prompt === undefined) return [""];
  if (typeof prompt === "string") return [prompt];
  if (prompt.every((part) => typeof part === "string")) return prompt;
  if (prompt.every((part) => typeof part === "number")) return [prompt.join(" ")];
  return prompt.map((part) => (part as number[]).join(" "));
}
