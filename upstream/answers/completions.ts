import { z } from "zod";
import { DONE_EVENT } from "../../openai/mod.ts";
import { StreamEvent } from "../load/stream_event.ts";
import { type Answer, checkModel, createdOf, type EndpointCall, reply } from "./answer.ts";
import { parseBody } from "./chat_request.ts";
import { answerTokens, countTokens } from "./text.ts";

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
  echo: z.boolean().nullish(),
});

/** OpenAI's own default for `max_tokens` here (API reference, "Completions"). */
const DEFAULT_TOKENS = 16;

/** `POST /v1/completions`, the legacy endpoint. */
export function completions(call: EndpointCall): Answer {
  const request = parseBody(COMPLETION, call.body);
  checkModel(request.model, call.models);
  const { random } = call;
  const prompts = promptsOf(request.prompt);
  const base = {
    id: `cmpl-${random.hex(24)}`,
    object: "text_completion",
    created: createdOf(random),
    model: request.model,
    system_fingerprint: `fp_${random.hex(10)}`,
  };
  const limit = request.max_tokens ?? DEFAULT_TOKENS;
  const choices = prompts.flatMap((prompt) =>
    Array.from({ length: request.n ?? 1 }, () => {
      const tokens = [...answerTokens(prompt, { random, tokens: call.tokens })];
      const echo = request.echo ? [prompt] : [];
      const finish = tokens.length > limit ? "length" : "stop";
      return { tokens: [...echo, ...tokens.slice(0, limit)], finish };
    })
  );
  const prompt_tokens = prompts.reduce((sum, prompt) => sum + countTokens(prompt), 0);
  const completion_tokens = choices.reduce((sum, choice) => sum + choice.tokens.length, 0);
  const usage = {
    prompt_tokens,
    completion_tokens,
    total_tokens: prompt_tokens + completion_tokens,
  };
  if (!request.stream) {
    return reply({
      ...base,
      choices: choices.map(({ tokens, finish }, index) => ({
        text: tokens.join(""),
        index,
        logprobs: null,
        finish_reason: finish,
      })),
      usage,
    });
  }
  const include = request.stream_options?.include_usage === true;
  return { kind: "events", events: events() };

  function* events(): Generator<StreamEvent> {
    let first = true;
    const write = (body: object) => `data: ${JSON.stringify(body)}\n\n`;
    const nullUsage = include ? { usage: null } : {};
    for (const [index, { tokens, finish }] of choices.entries()) {
      for (const text of tokens) {
        const chunk = { text, index, logprobs: null, finish_reason: null };
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

function promptsOf(prompt: z.infer<typeof COMPLETION>["prompt"]): string[] {
  if (prompt === null || prompt === undefined) return [""];
  if (typeof prompt === "string") return [prompt];
  if (prompt.every((part) => typeof part === "string")) return prompt;
  if (prompt.every((part) => typeof part === "number")) return [prompt.join(" ")];
  return prompt.map((part) => (part as number[]).join(" "));
}
