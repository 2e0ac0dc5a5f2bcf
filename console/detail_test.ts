import assert from "node:assert/strict";
import { startPolicy } from "../policy/mod.ts";
import { now, type RequestRecord } from "../service/mod.ts";
import { detailOf } from "./detail.ts";
import type { Row } from "./row.ts";

const START = now() - 1_000;

function row(fields: Partial<Row> = {}): Row {
  return {
    id: "r-1",
    time: new Date(Date.now() - 1_000).toISOString(),
    exchanges: [],
    seq: 1,
    seen: "",
    check: {
      receivedAt: START + 1,
      answeredAt: START + 3,
      method: "POST",
      path: "/v1/chat/completions",
      host: "gw",
      protocol: "HTTP/1.1",
      size: 2,
      headers: { "x-api-key": "[key:demo]", "x-team": "it's" },
      bodyBytes: 0,
      contextExtensions: {},
      source: "127.0.0.1",
      grpcPath: "",
      decision: "allow",
      rule: "allow",
    },
    ...fields,
  };
}

const RECORD: RequestRecord = {
  time: new Date(Date.now() - 1_000).toISOString(),
  request_id: "r-1",
  method: "POST",
  path: "/v1/chat/completions",
  status: 200,
  decision: "allow",
  reason: "allow",
  tenant: "demo",
  first_byte_ms: 20,
  total_ms: 120,
  bytes: 3,
  events: null,
  flags: "-",
  ended: null,
  details: "via_upstream",
  model: null,
  key: "demo",
  host: "127.0.0.1:9000",
  attempts: 1,
  protocol: "HTTP/1.1",
  bytes_received: 2,
  tokens: null,
  policy_ms: 2,
  upstream_tx_ms: 5,
  upstream_rx_ms: 18,
};

const about = { policy: undefined, ingress: "http://127.0.0.1:8080" };

Deno.test("the stretches of a request are its whole time, each named", () => {
  const { stretches } = detailOf(row({ record: RECORD }), about);
  const sum = stretches.reduce((total, { ms }) => total + ms, 0);
  assert.ok(Math.abs(sum - 120) < 0.1, String(sum));
  assert.deepEqual(stretches.slice(-3).map(({ name, ms }) => [name, ms]), [
    ["model", 13],
    ["first byte", 2],
    ["answer", 100],
  ]);
});

Deno.test("an upstream that is somebody's has a lane of Envoy's own points", () => {
  const { lanes } = detailOf(row({ record: RECORD }), about);
  assert.deepEqual(lanes.map(({ name }) => name), ["client", "Envoy", "policy", "upstream"]);
  const { from, to, marks } = lanes.at(-1) ?? {};
  assert.deepEqual([from, to, marks], [5, 120, [18]]);
});

Deno.test("each attempt has a lane of its own, with a mark per event", () => {
  const exchange = (at: number) => ({
    connection: 1,
    protocol: "http/1.1" as const,
    attempt: 1,
    method: "POST",
    target: "/v1/chat/completions?api_key=hidden",
    headers: [["Authorization", "Bearer secret"], ["x-team", "it's"]] as [string, string][],
    bodyBytes: 2,
    receivedAt: START + at,
    receivedOrder: at,
    bytesWritten: 1,
    events: 2,
    eventTimes: [START + at + 1, START + at + 2],
    writeStallMs: 0,
  });
  const detail = detailOf(row({ exchanges: [exchange(10), exchange(20)] }), about);
  const { lanes, headers, attempts } = detail;
  assert.deepEqual(lanes.map(({ name }) => name).slice(2), ["upstream 1", "upstream 2"]);
  assert.equal(lanes[3]?.marks?.length, 2);
  assert.equal(attempts, 2);
  assert.deepEqual(headers.find(({ name }) => name === "authorization"), {
    name: "authorization",
    policy: null,
    upstream: "Bearer [redacted]",
  });
  assert.ok(
    !JSON.stringify(detail).includes("secret") && !JSON.stringify(detail).includes("hidden"),
  );
});

Deno.test("the curl line names the key, and survives a shell", () => {
  const { curl } = detailOf(row(), about);
  assert.match(curl, /-H "x-api-key: \$KEY"/);
  assert.ok(curl.includes(`-H 'x-team: it'\\''s'`), curl);
});

Deno.test("the decision is explained, and a change of the rules since then is said", async () => {
  await using policy = await startPolicy();
  const then = detailOf(row({ record: RECORD }), { ...about, policy });
  assert.match(then.explained?.says ?? "", /^rule 6 of 6, because/);
  assert.equal(then.rules_changed, false);
  await policy.reload(`version: "2"\nrules: [{ name: closed, deny: {} }]`);
  assert.equal(detailOf(row({ record: RECORD }), { ...about, policy }).rules_changed, true);
});
