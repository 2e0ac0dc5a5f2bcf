/** Fixtures of aimock as scenarios, so that a suite can move without writing them anew (its README, "Fixtures"). */
import { z } from "zod";
import type { DataFileKind } from "../../data_files/mod.ts";
import type { Scenario } from "./scenario_schema.ts";
import { scenarioOf, type WrittenScenario } from "./scenario_schema.ts";

const MATCH = z.strictObject({
  userMessage: z.string().optional(),
  inputText: z.string().optional(),
  systemMessage: z.union([z.string(), z.array(z.string()).length(1)]).optional(),
  toolResultContains: z.string().optional(),
  toolName: z.string().optional(),
  model: z.string().optional(),
  sequenceIndex: z.int().min(0).optional(),
  turnIndex: z.int().min(0).optional(),
  hasToolResult: z.boolean().optional(),
  endpoint: z.literal("chat").optional(),
});

const CALL = z.strictObject({
  name: z.string(),
  arguments: z.union([z.string(), z.record(z.string(), z.unknown())]),
  id: z.string().optional(),
});

const RESPONSE = z.strictObject({
  content: z.union([z.string(), z.record(z.string(), z.unknown())]).optional(),
  toolCalls: z.array(CALL).optional(),
  reasoning: z.string().optional(),
  finishReason: z.enum(["stop", "length", "tool_calls", "content_filter"]).optional(),
  usage: z.looseObject({}).optional(),
  error: z.looseObject({
    message: z.string(),
    type: z.string().optional(),
    code: z.string().optional(),
  }).optional(),
  status: z.int().min(400).max(599).optional(),
  retryAfter: z.number().optional(),
  id: z.string().optional(),
  model: z.string().optional(),
  role: z.string().optional(),
});

const FIXTURES = z.strictObject({
  $comment: z.string().optional(),
  fixtures: z.array(z.strictObject({
    match: MATCH,
    response: RESPONSE,
    latency: z.number().min(0).optional(),
    chunkSize: z.int().min(1).optional(),
    truncateAfterChunks: z.int().min(0).optional(),
  })),
});

type Fixture = z.infer<typeof FIXTURES>["fixtures"][number];

/** A file of fixtures; what has no counterpart here is a finding, never left out in silence. */
export const FIXTURE_FILE: DataFileKind<typeof FIXTURES> = {
  what: "fixtures",
  name: "fixtures.json",
  docs: "docs/upstream.md",
  schema: FIXTURES,
};

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

/** aimock looks for parts of texts; its turns are counted by the answers before. */
function matchOf(match: Fixture["match"]): NonNullable<WrittenScenario["match"]> {
  const said = match.userMessage ?? match.inputText;
  const system = [match.systemMessage].flat()[0];
  return {
    ...(said === undefined ? {} : { last_message: part(said) }),
    ...(system === undefined ? {} : { system: part(system) }),
    ...(match.toolName === undefined ? {} : { tools: match.toolName }),
    ...(match.model === undefined ? {} : { model: match.model }),
    ...(match.toolResultContains === undefined
      ? match.hasToolResult === undefined ? {} : { tool_result: match.hasToolResult }
      : { tool_result: part(match.toolResultContains) }),
    ...(match.turnIndex === undefined ? {} : { turn: match.turnIndex + 1 }),
  };
}

function part(text: string): string {
  return `/${text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&")}/`;
}

function answerOf(
  { response, latency, chunkSize, truncateAfterChunks }: Fixture,
): NonNullable<WrittenScenario["answers"]>[number] {
  const { content, toolCalls, reasoning, finishReason, usage, error } = response;
  if (error !== undefined) {
    const { message, type, code } = error;
    const { status = 500, retryAfter } = response;
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
  const text = typeof content === "object" ? JSON.stringify(content) : content;
  return {
    reply: {
      ...(text === undefined ? {} : { text }),
      ...(chunkSize === undefined ? {} : { chunks: chunkSize }),
      ...(toolCalls === undefined ? {} : { tool_calls: toolCalls }),
      ...(reasoning === undefined ? {} : { reasoning }),
      ...(finishReason === undefined ? {} : { finish: finishReason }),
      ...(usage === undefined ? {} : { usage: usageOf(usage) }),
      ...(latency === undefined ? {} : { pace: { ttft: latency, itl: latency } }),
      ...(truncateAfterChunks === undefined
        ? {}
        : { abort: "fin" as const, after: truncateAfterChunks }),
    },
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
