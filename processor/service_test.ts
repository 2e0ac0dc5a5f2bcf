import assert from "node:assert/strict";
import {
  connectGrpc,
  GrpcError,
  type JsonObject,
  messageCodec,
  startGrpcServer,
} from "../grpc/mod.ts";
import { encodeAnswer } from "./codec.ts";
import type { Answer, PhaseMessage } from "./phase.ts";
import { EXTERNAL_PROCESSOR, processorService, type StreamEnd } from "./service.ts";

const REQUEST = messageCodec("envoy.service.ext_proc.v3.ProcessingRequest");
const RESPONSE = messageCodec("envoy.service.ext_proc.v3.ProcessingResponse");

/** A served processor that keeps what it sees, and a stream to it. */
async function serve(answer: (message: PhaseMessage) => Answer) {
  const seen: PhaseMessage[] = [];
  const ended = Promise.withResolvers<StreamEnd>();
  const service = processorService(() => ({
    answer: (message) => {
      seen.push(message);
      return answer(message);
    },
    end: (how) => ended.resolve(how),
  }));
  const server = await startGrpcServer({ services: [service] });
  const client = connectGrpc({ address: server.address });
  const stream = client.bidi(`/${EXTERNAL_PROCESSOR}/Process`, { deadlineMs: 10_000 });
  const answers = stream.messages[Symbol.asyncIterator]();
  return {
    seen,
    ended: ended.promise,
    end: () => stream.end(),
    cancel: () => stream.cancel(),
    ask: async (request: JsonObject) => {
      stream.write(REQUEST.encode(request));
      const { value } = await answers.next();
      return value === undefined ? undefined : RESPONSE.decode(value);
    },
    [Symbol.asyncDispose]: async () => {
      client[Symbol.dispose]();
      await server.stop();
    },
  };
}

const HEADERS = {
  request_headers: {
    headers: { headers: [{ key: ":path", raw_value: new TextEncoder().encode("/v1/x") }] },
  },
};

Deno.test("processorService() tells phases and gives answers, to the end", async () => {
  await using stream = await serve(({ phase }) => ({
    kind: "continue",
    clearRouteCache: phase === "request_body",
    headers: { set: [["x-a", "1"]], remove: ["x-b"] },
    metadata: { "envoy.lb": { key: "value" } },
  }));
  const first = await stream.ask(HEADERS);
  assert.ok(first?.["request_headers"]);
  assert.deepEqual(first?.["dynamic_metadata"], { "envoy.lb": { key: "value" } });
  const second = await stream.ask({ request_body: { body: "aGk=", end_of_stream: true } });
  const { response } = second?.["request_body"] as { response: JsonObject };
  assert.equal(response["clear_route_cache"], true);
  assert.deepEqual((response["header_mutation"] as JsonObject)["remove_headers"], ["x-b"]);
  stream.end();
  assert.equal(await stream.ended, "closed");
  assert.deepEqual(stream.seen, [
    { phase: "request_headers", headers: [[":path", "/v1/x"]], endOfStream: false },
    { phase: "request_body", body: new TextEncoder().encode("hi"), endOfStream: true },
  ]);
});

Deno.test("processorService() refuses an illegal order with FAILED_PRECONDITION", async () => {
  await using stream = await serve(() => ({ kind: "continue" }));
  await stream.ask({ request_body: { body: "aGk=", end_of_stream: true } });
  await assert.rejects(
    stream.ask(HEADERS),
    (error) =>
      error instanceof GrpcError && error.code === 9 && /"request_headers"/.test(error.message),
  );
  assert.equal(await stream.ended, "failed");
});

Deno.test("processorService() hears a cancelled stream, and hides what a processor throws", async () => {
  await using cancelled = await serve(() => ({ kind: "continue" }));
  await cancelled.ask(HEADERS);
  cancelled.cancel();
  assert.equal(await cancelled.ended, "cancelled");
  await using broken = await serve(() => {
    throw new Error("a secret");
  });
  await assert.rejects(broken.ask(HEADERS), (error) => {
    return error instanceof GrpcError && error.code === 13 && !error.message.includes("secret");
  });
  assert.equal(await broken.ended, "failed");
});

Deno.test("encodeAnswer() makes an immediate answer, and refuses what Envoy would not take", () => {
  const bytes = encodeAnswer("request_headers", {
    kind: "immediate",
    status: 404,
    body: new TextEncoder().encode("no"),
    details: "why",
  });
  const answer = RESPONSE.decode(bytes)["immediate_response"] as JsonObject;
  assert.equal(answer["details"], "why");
  assert.deepEqual(answer["body"], new TextEncoder().encode("no"));
  assert.throws(
    () => encodeAnswer("request_headers", { kind: "immediate", status: 99 }),
    RangeError,
  );
  assert.throws(
    () => encodeAnswer("response_trailers", { kind: "continue", clearRouteCache: true }),
    RangeError,
  );
});
