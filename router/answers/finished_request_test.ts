import assert from "node:assert/strict";
import type { JsonObject } from "../../grpc/mod.ts";
import { finishedRequest } from "./finished_request.ts";

/** An entry as the codec gives it. */
function entry(
  change: { usage?: JsonObject; common?: JsonObject; code?: number } = {},
): JsonObject {
  return {
    common_properties: {
      start_time: "1970-01-01T00:16:40.500000Z",
      time_to_first_upstream_tx_byte: { nanos: 20_000_000 },
      duration: { seconds: 1, nanos: 250_000_000 },
      upstream_remote_address: { socket_address: { address: "10.0.0.7", port_value: 8000 } },
      upstream_request_attempt_count: 2,
      metadata: {
        filter_metadata: {
          "llmgate.router": {
            route: "chat-route",
            model: "m",
            endpoint: "10.0.0.6:8000",
            operation: "chat",
          },
          ...(change.usage && { "llmgate.usage": change.usage }),
        },
      },
      ...change.common,
    },
    response: { response_code: change.code ?? 200 },
  };
}

const START_US = 1_000_500_000;

Deno.test("finishedRequest() tells an answer in one piece, from the host that gave it", () => {
  const usage = { input_tokens: 9, output_tokens: 4, model: "m-2" };
  assert.deepEqual(finishedRequest(entry({ usage })), {
    route: "chat-route",
    model: "m",
    responseModel: "m-2",
    responseId: undefined,
    tenant: undefined,
    operation: "chat",
    host: "10.0.0.7:8000",
    status: 200,
    attempts: 2,
    duration: 1.25,
    queued: 0.02,
    firstToken: undefined,
    perToken: undefined,
    inputTokens: 9,
    outputTokens: 4,
  });
});

const STREAM = { stream: true, first_us: START_US + 120_000, last_us: START_US + 420_000 };

Deno.test.each([
  { what: "by usage", usage: { ...STREAM, output_tokens: 4, events: 9 }, perToken: 0.1 },
  { what: "by events where usage is not said", usage: { ...STREAM, events: 3 }, perToken: 0.15 },
  { what: "not at all for one token", usage: { ...STREAM, output_tokens: 1 }, perToken: undefined },
  { what: "not at all when it broke", usage: { ...STREAM, last_us: undefined } },
])("finishedRequest() times the tokens of a stream $what", ({ usage, perToken }) => {
  const finished = finishedRequest(entry({ usage }));
  assert.equal(finished?.firstToken?.toFixed(3), "0.100");
  assert.equal(finished?.perToken?.toFixed(3), perToken?.toFixed(3));
});

Deno.test("finishedRequest() names the chosen host where none was reached, and no status as 0", () => {
  const common = { upstream_remote_address: undefined, time_to_first_upstream_tx_byte: undefined };
  const finished = finishedRequest(entry({ common, code: 0 }));
  assert.equal(finished?.host, "10.0.0.6:8000");
  assert.equal(finished?.status, 0);
  assert.equal(finished?.queued, undefined);
});

Deno.test("finishedRequest() knows nothing of a request that was not routed", () => {
  assert.equal(finishedRequest(entry({ common: { metadata: {} } })), undefined);
  assert.equal(finishedRequest({}), undefined);
});
