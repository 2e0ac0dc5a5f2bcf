import assert from "node:assert/strict";
import { type AccessLogEntry, parseAccessLogLine } from "../envoy/mod.ts";
import { Journal, type RequestRecord } from "../service/mod.ts";
import { ByRequestId, joinRequest, RequestFeed } from "./requests.ts";

function entry(fields: Record<string, unknown> = {}): AccessLogEntry {
  const parsed = parseAccessLogLine(JSON.stringify({
    time: "2026-01-02T03:04:05.678Z",
    request_id: "id-1",
    method: "POST",
    path: "/v1/chat/completions",
    status: 200,
    code_details: "via_upstream",
    upstream_attempts: 1,
    bytes_sent: 1234,
    duration_ms: 400,
    first_byte_ms: 12,
    ...fields,
  }));
  assert.ok(parsed);
  return parsed;
}

Deno.test("joinRequest() takes rule and tenant from policy's record, events from the mock's", () => {
  const record = joinRequest(entry(), {
    policy: { rule: "known-key", tenant: "demo" },
    upstream: { events: 17 },
  });
  assert.equal(record.decision, "allow");
  assert.equal(record.reason, "known-key");
  assert.equal(record.tenant, "demo");
  assert.equal(record.events, 17);
});

for (
  const [code_details, decision, reason] of [
    ["ext_authz_denied", "deny", "missing_api_key"],
    ["ext_authz_error", "error", "ext_authz_error"],
    ["direct_response", "open", "direct_response"],
    ["route_not_found", "none", "route_not_found"],
  ] as const
) {
  Deno.test(`joinRequest() calls "${code_details}" ${decision}, whatever policy meant`, () => {
    const deny_code = decision === "deny" ? "missing_api_key" : undefined;
    const logged = entry({ code_details, deny_code, upstream_attempts: 0 });
    const record = joinRequest(logged, { policy: { rule: "known-key" } });
    assert.equal(record.decision, decision);
    assert.equal(record.reason, reason);
  });
}

Deno.test("joinRequest() names no tenant where policy's metadata holds an empty one", () => {
  const logged = entry({ code_details: "ext_authz_denied", policy_tenant: "" });
  assert.equal(joinRequest(logged, {}).tenant, null);
  assert.equal(joinRequest(logged, { policy: { tenant: "demo" } }).tenant, "demo");
});

Deno.test("RequestFeed leaves out what it was told to ignore, once", () => {
  using feed = new RequestFeed();
  const heard: RequestRecord[] = [];
  feed.onRequest((record) => heard.push(record));
  feed.ignore("id-1");
  feed.log(entry());
  assert.equal(heard.length, 0);
  feed.log(entry());
  assert.equal(heard.length, 1);
});

Deno.test("ByRequestId keeps the newest records and gives each once", () => {
  const journal = new Journal<{ requestId: string }>({ limit: 10 });
  using records = new ByRequestId(journal, 2);
  for (const requestId of ["a", "b", "c"]) journal.append({ requestId });
  assert.equal(records.take("a"), undefined);
  assert.equal(records.take("c")?.requestId, "c");
  assert.equal(records.take("c"), undefined);
});
