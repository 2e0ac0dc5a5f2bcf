/** Writes one neutral question in the dialect of a client. */
import type { Dialect } from "../../dialects/mod.ts";

/** One turn of a question. */
export interface QuestionTurn {
  readonly role: "user" | "assistant" | "tool";
  readonly text?: string;
  /** PNG images, as base64. */
  readonly images?: readonly string[];
  readonly calls?: readonly {
    readonly id: string;
    readonly name: string;
    readonly input: object;
  }[];
  /** Which call this is the result of. */
  readonly resultOf?: { readonly id: string; readonly name: string };
}

/** A question, before any dialect. */
export interface Question {
  readonly system?: readonly string[];
  readonly turns: readonly QuestionTurn[];
  readonly tools?: readonly { readonly name: string; readonly parameters: object }[];
  /** `auto`, `none`, `required`, or the name of a tool. */
  readonly choice?: string;
  readonly stream?: boolean;
  readonly limit?: number;
  readonly stop?: readonly string[];
  /** Fields of the client's dialect beside these. */
  readonly more?: Readonly<Record<string, unknown>>;
}

/** A request as it goes out. */
export interface WrittenQuestion {
  readonly path: string;
  readonly body: Record<string, unknown>;
}

/** Returns a question in a dialect; `model` is in the path for Gemini. */
export function writeQuestion(
  dialect: Dialect,
  model: string,
  question: Question,
): WrittenQuestion {
  return WRITERS[dialect](model, question);
}

const WRITERS: Readonly<Record<Dialect, (model: string, question: Question) => WrittenQuestion>> = {
  openai: (model, question) => ({
    path: "/v1/chat/completions",
    body: {
      model,
      messages: [
        ...(question.system ?? []).map((content) => ({ role: "system", content })),
        ...question.turns.map(openAiTurn),
      ],
      ...(question.tools && {
        tools: question.tools.map((one) => ({ type: "function", function: one })),
      }),
      ...(question.choice && { tool_choice: openAiChoice(question.choice) }),
      ...(question.stream && { stream: true, stream_options: { include_usage: true } }),
      ...(question.limit && { max_tokens: question.limit }),
      ...(question.stop && { stop: question.stop }),
      ...question.more,
    },
  }),
  anthropic: (model, question) => ({
    path: "/v1/messages",
    body: {
      model,
      max_tokens: question.limit ?? 1000,
      messages: joined(question.turns).map(({ role, blocks }) => ({ role, content: blocks })),
      ...(question.system && {
        system: question.system.map((text) => ({ type: "text", text })),
      }),
      ...(question.tools && {
        tools: question.tools.map(({ name, parameters }) => ({ name, input_schema: parameters })),
      }),
      ...(question.choice && { tool_choice: anthropicChoice(question.choice) }),
      ...(question.stream && { stream: true }),
      ...(question.stop && { stop_sequences: question.stop }),
      ...question.more,
    },
  }),
  gemini: (model, question) => ({
    path: `/v1beta/models/${model}:${
      question.stream ? "streamGenerateContent?alt=sse" : "generateContent"
    }`,
    body: {
      contents: question.turns.map(geminiTurn),
      ...(question.system && {
        systemInstruction: { parts: question.system.map((text) => ({ text })) },
      }),
      ...(question.tools && { tools: [{ functionDeclarations: question.tools }] }),
      ...(question.choice && {
        toolConfig: { functionCallingConfig: geminiChoice(question.choice) },
      }),
      ...((question.limit || question.stop) && {
        generationConfig: {
          ...(question.limit && { maxOutputTokens: question.limit }),
          ...(question.stop && { stopSequences: question.stop }),
        },
      }),
      ...question.more,
    },
  }),
};

function openAiTurn({ role, text, images = [], calls = [], resultOf }: QuestionTurn): object {
  if (role === "tool") return { role, tool_call_id: resultOf?.id, content: text ?? "" };
  const tool_calls = calls.map(({ id, name, input }) => ({
    id,
    type: "function",
    function: { name, arguments: JSON.stringify(input) },
  }));
  const content = images.length === 0 ? text ?? null : [
    ...(text === undefined ? [] : [{ type: "text", text }]),
    ...images.map((data) => ({
      type: "image_url",
      image_url: { url: `data:image/png;base64,${data}` },
    })),
  ];
  return { role, content, ...(calls.length > 0 && { tool_calls }) };
}

/** Anthropic wants every result of one turn in one message of the user. */
function joined(turns: readonly QuestionTurn[]): { role: string; blocks: object[] }[] {
  const messages: { role: string; blocks: object[] }[] = [];
  for (const turn of turns) {
    const role = turn.role === "assistant" ? "assistant" : "user";
    const last = messages.at(-1);
    if (last?.role === role) last.blocks.push(...anthropicBlocks(turn));
    else messages.push({ role, blocks: anthropicBlocks(turn) });
  }
  return messages;
}

function anthropicBlocks(
  { role, text, images = [], calls = [], resultOf }: QuestionTurn,
): object[] {
  if (role === "tool") {
    return [{ type: "tool_result", tool_use_id: resultOf?.id, content: text ?? "" }];
  }
  const source = (data: string) => ({ type: "base64", media_type: "image/png", data });
  return [
    ...(text === undefined ? [] : [{ type: "text", text }]),
    ...images.map((data) => ({ type: "image", source: source(data) })),
    ...calls.map(({ id, name, input }) => ({ type: "tool_use", id, name, input })),
  ];
}

function geminiTurn({ role, text, images = [], calls = [], resultOf }: QuestionTurn): object {
  if (role === "tool") {
    const response = { result: text ?? "" };
    return { role: "user", parts: [{ functionResponse: { name: resultOf?.name, response } }] };
  }
  return {
    role: role === "assistant" ? "model" : "user",
    parts: [
      ...(text === undefined ? [] : [{ text }]),
      ...images.map((data) => ({ inlineData: { mimeType: "image/png", data } })),
      ...calls.map(({ name, input }) => ({ functionCall: { name, args: input } })),
    ],
  };
}

function openAiChoice(choice: string): unknown {
  if (["auto", "none", "required"].includes(choice)) return choice;
  return { type: "function", function: { name: choice } };
}

function anthropicChoice(choice: string): object {
  if (choice === "required") return { type: "any" };
  if (choice === "auto" || choice === "none") return { type: choice };
  return { type: "tool", name: choice };
}

function geminiChoice(choice: string): object {
  const modes: Readonly<Record<string, string>> = { auto: "AUTO", none: "NONE", required: "ANY" };
  const mode = modes[choice];
  return mode === undefined ? { mode: "ANY", allowedFunctionNames: [choice] } : { mode };
}
