import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { type RequestRecord, UsageError } from "../service/mod.ts";
import {
  callsOf,
  eachCall,
  lossesOf,
  openForReading,
  openForWriting,
  prune,
  spanOf,
  startCallLog,
  sumsBy,
} from "./mod.ts";

const CALL: RequestRecord = {
  time: new Date().toISOString(),
  request_id: "r-1",
  method: "POST",
  path: "/v1/chat/completions?api_key=hidden",
  status: 200,
  decision: "allow",
  reason: "allow",
  details: "via_upstream",
  ended: null,
  tenant: "acme",
  key: "demo",
  model: "gpt-4o",
  host: "127.0.0.1:9000",
  attempts: 1,
  upstream_rx_ms: 10,
  first_byte_ms: 12,
  total_ms: 100,
  bytes_received: 20,
  bytes: 300,
  events: 5,
  tokens: { input: 3, output: 7, cached: 1 },
  flags: "-",
  protocol: "HTTP/1.1",
  policy_ms: 0.5,
  upstream_tx_ms: 1,
};

async function folder() {
  const path = await Deno.makeTempDir({ prefix: "llmgate-call-log-" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

async function written(path: string, calls: readonly RequestRecord[]): Promise<void> {
  await using log = await startCallLog({ path });
  for (const call of calls) log.append(call);
}

Deno.test("every call is a row, without its query, for the owner of the file alone", async () => {
  await using there = await folder();
  const path = `${there.path}/calls.db`;
  await written(path, Array.from({ length: 5_000 }, (_, n) => ({ ...CALL, request_id: `r-${n}` })));
  using database = openForReading(path);
  const rows = [...eachCall(database, {})];
  assert.equal(rows.length, 5_000);
  assert.equal(new Set(rows.map(({ request_id }) => request_id)).size, 5_000);
  assert.equal(rows[0]?.path, "/v1/chat/completions");
  assert.deepEqual([rows[0]?.tokens_in, rows[0]?.tokens_out, rows[0]?.events], [3, 7, 5]);
  assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o077, 0);
});

Deno.test("calls that find too many waiting are lost, counted, and told to whoever reads", async () => {
  await using there = await folder();
  const path = `${there.path}/calls.db`;
  {
    await using log = await startCallLog({ path });
    for (let n = 0; n < 50_010; n++) log.append(CALL);
    await log.flush();
    log.append(CALL);
    await log.flush();
    assert.match(await log.metrics(), /llmgate_call_log_calls_total\{outcome="lost"\} 10\n/);
  }
  using database = openForReading(path);
  assert.equal(lossesOf(database), 10);
  assert.equal([...eachCall(database, {})].length, 50_001);
});

Deno.test("calls are chosen by status, tenant, model and time, and summed", async () => {
  await using there = await folder();
  const path = `${there.path}/calls.db`;
  const old = new Date(Date.now() - 3 * 86_400_000).toISOString();
  await written(path, [
    CALL,
    { ...CALL, status: 503, tenant: "other", tokens: null },
    { ...CALL, status: 401, tenant: null, model: null, tokens: null, first_byte_ms: 2 },
    { ...CALL, time: old, model: "claude" },
  ]);
  using database = openForReading(path);
  const count = (filter: Parameters<typeof callsOf>[1]) => callsOf(database, filter, 10).length;
  assert.deepEqual(
    [count({ status: "5xx" }), count({ status: ">=400" }), count({ status: "200" })],
    [1, 2, 2],
  );
  assert.deepEqual([count({ tenant: "acme" }), count({ model: "gpt*" })], [2, 2]);
  assert.equal(count({ since: Date.now() - spanOf("24h") }), 3);
  assert.throws(() => count({ status: "many" }), UsageError);
  const [first] = sumsBy(database, {}, "tenant");
  assert.deepEqual(first, {
    value: "acme",
    requests: 2,
    errors: 0,
    p50_ms: 12,
    p95_ms: 12,
    tokens_in: 6,
    tokens_out: 14,
  });
});

Deno.test("a running log answers with sums over time, and can be read by others meanwhile", async () => {
  await using there = await folder();
  const path = `${there.path}/calls.db`;
  await using log = await startCallLog({ path });
  log.append(CALL);
  log.append({ ...CALL, tenant: "other", status: 500 });
  await log.flush();
  const points = await log.trends({ since: "1h", by: "tenant" });
  assert.deepEqual(
    points.map(({ series, requests, errors }) => [series, requests, errors]).sort(),
    [
      ["acme", 1, 0],
      ["other", 1, 1],
    ],
  );
  await assert.rejects(log.trends({ since: "soon", by: "" }), UsageError);
  using database = openForReading(path);
  assert.equal(callsOf(database, {}, 10).length, 2);
});

Deno.test("old calls go, and of a file that is too large the oldest", async () => {
  await using there = await folder();
  const path = `${there.path}/calls.db`;
  const old = new Date(Date.now() - 20 * 86_400_000).toISOString();
  await written(path, [{ ...CALL, time: old }, ...Array.from({ length: 4_000 }, () => CALL)]);
  using database = openForWriting(path);
  assert.equal(prune(database, { days: 10, megabytes: 100 }), 1);
  assert.ok(prune(database, { days: 30, megabytes: 0.2 }) > 1_000);
  const { page_count } = database.prepare("PRAGMA page_count").get() ?? {};
  assert.ok(Number(page_count) * 4_096 < 300_000);
});

Deno.test("a file that is none of ours is refused, and left as it is", async () => {
  await using there = await folder();
  const text = `${there.path}/notes.txt`;
  await Deno.writeTextFile(text, "no database at all, only notes that somebody took");
  await assert.rejects(startCallLog({ path: text }), /Cannot open the call log ".*notes\.txt"/);
  assert.match(await Deno.readTextFile(text), /^no database/);
  const other = `${there.path}/other.db`;
  const database = new DatabaseSync(other);
  database.exec("CREATE TABLE mine (x)");
  database.close();
  await assert.rejects(startCallLog({ path: other }), /it is no call log/);
  assert.throws(() => openForReading(`${there.path}/missing.db`), /Cannot read the call log/);
});

Deno.test("GenAI metrics have OpenTelemetry's names, and a bounded number of models", async () => {
  await using there = await folder();
  await using log = await startCallLog({ path: `${there.path}/calls.db` });
  for (let n = 0; n < 200; n++) log.append({ ...CALL, model: `m-${n}` });
  log.append({ ...CALL, path: "/v1/models" });
  const text = await log.metrics();
  assert.match(text, /gen_ai_client_token_usage_sum\{[^}]*gen_ai_token_type="output"[^}]*\} 7/);
  assert.match(text, /gen_ai_client_operation_duration_seconds_count\{[^}]*"m-1"[^}]*\} 1/);
  assert.match(text, /gen_ai_client_operation_duration_seconds_count\{[^}]*"_OTHER"[^}]*\} 100/);
});
