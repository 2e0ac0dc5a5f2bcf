/** The call log of a gateway beside Envoy's own access log: what one counts, the other has. */
import assert from "node:assert/strict";
import { eachCall, lossesOf, openForReading } from "../../call_log/mod.ts";
import type { AccessLogEntry } from "../../envoy/mod.ts";
import { singleUpstream, withAddOns } from "../../gateway/mod.ts";
import { callLogAddOn } from "../../gateway/profiles/mod.ts";
import { chat, startTestGateway } from "../testing/stack.ts";

/** Requests of each kind, and how many are on their way at once. */
const EACH = 500;
const AT_ONCE = 50;

/** Sends many under ids of their own, a few at a time, and resolves when all were answered. */
async function sendAll(
  kind: string,
  send: (headers: Record<string, string>) => Promise<Response>,
): Promise<void> {
  let left = EACH;
  const one = async () => {
    while (left > 0) await (await send({ "x-request-id": `call-${kind}-${left--}` })).text();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
}

Deno.test("every line of the access log is a row of the call log, with its status, decision and sizes", async () => {
  const folder = await Deno.makeTempDir({ prefix: "llmgate-calls-" });
  await using stack = new AsyncDisposableStack();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const path = `${folder}/calls.db`;
  const lines = new Map<string, AccessLogEntry>();
  {
    await using gateway = await startTestGateway({
      profile: withAddOns(singleUpstream(), [callLogAddOn({ path, days: 1, megabytes: 100 })]),
    });
    gateway.onLogged((entry) => lines.set(entry.requestId, entry));
    await Promise.all([
      sendAll("whole", (headers) => chat(gateway, { headers })),
      sendAll(
        "stream",
        (headers) =>
          chat(gateway, { headers: { ...headers, "x-mock-pace": "ttft=0,itl=0" }, stream: true }),
      ),
      sendAll("denied", (headers) => chat(gateway, { headers, key: "nobody" })),
      sendAll("unknown", (headers) =>
        fetch(`${gateway.url}/v1/nothing?token=secret`, {
          headers: { ...headers, "x-api-key": "demo-key" },
        })),
    ]);
  }
  using database = openForReading(path);
  const calls = [...eachCall(database, {})];
  assert.equal(lossesOf(database), 0);
  const logged = [...lines.values()].filter(({ requestId }) => requestId.startsWith("call-")).map(
    (one) => [one.requestId, one.status, one.decision, one.durationMs, one.bytesSent].join(" "),
  );
  const kept = calls.map((one) =>
    [one.request_id, one.status, one.decision, one.total_ms, one.bytes_out].join(" ")
  );
  assert.equal(kept.length, 4 * EACH);
  assert.deepEqual(kept.toSorted(), logged.toSorted());
  const statuses = Map.groupBy(calls, ({ status }) => status);
  assert.deepEqual(
    [200, 403, 404].map((status) => statuses.get(status)?.length ?? 0),
    [2 * EACH, EACH, EACH],
  );
  assert.ok(!JSON.stringify(calls).includes("secret"));
});
