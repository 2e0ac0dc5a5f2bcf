/** The codec by hand against the one that is made from grpc/messages/protos/. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { messageCodec } from "../grpc/messages/mod.ts";
import { UNITS } from "./window.ts";
import { decodeAsked, encodeAnswer } from "./wire.ts";

const REQUEST = messageCodec("envoy.service.ratelimit.v3.RateLimitRequest");
const RESPONSE = messageCodec("envoy.service.ratelimit.v3.RateLimitResponse");

/** Around the lengths at which a length takes one byte more, ASCII and not. */
const words = fc.oneof(
  fc.string({ maxLength: 30 }),
  fc.string({ unit: "grapheme", maxLength: 60 }),
  fc.integer({ min: 100, max: 140 }).map((length) => "x".repeat(length)),
);
const addend = fc.option(fc.integer({ min: 0, max: 2 ** 31 }), { nil: undefined });

Deno.test("decodeAsked() reads descriptors as they were written, and tells 0 from nothing", () => {
  const descriptor = fc.record({
    entries: fc.array(fc.tuple(words, words), { maxLength: 4 }),
    addend,
  });
  fc.assert(fc.property(fc.array(descriptor, { maxLength: 4 }), fc.nat(), (list, hits_addend) => {
    const bytes = REQUEST.encode({
      domain: "llmgate",
      hits_addend,
      descriptors: list.map(({ entries, addend }) => ({
        entries: entries.map(([key, value]) => ({ key, value })),
        ...(addend !== undefined && { hits_addend: addend }),
      })),
    });
    assert.deepEqual(decodeAsked(bytes), {
      descriptors: list.map(({ entries, addend }) => ({ entries, hitsAddend: addend })),
      hitsAddend: hits_addend,
    });
  }));
});

Deno.test("decodeAsked() ends on any bytes: with a message or a TypeError", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
    try {
      decodeAsked(bytes);
    } catch (error) {
      assert.ok(error instanceof TypeError);
    }
  }));
});

Deno.test("encodeAnswer() writes what the other codec reads", () => {
  const status = fc.record({
    refused: fc.boolean(),
    limit: fc.option(
      fc.record({
        max: fc.integer({ min: 1, max: 2 ** 40 }),
        unit: fc.constantFrom(...UNITS),
        name: words.filter((text) => text !== ""),
        remaining: fc.integer({ min: 0, max: 2 ** 40 }),
        resetS: fc.integer({ min: 0, max: 2_678_400 }),
      }),
      { nil: undefined },
    ),
  });
  const answer = fc.record({
    refused: fc.boolean(),
    statuses: fc.array(status, { maxLength: 3 }),
    headers: fc.array(fc.tuple(words.filter((text) => text !== ""), words), { maxLength: 4 }),
    body: fc.option(fc.uint8Array({ minLength: 1, maxLength: 200 }), { nil: undefined }),
  });
  fc.assert(fc.property(answer, ({ body, statuses, ...rest }) => {
    const code = (refused: boolean) => refused ? "OVER_LIMIT" : "OK";
    const most = 2 ** 32 - 1;
    const known = statuses.map(({ refused, limit }) =>
      limit === undefined ? { refused } : { refused, limit }
    );
    const bytes = encodeAnswer({ ...rest, statuses: known, ...(body !== undefined && { body }) });
    const expected = RESPONSE.encode({
      overall_code: code(rest.refused),
      statuses: statuses.map(({ refused, limit }) => ({
        code: code(refused),
        ...(limit !== undefined && {
          current_limit: {
            requests_per_unit: Math.min(most, limit.max),
            unit: limit.unit.toUpperCase(),
            name: limit.name,
          },
          limit_remaining: Math.min(most, limit.remaining),
          duration_until_reset: `${limit.resetS}s`,
        }),
      })),
      response_headers_to_add: rest.headers.map(([key, value]) => ({ key, value })),
      ...(body !== undefined && { raw_body: body }),
    });
    assert.deepEqual(RESPONSE.decode(bytes), RESPONSE.decode(expected));
  }));
});
