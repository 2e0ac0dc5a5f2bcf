/** Gemini's `generateContent`, `streamGenerateContent` and `countTokens` (Gemini API reference). */
import { StreamEvent } from "../../load/stream_event.ts";
import { type Answer, checkModel, type EndpointCall, reply } from "../answer.ts";
import { type ChoicePlan, inputTokens, type PlanEnd, type PlanUsage } from "../plan.ts";
import { plansOf } from "../plans.ts";
import { RequestError } from "../request_error.ts";
import { askOfGenerate, type GenerateRequest, parseGenerate } from "./generate_request.ts";

/** `POST /v1beta/models/{model}:generateContent`. */
export function generate(call: EndpointCall): Answer {
  const made = make(call, false);
  return reply({ candidates: made.plans.map(wholeCandidate), ...tailOf(made) }, made.usage);
}

/**
 * `POST /v1beta/models/{model}:streamGenerateContent`: events with `?alt=sse`, else one JSON array that grows. A function
 * call comes whole: Gemini does not send arguments in pieces.
 */
export function streamGenerate(call: EndpointCall): Answer {
  const made = make(call, true);
  if (call.query.get("alt") === "sse") {
    const events = pieces(made, (body) => `data: ${JSON.stringify(body)}\r\n\r\n`);
    return { kind: "events", events, usage: made.usage };
  }
  let before = "[";
  const write = (body: unknown, last: boolean) => {
    const text = `${before}${JSON.stringify(body)}${last ? "]" : ""}`;
    before = ",\r\n";
    return text;
  };
  const events = pieces(made, write);
  return { kind: "events", contentType: "application/json", events, usage: made.usage };
}

/** `POST /v1beta/models/{model}:countTokens`. */
export function countTokens(call: EndpointCall): Answer {
  const model = modelOf(call);
  const { generateContentRequest, ...plain } = call.body as Record<string, unknown>;
  const request = parseGenerate(generateContentRequest ?? plain);
  const totalTokens = inputTokens(askOfGenerate(request, { model, stream: false }));
  return reply({
    totalTokens,
    promptTokensDetails: [{ modality: "TEXT", tokenCount: totalTokens }],
  });
}

/** `finishReason` by why an answer ended (API reference, "FinishReason"); a function call ends as any answer does. */
const FINISH: Readonly<Record<PlanEnd, string>> = {
  stop: "STOP",
  stop_sequence: "STOP",
  length: "MAX_TOKENS",
  tool_calls: "STOP",
  refusal: "SAFETY",
  content_filter: "SAFETY",
};

interface Made {
  readonly model: string;
  readonly id: string;
  readonly plans: readonly ChoicePlan[];
  readonly usage: PlanUsage;
}

function make(call: EndpointCall, stream: boolean): Made {
  const model = modelOf(call);
  const request: GenerateRequest = parseGenerate(call.body);
  const ask = askOfGenerate(request, { model, stream });
  checkNames(ask.choice.names ?? [], ask.tools.map(({ name }) => name));
  return { model, id: call.random.hex(22), ...plansOf(ask, call) };
}

function checkNames(allowed: readonly string[], offered: readonly string[]): void {
  const missing = allowed.find((name) => !offered.includes(name));
  if (missing === undefined) return;
  throw new RequestError(
    "Function calling config's allowed_function_names must be a subset of the declared functions: " +
      `"${missing}" is not declared.`,
  );
}

function modelOf(call: EndpointCall): string {
  const model = decodeURIComponent(call.params.model ?? "");
  checkModel(model, call);
  return model;
}

function wholeCandidate(plan: ChoicePlan, index: number) {
  const parts: object[] = [];
  if (plan.reasoning.length > 0) parts.push({ text: plan.reasoning.join(""), thought: true });
  const text = plan.content ?? plan.refusal;
  if (text) parts.push({ text: text.join("") });
  return candidate([...parts, ...plan.calls.map(callPart)], index, FINISH[plan.end]);
}

function candidate(parts: readonly object[], index: number, finishReason?: string) {
  const content = { parts, role: "model" };
  return finishReason === undefined ? { content, index } : { content, finishReason, index };
}

function callPart({ name, input, id }: ChoicePlan["calls"][number]) {
  let args: unknown;
  try {
    args = JSON.parse(input);
  } catch {
    args = { input };
  }
  return { functionCall: { ...(id === undefined ? {} : { id }), name, args } };
}

/** Gemini counts thoughts apart from the answer. */
function tailOf({ usage, model, id }: Made) {
  const { input, output, cached, reasoning } = usage;
  return {
    usageMetadata: {
      promptTokenCount: input,
      candidatesTokenCount: Math.max(0, output - reasoning),
      totalTokenCount: input + output,
      ...(cached > 0 ? { cachedContentTokenCount: cached } : {}),
      ...(reasoning > 0 ? { thoughtsTokenCount: reasoning } : {}),
      promptTokensDetails: [{ modality: "TEXT", tokenCount: input }],
    },
    modelVersion: model,
    responseId: id,
  };
}

/** The pieces of a stream: each a whole response that holds what is new; the last one has the finish reason. */
function* pieces(
  made: Made,
  write: (body: unknown, last: boolean) => string,
): Generator<StreamEvent> {
  const tail = tailOf(made);
  const bodies = made.plans.flatMap((plan, index) => {
    const parts: object[] = [
      ...plan.reasoning.map((text) => ({ text, thought: true })),
      ...(plan.content ?? plan.refusal ?? []).map((text) => ({ text })),
      ...plan.calls.map(callPart),
    ];
    if (parts.length === 0) parts.push({ text: "" });
    return parts.map((part, i) =>
      candidate([part], index, i === parts.length - 1 ? FINISH[plan.end] : undefined)
    );
  });
  for (const [i, body] of bodies.entries()) {
    const text = write({ candidates: [body], ...tail }, i === bodies.length - 1);
    yield new StreamEvent(text, i === 0 ? "first" : "next");
  }
}
