import assert from "node:assert/strict";
import { connectGrpc, GrpcError, type JsonObject, startGrpcServer } from "../grpc/mod.ts";
import { messageCodec } from "../grpc/messages/mod.ts";
import { encodeAnswer } from "./codec.ts";
import type { Answer, PhaseMessage } from "./phase.ts";
import {
  EXTERNAL_PROCESSOR,
  processorService,
  type ProcessorStream,
  type StreamEnd,
} from "./service.ts";

const REQUEST = messageCodec("envoy.service.ext_proc.v3.ProcessingRequest");
const RESPONSE = messageCodec("envoy.service.ext_proc.v3.ProcessingResponse");

/** A served processor that keeps what it sees, and a stream to it. */
async function serve(answer: (message: PhaseMessage, stream: ProcessorStream) => Answer) {
  const seen: PhaseMessage[] = [];
  const ended = Promise.withResolvers<StreamEnd>();
  const service = processorService(() => ({
    answer: (message, stream) => {
      seen.push(message);
      return answer(message, stream);
    },
    end: (how) => ended.resolve(how),
  }));
  const server = await startGrpcServer({ services: [service] });
  const client = connectGrpc({ address: server.address });
  const stream = client.bidi(`/${EXTERNAL_PROCESSOR}/Process`, { deadlineMs: 60_000 });
  const answers = stream.messages[Symbol.asyncIterator]();
  return {
    seen,
    ended: ended.promise,
    end: () => stream.end(),
    cancel: () => stream.cancel(),
    tell: (request: JsonObject) => stream.write(REQUEST.encode(request)),
    next: async () => {
      const { value } = await answers.next();
      return value === undefined ? undefined : RESPONSE.decode(value);
    },
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

const streamed = (answer: JsonObject | undefined) =>
  answer?.["streamed_immediate_response"] as Record<string, JsonObject> | undefined;

Deno.test("processorService() collects a request unanswered and streams an answer of its own", async () => {
  await using stream = await serve((message) => {
    if (!("endOfStream" in message) || !message.endOfStream) return { kind: "wait" };
    return {
      kind: "stream",
      status: 200,
      headers: [["content-type", "text/event-stream"]],
      body: (async function* () {
        yield new TextEncoder().encode("a");
        yield new TextEncoder().encode("b");
      })(),
    };
  });
  stream.tell(HEADERS);
  stream.tell({ request_body: { body: "aGk=" } });
  stream.tell({ request_body: { body: "aGk=", end_of_stream: true } });
  const head = streamed(await stream.next())?.["headers_response"]?.["headers"] as JsonObject;
  const fields = (head["headers"] as JsonObject[]).map(({ key, raw_value }) => [
    key,
    new TextDecoder().decode(raw_value as Uint8Array),
  ]);
  assert.deepEqual(fields, [[":status", "200"], ["content-type", "text/event-stream"]]);
  const pieces = [await stream.next(), await stream.next(), await stream.next()];
  assert.deepEqual(pieces.map((piece) => streamed(piece)?.["body_response"]), [
    { body: new TextEncoder().encode("a") },
    { body: new TextEncoder().encode("b") },
    { end_of_stream: true },
  ]);
  // What crossed the answer on the way is no error.
  stream.tell({ request_trailers: {} });
  stream.end();
  assert.equal(await stream.ended, "closed");
});

Deno.test("processorService() ends a streamed answer's body when Envoy gives the request up", async () => {
  const returned = Promise.withResolvers<void>();
  const aborted = Promise.withResolvers<void>();
  await using stream = await serve((_, { signal }) => {
    signal.addEventListener("abort", () => aborted.resolve());
    return {
      kind: "stream",
      status: 200,
      body: {
        [Symbol.asyncIterator]: () => ({
          next: () => new Promise(() => {}),
          return: () => {
            returned.resolve();
            return Promise.resolve({ done: true, value: undefined });
          },
        }),
      },
    };
  });
  const { request_headers } = HEADERS;
  stream.tell({ request_headers: { ...request_headers, end_of_stream: true } });
  assert.ok(streamed(await stream.next())?.["headers_response"]);
  stream.cancel();
  await Promise.all([returned.promise, aborted.promise]);
  assert.equal(await stream.ended, "cancelled");
});

Deno.test("processorService() breaks a streamed answer off when its body fails", async () => {
  await using stream = await serve(() => ({
    kind: "stream",
    status: 200,
    // deno-lint-ignore require-yield -- it fails before its first piece
    body: (async function* () {
      throw await Promise.resolve(new Error("a secret"));
    })(),
  }));
  const { request_headers } = HEADERS;
  stream.tell({ request_headers: { ...request_headers, end_of_stream: true } });
  await stream.next();
  await assert.rejects(stream.next(), (error) => error instanceof GrpcError && error.code === 13);
  assert.equal(await stream.ended, "failed");
});

Deno.test("encodeAnswer() writes bodies and modes, each only where the contract has it", () => {
  const piece = encodeAnswer("request_body", {
    kind: "continue",
    body: { piece: new Uint8Array([1]), endOfStream: true },
  });
  const { response } = RESPONSE.decode(piece)["request_body"] as { response: JsonObject };
  assert.deepEqual(response["body_mutation"], {
    streamed_response: { body: new Uint8Array([1]), end_of_stream: true },
  });
  const replaced = RESPONSE.decode(encodeAnswer("request_headers", {
    kind: "continue",
    body: { replace: new Uint8Array([2]) },
    mode: { responseBody: "STREAMED" },
  }));
  assert.deepEqual(replaced["mode_override"], { response_body_mode: "STREAMED" });
  assert.equal(
    (replaced["request_headers"] as { response: JsonObject }).response["status"],
    "CONTINUE_AND_REPLACE",
  );
  const nowhere = [
    ["request_body", { kind: "continue", mode: { requestBody: "NONE" } }],
    ["request_trailers", { kind: "continue", body: { clear: true } }],
  ] as const;
  for (const [phase, answer] of nowhere) {
    assert.throws(() => encodeAnswer(phase, answer), RangeError);
  }
});
