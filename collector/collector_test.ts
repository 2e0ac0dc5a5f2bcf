import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { gzipSync } from "node:zlib";
import { connectGrpc, WireWriter } from "../grpc/mod.ts";
import { startCollector } from "./mod.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";
const BEGAN_NS = "1700000000000000000";

const attribute = (key: string, stringValue: string) => ({ key, value: { stringValue } });

const JSON_SPANS = {
  resourceSpans: [{
    resource: { attributes: [attribute("service.name", "edge")] },
    scopeSpans: [{
      spans: [{
        traceId: TRACE,
        spanId: SPAN,
        parentSpanId: "",
        name: "chat m",
        kind: 2,
        startTimeUnixNano: BEGAN_NS,
        endTimeUnixNano: "1700000000250000000",
        attributes: [
          attribute("gen_ai.usage.input_tokens", "12"),
          attribute("llmgate.tenant", "7"),
        ],
        status: { code: 2 },
      }],
    }],
  }],
};

const EXPECTED = {
  signal: "span",
  traceId: TRACE,
  spanId: SPAN,
  name: "chat m",
  kind: "server",
  startMs: 1_700_000_000_000,
  durationMs: 250,
  status: "error",
  attributes: { "gen_ai.usage.input_tokens": 12, "llmgate.tenant": "7" },
  service: "edge",
};

Deno.test("a collector takes spans as OTLP's JSON over HTTP, packed too; numbers come back as numbers", async () => {
  await using collector = await startCollector();
  for (const packed of [false, true]) {
    const text = JSON.stringify(JSON_SPANS);
    const response = await fetch(`${collector.httpUrl}/v1/traces`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(packed && { "content-encoding": "gzip" }),
      },
      body: packed ? new Uint8Array(gzipSync(text)) : text,
    });
    assert.deepEqual([response.status, await response.json()], [200, {}]);
  }
  assert.deepEqual(collector.journal.entries(), [EXPECTED, EXPECTED]);
  assert.match(await collector.metrics(), /llmgate_collector_records_total\{signal="span"\} 2/);
});

Deno.test("a collector takes log records over gRPC, and answers with an empty message", async () => {
  await using collector = await startCollector();
  const request = new WireWriter();
  request.message(1, (resource) =>
    resource.message(2, (scope) =>
      scope.message(2, (log) => {
        log.message(5, (body) => body.string(1, "POST /v1/x 200"));
        log.bytes(9, Buffer.from(TRACE, "hex"));
        log.bytes(10, Buffer.from(SPAN, "hex"));
      })));
  using client = connectGrpc({ address: collector.address });
  const answer = await client.unary(
    "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    request.finish(),
  );
  assert.equal(answer.length, 0);
  const [log] = collector.journal.entries();
  assert.equal(log?.signal, "log");
  assert.deepEqual(log?.signal === "log" && [log.traceId, log.spanId, log.body], [
    TRACE,
    SPAN,
    "POST /v1/x 200",
  ]);
});

Deno.test("a collector refuses what it cannot read, and says why", async () => {
  await using collector = await startCollector();
  const post = async (path: string, type: string, body: string, method = "POST") => {
    const response = await fetch(`${collector.httpUrl}${path}`, {
      method,
      headers: { "content-type": type },
      ...(method === "POST" && { body }),
    });
    const { error } = await response.json();
    return `${response.status} ${error.message}`;
  };
  assert.match(await post("/v1/nothing", "application/json", "{}"), /^404 .*\/v1\/traces/);
  assert.match(await post("/v1/traces", "application/json", "{", "GET"), /^405 /);
  assert.match(await post("/v1/traces", "text/plain", "x"), /^415 /);
  assert.match(await post("/v1/traces", "application/json", "{"), /^400 .*cannot be read/);
  assert.match(await post("/v1/traces", "application/x-protobuf", "\x0a\xff"), /^400 /);
  assert.deepEqual(collector.journal.entries(), []);
});
