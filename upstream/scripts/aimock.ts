/** Fixtures of aimock as scenarios, so that a suite can move without writing them anew (its README, "Fixtures"). */
import { z } from "zod";
import type { DataFileKind } from "../../data_files/mod.ts";
import type { Scenario } from "./scenario_schema.ts";
import { scenarioOf, type WrittenScenario } from "./scenario_schema.ts";

/** The paths of aimock's endpoints that the mock serves, too. */
const ENDPOINTS = {
  chat: "/completions$|/responses$|/messages$|[gG]enerateContent$/",
  embedding: "/embeddings$|[eE]mbedContents?$/",
  image: "/images\\/\\w+$/",
  speech: "/audio\\/speech$/",
  transcription: "/audio\\/transcriptions$/",
  translation: "/audio\\/translations$/",
} as const;

const MATCH = z.strictObject({
  userMessage: z.string().optional(),
  inputText: z.string().optional(),
  systemMessage: z.union([z.string(), z.array(z.string())]).optional(),
  toolCallId: z.string().optional(),
  toolResultContains: z.string().optional(),
  toolName: z.string().optional(),
  model: z.string().optional(),
  sequenceIndex: z.int().min(0).optional(),
  turnIndex: z.int().min(0).optional(),
  hasToolResult: z.boolean().optional(),
  responseFormat: z.enum(["json_object", "json_schema", "text"]).optional(),
  endpoint: z.enum(Object.keys(ENDPOINTS) as (keyof typeof ENDPOINTS)[]).optional(),
});

const CALL = z.strictObject({
  name: z.string(),
  arguments: z.union([z.string(), z.record(z.string(), z.unknown()), z.array(z.unknown())]),
  id: z.string().optional(),
});

const IMAGE = z.strictObject({
  url: z.string().optional(),
  b64Json: z.string().optional(),
  revisedPrompt: z.string().optional(),
});
const BLOCK = z.union([
  z.strictObject({ type: z.literal("text"), text: z.string() }),
  CALL.extend({ type: z.literal("toolCall") }),
]);

const RESPONSE = z.strictObject({
  content: z.union([z.string(), z.record(z.string(), z.unknown()), z.array(z.unknown())])
    .optional(),
  blocks: z.array(BLOCK).optional(),
  embedding: z.array(z.number()).min(1).optional(),
  image: IMAGE.optional(),
  images: z.array(IMAGE).min(1).optional(),
  audio: z.union([z.string(), z.looseObject({ b64Json: z.string() })]).optional(),
  format: z.string().optional(),
  transcription: z.looseObject({ text: z.string() }).optional(),
  json: z.unknown().optional(),
  toolCalls: z.array(CALL).optional(),
  reasoning: z.string().optional(),
  finishReason: z.enum(["stop", "length", "tool_calls", "content_filter"]).optional(),
  usage: z.looseObject({}).optional(),
  error: z.looseObject({
    message: z.string(),
    type: z.string().optional(),
    code: z.string().optional(),
  }).optional(),
  status: z.int().min(200).max(599).optional(),
  retryAfter: z.number().optional(),
  id: z.string().optional(),
  model: z.string().optional(),
  role: z.string().optional(),
  created: z.number().optional(),
  systemFingerprint: z.string().optional(),
});

const FIXTURES = z.strictObject({
  $comment: z.string().optional(),
  fixtures: z.array(z.strictObject({
    match: MATCH,
    response: RESPONSE,
    latency: z.number().min(0).optional(),
    chunkSize: z.int().min(1).optional(),
    truncateAfterChunks: z.int().min(0).optional(),
    streamingProfile: z.strictObject({
      ttft: z.number().min(0).optional(),
      tps: z.number().positive().optional(),
      jitter: z.number().min(0).max(1).optional(),
    }).optional(),
    metadata: z.unknown().optional(),
  })),
});

type Fixture = z.infer<typeof FIXTURES>["fixtures"][number];

/** A file of fixtures; what has no counterpart here is a finding, never left out in silence. */
export const FIXTURE_FILE: DataFileKind<typeof FIXTURES> = {
  what: "fixtures",
  name: "fixtures.json",
  docs: "docs/upstream.md",
  schema: FIXTURES,
  check: ({ fixtures }) => fixtures.flatMap(findingsOf),
};

/** Findings about one fixture that its schema cannot say. */
function findingsOf({ response }: Fixture, index: number) {
  const path = ["fixtures", index, "response"];
  const { blocks = [], error, status = 500 } = response;
  const firstCall = blocks.findIndex(({ type }) => type === "toolCall");
  const late = blocks.findLastIndex(({ type }) => type === "text");
  return [
    ...(firstCall >= 0 && late > firstCall
      ? [{
        path: [...path, "blocks", late],
        message: "Expected texts before tool calls: a reply says its text first",
      }]
      : []),
    ...(error !== undefined && status < 400
      ? [{ path: [...path, "status"], message: "Expected 400 to 599 with an error" }]
      : []),
  ];
}

/** Returns fixtures as scenarios; those that differ in `sequenceIndex` alone are one sequence. */
export function scenariosOfFixtures(
  { fixtures }: z.infer<typeof FIXTURES>,
  name: string,
): Scenario[] {
  const groups = new Map<string, Fixture[]>();
  for (const fixture of fixtures) {
    const { sequenceIndex, ...match } = fixture.match;
    const key = sequenceIndex === undefined
      ? `${groups.size} ${JSON.stringify(match)}`
      : JSON.stringify(match);
    groups.set(key, [...groups.get(key) ?? [], fixture]);
  }
  return [...groups.values()].map((group, index) => {
    const sorted = group.toSorted((a, b) =>
      (a.match.sequenceIndex ?? 0) - (b.match.sequenceIndex ?? 0)
    );
    const match = matchOf((sorted[0] as Fixture).match);
    return scenarioOf({ match, answers: sorted.map(answerOf) }, `${name}-${index + 1}`);
  });
}

/**
 * aimock looks for parts of texts, in what the user said last whatever tools said since, and counts turns by the model's
 * answers before; a model's name also stands for its dated versions.
 */
function matchOf(match: Fixture["match"]): NonNullable<WrittenScenario["match"]> {
  const { model, toolName, toolCallId, toolResultContains, turnIndex, responseFormat } = match;
  const said = match.userMessage ?? match.inputText;
  const system = [match.systemMessage ?? []].flat().map(part);
  const result = toolResultContains === undefined ? match.hasToolResult : part(toolResultContains);
  const endpoint = match.endpoint ??
    (match.inputText !== undefined
      ? "embedding"
      : match.userMessage !== undefined
      ? "chat"
      : undefined);
  return {
    ...(endpoint === undefined ? {} : { path: ENDPOINTS[endpoint] }),
    ...(said === undefined ? {} : { user: part(said) }),
    ...(system.length === 0 ? {} : { system }),
    ...(toolName === undefined ? {} : { tools: toolName }),
    ...(model === undefined ? {} : { model: `/^${quoted(model)}(-\\d.*)?$/` }),
    ...(toolCallId === undefined ? {} : { tool_call_id: toolCallId }),
    ...(result === undefined ? {} : { tool_result: result }),
    ...(turnIndex === undefined ? {} : { replies: turnIndex }),
    ...(responseFormat === undefined ? {} : { json: responseFormat !== "text" }),
  };
}

function part(text: string): string {
  return `/${quoted(text)}/`;
}

function quoted(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
}

type Answer = NonNullable<WrittenScenario["answers"]>[number];

function answerOf(fixture: Fixture): Answer {
  const { response, latency, chunkSize, truncateAfterChunks } = fixture;
  const { reasoning, finishReason, usage, error } = response;
  if (error !== undefined) return errorOf(error, response);
  if (response.json !== undefined) return wholeJson(response.json, response.status);
  const blocks = response.blocks ?? [];
  const texts = blocks.flatMap((block) => block.type === "text" ? [block.text] : []);
  const content = response.content ?? response.transcription?.text ??
    (texts.length === 0 ? undefined : texts.join(""));
  const calls = response.toolCalls ??
    blocks.flatMap((block) => block.type === "toolCall" ? [block] : []);
  const images = response.images ?? (response.image ? [response.image] : undefined);
  const audio = typeof response.audio === "object" ? response.audio.b64Json : response.audio;
  const pace = paceOf(fixture) ??
    (latency === undefined ? undefined : { ttft: latency, itl: latency });
  return {
    reply: {
      ...(content === undefined ? {} : { text: asText(content) }),
      ...(chunkSize === undefined ? {} : { chunks: chunkSize }),
      ...(calls.length === 0 ? {} : { tool_calls: calls.map(callOf) }),
      ...(reasoning === undefined ? {} : { reasoning }),
      ...(finishReason === undefined ? {} : { finish: finishReason }),
      ...(usage === undefined ? {} : { usage: usageOf(usage) }),
      ...(response.embedding === undefined ? {} : { embedding: response.embedding }),
      ...(images === undefined ? {} : { images: images.map(imageOf) }),
      ...(audio === undefined ? {} : { audio }),
      ...(pace === undefined ? {} : { pace }),
      ...(truncateAfterChunks === undefined
        ? {}
        : { abort: "fin" as const, after: truncateAfterChunks }),
    },
  };
}

function asText(content: unknown): string {
  return typeof content === "string" ? content : JSON.stringify(content);
}

function callOf({ name, arguments: given, id }: z.infer<typeof CALL>) {
  const isObject = typeof given === "object" && !Array.isArray(given);
  return { name, ...(id === undefined ? {} : { id }), arguments: isObject ? given : asText(given) };
}

function imageOf({ url, b64Json, revisedPrompt }: z.infer<typeof IMAGE>) {
  return {
    ...(url === undefined ? {} : { url }),
    ...(b64Json === undefined ? {} : { b64_json: b64Json }),
    ...(revisedPrompt === undefined ? {} : { revised_prompt: revisedPrompt }),
  };
}

function errorOf(
  { message, type, code }: NonNullable<Fixture["response"]["error"]>,
  { status = 500, retryAfter }: Fixture["response"],
): Answer {
  return {
    error: {
      status,
      message,
      ...(type === undefined ? {} : { type }),
      ...(code === undefined ? {} : { code }),
      ...(retryAfter === undefined ? {} : { retry_after: retryAfter }),
    },
  };
}

function wholeJson(body: unknown, status = 200): Answer {
  const headers = { "content-type": "application/json" };
  return { steps: [{ headers: { status, headers } }, { write: JSON.stringify(body) }] };
}

/** aimock's jitter may be as large as the wait; the mock's is a third of it at most. */
function paceOf({ streamingProfile }: Fixture) {
  if (streamingProfile === undefined) return undefined;
  const { ttft, tps, jitter } = streamingProfile;
  return {
    ...(ttft === undefined ? {} : { ttft }),
    ...(tps === undefined ? {} : { itl: Math.round(1_000 / tps) }),
    ...(jitter === undefined ? {} : { jitter: Math.min(jitter, 0.3) }),
  };
}

/** aimock takes each provider's own words. */
function usageOf(usage: Readonly<Record<string, unknown>>) {
  const count = (...names: string[]) => {
    const found = names.map((name) => usage[name]).find((value) => typeof value === "number");
    return found === undefined ? undefined : Number(found);
  };
  const input = count("prompt_tokens", "input_tokens", "promptTokenCount");
  const output = count("completion_tokens", "output_tokens", "candidatesTokenCount");
  return {
    ...(input === undefined ? {} : { input }),
    ...(output === undefined ? {} : { output }),
  };
}
