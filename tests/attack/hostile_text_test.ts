/** Texts over which a careless expression runs for hours: each is answered as any other. */
import assert from "node:assert/strict";
import { defaultConfig, startResponses } from "../../responses/mod.ts";
import { redactedHead, redactedTarget } from "../../service/mod.ts";
import { startUpstream, type Upstream } from "../../upstream/mod.ts";

const MIB = 2 ** 20;

const json = (value: unknown) => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify(value),
});
const deep = '{"a":'.repeat(100_000) + "1" + "}".repeat(100_000);
const withSchema = (path: string, body: string): readonly [string, RequestInit, number] => [
  path,
  { method: "POST", headers: { "content-type": "application/json" }, body },
  400,
];
/** Bodies of more levels than anything that walks them stands, by the endpoint. */
const DEEP = {
  "a deep schema of a tool": withSchema(
    "/v1/responses",
    `{"model":"m","input":"x","tools":[{"type":"function","name":"f","parameters":${deep}}]}`,
  ),
  "a deep schema of a format": withSchema(
    "/v1/responses",
    `{"model":"m","input":"x","text":{"format":{"type":"json_schema","name":"a","schema":${deep}}}}`,
  ),
  "deep items": withSchema("/v1/conversations", `{"items":[{"type":"message","content":${deep}}]}`),
};

const say = (content: string) => json({ model: "m", messages: [{ role: "user", content }] });
const shaped = (schema: unknown) =>
  json({
    model: "m",
    messages: [{ role: "user", content: "hello" }],
    response_format: { type: "json_schema", json_schema: { name: "a", schema } },
  });

/** Texts that are to stop whoever reads them, and the status that each gets. */
const ATTACKS: Readonly<
  Record<string, readonly [path: string, init: RequestInit, status: number]>
> = {
  "a message of blanks": ["/v1/chat/completions", say(" ".repeat(4 * MIB)), 200],
  "a word, blanks, a word": ["/v1/chat/completions", say(`a${" ".repeat(4 * MIB)}b`), 200],
  "a message of lines": ["/v1/chat/completions", say("\n".repeat(4 * MIB)), 200],
  "a schema's pattern and a text for it": [
    "/v1/chat/completions",
    shaped({ type: "string", pattern: "^(a+)+$", enum: [`${"a".repeat(100)}!`] }),
    400,
  ],
  "a schema without end": [
    "/v1/chat/completions",
    shaped({ type: "array", minItems: 2 ** 40, items: { type: "string" } }),
    400,
  ],
  "a query without a name": [`/v1/models?a=&${"a".repeat(50_000)}`, {}, 200],
};

/** Sends a header whose value has blanks inside, as no `fetch` would. */
async function blanksInHeader(upstream: Upstream): Promise<string> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port: upstream.port });
  const value = `a${" ".repeat(50_000)}b`;
  const head =
    `GET /v1/models HTTP/1.1\r\nhost: localhost\r\nx-a: ${value}\r\nconnection: close\r\n\r\n`;
  await connection.write(new TextEncoder().encode(head));
  return await new Response(connection.readable).text();
}

Deno.test("no text that a client sends keeps the mock from answering", async () => {
  await using upstream = await startUpstream({ pace: { ttft: 0, itl: 0 } });
  for (const [what, [path, init, status]] of Object.entries(ATTACKS)) {
    const response = await fetch(`${upstream.url}${path}`, init);
    await response.text();
    assert.equal(response.status, status, what);
  }
  assert.match(await blanksInHeader(upstream), /^HTTP\/1\.1 (200|431) /);
});

Deno.test("a document deeper than anything walks ends with a limit that is named", async () => {
  await using upstream = await startUpstream({ pace: "none" });
  await using app = await startResponsesApp(`${upstream.url}/v1`);
  for (const [what, [path, init, status]] of Object.entries(DEEP)) {
    const response = await fetch(`${app.http.url}${path}`, init);
    const { error } = await response.json();
    assert.deepEqual([response.status, error.code], [status, "invalid_request"], what);
    assert.match(error.message, /more than 256 levels/, what);
  }
});

/** The Responses gateway alone, in a folder that goes with it. */
async function startResponsesApp(endpoint: string) {
  const dataDir = await Deno.makeTempDir({ prefix: "llmgate-deep-" });
  const config = defaultConfig();
  const gateway = await startResponses({
    dataDir,
    config: {
      ...config,
      http: { ...config.http, port: 0 },
      extproc: { ...config.extproc, port: 0 },
      engine: { ...config.engine, model_endpoint: endpoint },
    },
  });
  return {
    http: gateway.http,
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await Deno.remove(dataDir, { recursive: true });
    },
  };
}

Deno.test("what a journal shows of a target or a head takes no longer than reading it", () => {
  const long = "a".repeat(MIB);
  assert.equal(redactedTarget(`/v1?key=secret&${long}`), `/v1?key=[redacted]&${long}`);
  assert.equal(redactedTarget(`/v1?a=${"?".repeat(MIB)}`).length, MIB + 6);
  assert.equal(redactedHead(`GET / HTTP/1.1\r\n${long}\r\n`).length, MIB + 18);
  assert.equal(redactedHead(`GET / HTTP/1.1\r\na:${" ".repeat(MIB)}\r\n`).includes("a:"), true);
});
