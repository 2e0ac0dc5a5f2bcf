import assert from "node:assert/strict";
import { join } from "node:path";
import { Journal } from "../service/mod.ts";
import { type AccessLogEntry, AccessLogFollower, parseAccessLogLine } from "./access_log.ts";

const ALLOWED =
  `{"bytes_received":7,"bytes_sent":329,"client":"127.0.0.1:43718","code_details":"via_upstream",` +
  `"duration_ms":6,"first_byte_ms":5,"flags":"-","host":"127.0.0.1:9000","method":"POST",` +
  `"path":"/v1/chat/completions","protocol":"HTTP/1.1","request_id":"f4ee1013","status":200,` +
  `"tenant":"acme","rule":"demo","time":"2026-11-21T08:54:06.076Z","upstream_attempts":1,` +
  `"upstream_host":"127.0.0.1:9000"}`;

Deno.test("parseAccessLogLine() reads a forwarded request as allowed", () => {
  const entry = parseAccessLogLine(ALLOWED);
  assert.ok(entry);
  assert.equal(entry.decision, "allow");
  assert.equal(entry.requestId, "f4ee1013");
  assert.equal(entry.tenant, "acme");
  assert.equal(entry.firstByteMs, 5);
  assert.equal(entry.bytesSent, 329);
  assert.equal(entry.upstreamAttempts, 1);
});

for (
  const { details, decision } of [
    { details: "ext_authz_denied", decision: "deny" },
    { details: "ext_authz_error", decision: "error" },
    { details: "ext_authz_invalid", decision: "error" },
    { details: "route_not_found", decision: "none" },
    { details: "local_rate_limited", decision: "none" },
    { details: "direct_response", decision: "none" },
  ]
) {
  Deno.test(`parseAccessLogLine() takes ${details} for ${decision}`, () => {
    const line = JSON.stringify({ code_details: details, status: 400, upstream_attempts: 0 });
    assert.equal(parseAccessLogLine(line)?.decision, decision);
  });
}

Deno.test("parseAccessLogLine() takes null and empty text for what is not there", () => {
  const entry = parseAccessLogLine(
    `{"tenant":null,"policy_tenant":"","rule":null,"first_byte_ms":null,"decision_id":null,` +
      `"code_details":"route_not_found","request_id":null,"upstream_attempts":0}`,
  );
  assert.deepEqual(
    [entry?.tenant, entry?.rule, entry?.firstByteMs, entry?.requestId, entry?.decision],
    [undefined, undefined, undefined, "", "none"],
  );
});

Deno.test("parseAccessLogLine() does not believe metadata over what was enforced", () => {
  const line = JSON.stringify({ code_details: "ext_authz_denied", decision: "allow" });
  assert.equal(parseAccessLogLine(line)?.decision, "deny");
});

Deno.test("parseAccessLogLine() leaves out what is no JSON object", () => {
  for (const line of ["", '[2026] "GET / HTTP/1.1" 200', "null", "7"]) {
    assert.equal(parseAccessLogLine(line), undefined);
  }
});

Deno.test("parseAccessLogLine() invents nothing that a format leaves out", () => {
  const refused = parseAccessLogLine(
    `[2026-11-21T08:54:06.076Z] "POST /v1/models HTTP/1.1" 403 UAEX 2 0 3 - "-" "curl" "id-1" "h" "-"`,
  );
  assert.equal(refused?.decision, "refused", "a denial and a failed policy engine share the flag");
  assert.equal(refused?.codeDetails, undefined);
  const short = parseAccessLogLine(`{"request_id":"id-1","status":200}`);
  assert.deepEqual(
    [short?.bytesSent, short?.durationMs, short?.flags, short?.codeDetails],
    [undefined, undefined, undefined, undefined],
  );
});

Deno.test("parseAccessLogLine() knows the names of Envoy Gateway's and Istio's JSON logs", () => {
  const entry = parseAccessLogLine(JSON.stringify({
    start_time: "2026-11-21T08:54:06.076Z",
    "x-request-id": "id-1",
    response_code: 503,
    response_code_details: "ext_authz_error",
    response_flags: "UAEX",
    duration: 12,
    bytes_sent: 0,
    upstream_host: null,
  }));
  assert.deepEqual(
    [entry?.requestId, entry?.status, entry?.decision, entry?.durationMs, entry?.upstreamAttempts],
    ["id-1", 503, "error", 12, 0],
  );
});

Deno.test("AccessLogFollower reads lines in order, however they are cut", async () => {
  const folder = await Deno.makeTempDir();
  const path = join(folder, "access.log");
  const seen = new Journal<AccessLogEntry>({ limit: 10 });
  {
    await using _follower = new AccessLogFollower(path, (entry) => seen.append(entry));
    const line = (id: string) => `{"request_id":"${id}","path":"/v1/ü"}\n`;
    const bytes = new TextEncoder().encode(line("one") + line("two"));
    using file = await Deno.open(path, { create: true, append: true });
    // The cut is within a character of the first line.
    const cut = bytes.indexOf(0xc3) + 1;
    file.writeSync(bytes.subarray(0, cut));
    file.writeSync(bytes.subarray(cut));
    await seen.waitFor((entry) => entry.requestId === "two");
    file.writeSync(new TextEncoder().encode(line("three") + `{"request_id":"cut`));
  }
  // The end of the follower reads what was left, and not half a line.
  assert.deepEqual(seen.entries().map(({ requestId }) => requestId), ["one", "two", "three"]);
  assert.equal(seen.entries()[0]?.path, "/v1/ü");
  await Deno.remove(folder, { recursive: true });
});
