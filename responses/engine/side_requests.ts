/** Questions about a conversation that make no response: how long it is, and the same in fewer words. */
import type { ChatTool } from "../../openai/mod.ts";
import { ApiError } from "../api/errors.ts";
import { newId } from "../api/id.ts";
import type { Item } from "../api/objects.ts";
import type { CreateRequest } from "../api/request.ts";
import type { Backend } from "../backend/backend.ts";
import type { ChatDelta, ChatUsage } from "../backend/chat.ts";
import { finishOf } from "../backend/finish_reasons.ts";
import type { ModelInput } from "./model_input.ts";
import { type ResponseUsage, UsageTotal } from "./usage.ts";

/** Everything that such a question needs. */
export interface SideRequest {
  readonly request: CreateRequest;
  readonly input: ModelInput;
  readonly tools: readonly ChatTool[];
  readonly backend: Backend;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Unix seconds. */
  readonly now: () => number;
}

/** `POST /v1/responses/compact` (API reference). */
export interface Compaction {
  readonly id: string;
  readonly object: "response.compaction";
  readonly created_at: number;
  readonly output: readonly Item[];
  readonly usage: ResponseUsage | null;
}

/** Instruction to the model, whose answer takes the place of the conversation. */
const SUMMARISE =
  "Summarise this conversation so that somebody who reads only your summary can go on with it: what was asked " +
  "for, what was done and found, names, numbers, paths and decisions, and what is still open. Leave nothing " +
  "out that will be needed. Answer with the summary alone.";

/** Before a summary, so that the model knows what it reads. */
const SUMMARY_HEAD = "Summary of the conversation up to here:\n\n";

/**
 * Returns how many tokens the request has. Only the model server knows its tokens, so it is asked: for an answer of
 * one token, of which nothing but the count of what it read is used.
 *
 * @throws {ApiError} 501 where it does not count
 */
export async function inputTokens(side: SideRequest): Promise<number> {
  const { usage } = await asked(side, { maxTokens: 1 });
  if (usage !== undefined && usage.input > 0) return usage.input;
  throw new ApiError(501, "not_supported", "The model server does not count tokens");
}

/** Returns what the user said, and a summary of the whole that `seal` closes. */
export async function compaction(
  side: SideRequest,
  seal: (text: string) => string,
): Promise<Compaction> {
  const { input: { history, input, messages }, now } = side;
  const answer = await asked(side, {
    messages: [...messages, { role: "user", content: SUMMARISE }],
  });
  const total = new UsageTotal();
  total.add(answer.usage);
  const users = [...history, ...input].filter(({ type, role }) =>
    type === "message" && role === "user"
  );
  const summary: Item = {
    id: newId("cmp"),
    type: "compaction",
    encrypted_content: seal(`${SUMMARY_HEAD}${answer.text}`),
  };
  return {
    id: newId("resp"),
    object: "response.compaction",
    created_at: now(),
    output: [...users, summary],
    usage: total.total,
  };
}

async function asked(
  { request, input, tools, backend, headers, signal }: SideRequest,
  over: { readonly maxTokens?: number; readonly messages?: ModelInput["messages"] },
): Promise<{ readonly text: string; readonly usage: ChatUsage | undefined }> {
  using answer = await backend.chat({
    model: request.model,
    messages: input.messages,
    // Tools count as tokens; a summary is to be words.
    ...(over.messages === undefined ? { tools } : {}),
    maxTokensField: input.model.maxTokensField,
    parameters: {},
    headers,
    stream: false,
    ...over,
  }, signal);
  const deltas: ChatDelta[] = [];
  for await (const some of answer.deltas) deltas.push(...some);
  let text = "";
  let usage: ChatUsage | undefined;
  for (const delta of deltas) {
    if (delta.kind === "text") text += delta.text;
    if (delta.kind === "usage") usage = delta.usage;
    if (delta.kind === "finish" && over.messages && finishOf(delta.reason).kind === "cut") {
      throw new ApiError(502, "backend_error", "The model server cut its summary off");
    }
  }
  return { text, usage };
}
