import assert from "node:assert/strict";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { modelServerTarget } from "../standalone.ts";
import { runSuite } from "../run/runner.ts";
import { exitCode, type Report } from "../report/report.ts";
import { MODEL_SERVER_CASES } from "./cases.ts";

type Chunk = Record<string, unknown>;

function chunk(delta: Chunk, finish_reason: string | null = null): Chunk {
  const object = "chat.completion.chunk";
  return {
    id: "c-1",
    object,
    created: 1,
    model: "m",
    choices: [{ index: 0, delta, finish_reason }],
  };
}

/** Azure's first chunk, before the answer (Azure OpenAI, content filtering). */
const PROMPT_FILTER = {
  ...{ id: "", object: "", created: 0, model: "", choices: [] },
  prompt_filter_results: [{ prompt_index: 0, content_filter_results: {} }],
};

/** Judges a server that streams these chunks. */
async function judge(
  chunks: readonly Chunk[],
  options: { case?: string[]; budget?: { left: number } } = {},
): Promise<Report> {
  const server = http.createServer((_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const one of chunks) response.write(`data: ${JSON.stringify(one)}\n\n`);
    response.end("data: [DONE]\n\n");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const { budget } = options;
    const target = modelServerTarget(`http://127.0.0.1:${port}`, {
      credentials: { allow: [] },
      model: "m",
      ...(budget && { budget }),
    });
    return await runSuite(target, { cases: MODEL_SERVER_CASES, case: options.case ?? ["model.*"] });
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

const ANSWER = [
  chunk({ role: "assistant", content: "" }),
  chunk({ content: "hi" }),
  chunk({}, "stop"),
];
const SHAPE = ["model.chunk-shape", "model.role-first", "model.no-prompt-filter-chunk"];

Deno.test("Azure's chunk about the prompt is named for what it is, and at most a warning", async () => {
  const { cases } = await judge([PROMPT_FILTER, ...ANSWER], { case: SHAPE });
  assert.deepEqual(
    cases.map(({ id, status }) => [id, status]),
    [
      ["model.chunk-shape", "pass"],
      ["model.no-prompt-filter-chunk", "warn"],
      ["model.role-first", "pass"],
    ],
  );
});

Deno.test("a chunk that is no chat.completion.chunk is found, whatever comes before", async () => {
  const { cases } = await judge([PROMPT_FILTER, { ...chunk({}), object: "chunk" }], {
    case: ["model.chunk-shape"],
  });
  assert.equal(cases[0]?.status, "fail");
});

Deno.test("a model case that --max-requests leaves no request for is not measured, and not exit code 0", async () => {
  const report = await judge(ANSWER, { case: SHAPE, budget: { left: 1 } });
  assert.deepEqual(report.cases.map(({ status }) => status).toSorted(), [
    "not-measured",
    "not-measured",
    "pass",
  ]);
  assert.equal(exitCode(await judge(ANSWER, { case: ["model.*"], budget: { left: 0 } })), 4);
});
