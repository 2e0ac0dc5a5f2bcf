import assert from "node:assert/strict";
import { parseData } from "../data_files/mod.ts";
import { startUpstream, STEP_NAMES, type UpstreamScript } from "./mod.ts";
import { SCRIPT_SCHEMA } from "./scripts/schema.ts";
import { chunksOf, RawClient, request } from "./testing/raw_client.ts";
import { folder } from "./testing/folder.ts";
import { readScenarios } from "./scripts/scenarios.ts";
import { ROUTES } from "./answers/routes.ts";

const FILE = new URL("../docs/upstream.md", import.meta.url);
const PAGE = await Deno.readTextFile(FILE);

interface Block {
  readonly language: string;
  readonly text: string;
  readonly line: number;
}

const BLOCKS: Block[] = [...PAGE.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].map((match) => ({
  language: match[1] ?? "",
  text: match[2] ?? "",
  line: PAGE.slice(0, match.index).split("\n").length,
}));

for (const [i, block] of BLOCKS.entries()) {
  const wire = BLOCKS[i + 1];
  if (block.language !== "yaml" || wire?.language !== "wire") continue;
  const last = block.text.trim().split("\n").at(-1)?.trim();
  Deno.test(`docs/upstream.md:${block.line} (${last}) puts on the wire what it says`, async () => {
    const script = parseData(
      { what: "script", name: "script.yaml", schema: SCRIPT_SCHEMA },
      block.text,
      "docs/upstream.md",
    );
    await using upstream = await startUpstream({ pace: "none" });
    upstream.scripts.set("docs-1", script);
    await using client = await RawClient.connect(upstream.port);
    client.send(request("/v1/chat/completions", {
      headers: { "x-mock-script": "docs-1" },
      body: "{}",
    }));
    if (hasBarrier(script)) {
      await upstream.barriers.arrival("docs-1/next");
      upstream.barriers.release("docs-1/next");
    }
    await check(client, upstream, wire.text.trim().split("\n"));
  });
}

async function check(
  client: RawClient,
  upstream: Awaited<ReturnType<typeof startUpstream>>,
  lines: string[],
) {
  const chunks = lines.filter((line) => line.startsWith('"')).map((line) => JSON.parse(line));
  const raw = lines.filter((line) => line.startsWith("raw: "))
    .map((line) => JSON.parse(line.slice(5)));
  const end = lines.find((line) => line.startsWith("end: "))?.slice(5);
  if (end === "completed") {
    await upstream.journal.waitFor((entry) => entry.end === "completed");
    await client.until((text) => text.endsWith("\r\n\r\n") && text.includes("\r\n0\r\n"));
  } else if (end === "open") {
    await client.until((text) => text.includes(chunks.at(-1)));
    assert.equal(upstream.journal.entries()[0]?.end, undefined);
  } else {
    assert.equal((await client.ended()).end, end);
  }
  if (chunks.length > 0) {
    assert.deepEqual(chunksOf(client.text).slice(0, chunks.length), chunks);
    if (raw.length === 0) assert.equal(chunksOf(client.text).length, chunks.length);
  }
  for (const tail of raw) assert.ok(client.text.endsWith(tail), JSON.stringify(client.text));
}

function hasBarrier(script: UpstreamScript): boolean {
  return script.steps.some((step) => "barrier" in step);
}

for (const block of BLOCKS.filter((candidate) => candidate.language === "bash")) {
  Deno.test(`docs/upstream.md:${block.line} runs and is answered`, async () => {
    await using upstream = await startUpstream({ port: 0 });
    const command = new Deno.Command("bash", {
      args: [
        "-euo",
        "pipefail",
        "-c",
        block.text.replaceAll("http://127.0.0.1:9000", upstream.url),
      ],
      cwd: new URL("..", import.meta.url),
      stdout: "piped",
      stderr: "piped",
    });
    const { success, stdout, stderr } = await command.output();
    assert.ok(success, new TextDecoder().decode(stderr));
    assert.ok(stdout.length > 10);
    const exchange = await upstream.journal.waitFor(({ end }) => end !== undefined);
    assert.equal(exchange.status, 200);
    assert.equal(exchange.end, "completed");
    assert.equal(exchange.script !== undefined, /mock-script|metadata/.test(block.text));
  });
}

const SCENARIOS = PAGE.slice(PAGE.indexOf("## Scenarios"), PAGE.indexOf("## Control plane"));

for (const block of BLOCKS.filter(({ text }) => SCENARIOS.includes(text))) {
  if (block.language !== "yaml") continue;
  Deno.test(`docs/upstream.md:${block.line} is a file of scenarios`, async () => {
    using path = await folder({ "a.yaml": block.text });
    assert.ok((await readScenarios(`${path}`)).length > 0);
  });
}

Deno.test("docs/upstream.md does each of its tasks in at most five lines", () => {
  const tasks = SCENARIOS.slice(SCENARIOS.indexOf("### Six"), SCENARIOS.indexOf("### What"));
  const blocks = BLOCKS.filter(({ text }) => tasks.includes(text));
  assert.equal(blocks.length, 5);
  for (const { text } of blocks) assert.ok(text.trim().split("\n").length <= 5, text);
});

Deno.test("docs/upstream.md has an example of every step, and names every endpoint", () => {
  const scripts = BLOCKS.filter((block) => block.language === "yaml").map((block) => block.text);
  for (const step of STEP_NAMES.filter((name) => name !== "stamp")) {
    assert.ok(scripts.some((text) => new RegExp(`- ${step}:`).test(text)), step);
  }
  assert.ok(PAGE.includes("`stamp: true`"));
  for (const route of ROUTES) {
    // Gemini's methods of one model share a row: each is named by its verb.
    assert.ok(PAGE.includes(/:[a-zA-Z]+$/.exec(route.path)?.[0] ?? route.path), route.path);
  }
});
