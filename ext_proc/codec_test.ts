/** The codec by hand against the one that is made from grpc/messages/protos/. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { messageCodec } from "../grpc/messages/mod.ts";
import { decodePhase, encodeAnswer } from "./codec.ts";
import type { ContinueAnswer, HeaderList, ImmediateAnswer, Phase, StreamPart } from "./phase.ts";

const REQUEST = messageCodec("envoy.service.ext_proc.v3.ProcessingRequest");
const RESPONSE = messageCodec("envoy.service.ext_proc.v3.ProcessingResponse");

/** Around the lengths at which a length takes one byte more. */
const words = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.string({ unit: "grapheme", maxLength: 60 }),
  fc.integer({ min: 100, max: 140 }).map((length) => "x".repeat(length)),
);
const headers: fc.Arbitrary<HeaderList> = fc.array(fc.tuple(words, words), { maxLength: 4 });
const bodies = fc.oneof(
  fc.uint8Array({ maxLength: 20 }),
  fc.integer({ min: 16_370, max: 16_390 }).map((length) => new Uint8Array(length)),
);
const struct = fc.dictionary(fc.stringMatching(/^[a-z][a-z.-]{0,60}$/), fc.jsonValue(), {
  maxKeys: 3,
  noNullPrototype: true,
}).filter((object) => !JSON.stringify(object).includes("__proto__"));
const utf8 = (text: string) => new TextEncoder().encode(text);
const wire = (list: HeaderList) => ({
  headers: list.map(([key, value], i) =>
    i % 2 === 0 ? { key, value } : { key, raw_value: utf8(value) }
  ),
});

Deno.test("decodePhase() reads headers, attributes and trailers as they were written", () => {
  fc.assert(fc.property(headers, struct, fc.boolean(), (list, attributes, end_of_stream) => {
    const filter = { "envoy.filters.http.ext_proc": attributes, other: { a: 1 } };
    assert.deepEqual(
      decodePhase(REQUEST.encode({
        request_headers: { headers: wire(list), end_of_stream },
        attributes: filter,
        metadata_context: { filter_metadata: { a: { b: 1 } } },
      })),
      { phase: "request_headers", headers: list, endOfStream: end_of_stream, attributes },
    );
    assert.deepEqual(
      decodePhase(REQUEST.encode({ response_trailers: { trailers: wire(list) } })),
      { phase: "response_trailers", headers: list },
    );
  }));
});

Deno.test("decodePhase() reads bodies, and refuses what it does not know", () => {
  fc.assert(fc.property(bodies, fc.boolean(), (body, end_of_stream) => {
    assert.deepEqual(decodePhase(REQUEST.encode({ response_body: { body, end_of_stream } })), {
      phase: "response_body",
      body,
      endOfStream: end_of_stream,
    });
  }));
  assert.throws(() => decodePhase(REQUEST.encode({})), /it has none of request_headers/);
  assert.throws(() => decodePhase(utf8("\x12\x7f")), TypeError);
});

/** A ProcessingResponse as the other codec reads it. */
const read = (phase: Phase, said: ContinueAnswer | ImmediateAnswer | StreamPart) =>
  RESPONSE.decode(encodeAnswer(phase, said));
const without = (object: object) =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
const map = (list: HeaderList) => ({
  headers: list.map(([key, value]) => present({ key, raw_value: utf8(value) })),
});
const setHeaders = (list: HeaderList) =>
  map(list).headers.map((header) => ({ header, append_action: "OVERWRITE_IF_EXISTS_OR_ADD" }));

Deno.test("encodeAnswer() writes answers that the other codec reads alike", () => {
  fc.assert(fc.property(headers, bodies, struct, words, (list, body, metadata, name) => {
    const mutation = without({
      set_headers: list.length === 0 ? undefined : setHeaders(list),
      remove_headers: [name],
    });
    assert.deepEqual(
      read("request_headers", {
        kind: "continue",
        headers: { set: list, remove: [name] },
        body: { replace: body },
        clearRouteCache: true,
        mode: { requestBody: "STREAMED", responseHeaders: "SKIP", responseTrailers: "SEND" },
        metadata: { a: metadata },
      }),
      {
        request_headers: {
          response: {
            status: "CONTINUE_AND_REPLACE",
            header_mutation: mutation,
            body_mutation: { body },
            clear_route_cache: true,
          },
        },
        mode_override: {
          response_header_mode: "SKIP",
          request_body_mode: "STREAMED",
          response_trailer_mode: "SEND",
        },
        dynamic_metadata: { a: metadata },
      },
    );
    assert.deepEqual(
      read("request_headers", { kind: "immediate", status: 404, body, details: name }),
      {
        immediate_response: { status: { code: "NotFound" }, ...present({ body, details: name }) },
      },
    );
    assert.deepEqual(
      read("request_body", { part: "head", status: 200, headers: list, metadata: { a: metadata } }),
      {
        streamed_immediate_response: {
          headers_response: { headers: map([[":status", "200"], ...list]) },
        },
        dynamic_metadata: { a: metadata },
      },
    );
    assert.deepEqual(read("request_body", { part: "body", body, endOfStream: true }), {
      streamed_immediate_response: {
        body_response: { ...present({ body }), end_of_stream: true },
      },
    });
  }));
});

Deno.test("encodeAnswer() refuses what a phase cannot carry", () => {
  const cannot: readonly [Phase, ContinueAnswer | ImmediateAnswer, RegExp][] = [
    ["request_trailers", { kind: "continue", clearRouteCache: true }, /Cannot clear the route/],
    ["response_trailers", { kind: "continue", body: { clear: true } }, /Cannot change the body/],
    ["request_body", { kind: "continue", mode: {} }, /Cannot change the mode/],
    ["request_headers", { kind: "immediate", status: 600 }, /Cannot answer with status 600/],
  ];
  for (const [phase, answer, reason] of cannot) {
    assert.throws(() => encodeAnswer(phase, answer), reason);
  }
});

/** Without what has its default value: the wire does not say it. */
function present<Fields extends Record<string, { length: number }>>(fields: Fields) {
  return Object.fromEntries(Object.entries(fields).filter(([, { length }]) => length > 0));
}
