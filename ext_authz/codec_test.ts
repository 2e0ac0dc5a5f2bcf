import assert from "node:assert/strict";
import fc from "fast-check";
import { messageCodec } from "../grpc/messages/mod.ts";
import {
  APPEND_ACTIONS,
  type AppendAction,
  type CheckResponse,
  decodeCheckRequest,
  encodeCheckResponse,
} from "./mod.ts";

const REQUEST = messageCodec("envoy.service.auth.v3.CheckRequest");
const RESPONSE = messageCodec("envoy.service.auth.v3.CheckResponse");

/** Text of every kind, ASCII most often, as in real requests. */
const words = fc.oneof(
  { weight: 3, arbitrary: fc.string({ maxLength: 20 }) },
  fc.string({ unit: "grapheme", maxLength: 10 }),
);
const names = fc.stringMatching(/^[a-z][a-z0-9-]{0,12}$/);
const texts = fc.dictionary(names, words, { maxKeys: 5, noNullPrototype: true });

const requests = fc.record({
  method: words,
  path: words,
  host: words,
  id: words,
  scheme: words,
  protocol: words,
  size: fc.integer({ min: -1, max: 2 ** 40 }),
  headers: texts,
  raw_body: fc.uint8Array({ maxLength: 20 }),
});

Deno.test("decodeCheckRequest() reads what the general codec wrote, field by field", () => {
  fc.assert(fc.property(requests, texts, words, fc.nat(65535), (http, extensions, ip, port) => {
    const bytes = REQUEST.encode({
      attributes: {
        source: { address: { socket_address: { address: ip, port_value: port } }, principal: ip },
        destination: { address: { pipe: { path: ip } } },
        request: { time: "2026-01-02T03:04:05Z", http },
        context_extensions: extensions,
        metadata_context: { filter_metadata: { a: { b: [1, "x", null, true, { c: ip }] } } },
        tls_session: { sni: ip },
      },
    });
    const decoded = decodeCheckRequest(bytes);
    const { raw_body, headers, ...plain } = http;
    for (const [field, value] of Object.entries(plain)) {
      assert.deepEqual(decoded[field as keyof typeof plain], value, field);
    }
    assert.deepEqual({ ...decoded.headers }, headers);
    assert.deepEqual([...decoded.body ?? []], [...raw_body]);
    assert.deepEqual(decoded.source, { address: ip, port, principal: ip });
    assert.deepEqual(decoded.destination, { address: ip, port: 0, principal: "" });
    assert.deepEqual(decoded.contextExtensions, extensions);
    assert.deepEqual(decoded.metadata, { a: { b: [1, "x", null, true, { c: ip }] } });
    assert.equal(decoded.sni, ip);
  }));
});

Deno.test("decodeCheckRequest() keeps every line of a header_map, in order", () => {
  const bytes = REQUEST.encode({
    attributes: {
      request: {
        http: {
          header_map: {
            headers: [
              { key: "x-a", raw_value: new TextEncoder().encode("1") },
              { key: "x-b", value: "2" },
              { key: "x-a", value: "3" },
            ],
          },
        },
      },
    },
  });
  const decoded = decodeCheckRequest(bytes);
  assert.deepEqual(decoded.headerList, [["x-a", "1"], ["x-b", "2"], ["x-a", "3"]]);
  assert.deepEqual({ ...decoded.headers }, { "x-a": "1,3", "x-b": "2" });
});

Deno.test("decodeCheckRequest() has no header that the request did not send, not even of Object", () => {
  const { headers } = decodeCheckRequest(new Uint8Array(0));
  assert.equal(headers["constructor"], undefined);
  assert.equal(headers["__proto__"], undefined);
});

Deno.test("decodeCheckRequest() refuses with a TypeError or decodes, whatever the bytes", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
    try {
      decodeCheckRequest(bytes);
    } catch (error) {
      assert.ok(error instanceof TypeError, String(error));
    }
  }));
});

Deno.test("decodeCheckRequest() refuses every truncation that the general codec refuses", () => {
  const whole = REQUEST.encode({ attributes: { request: { http: { method: "GET", path: "/" } } } });
  for (let length = 1; length < whole.length; length++) {
    assert.throws(() => REQUEST.decode(whole.slice(0, length)), TypeError);
    assert.throws(() => decodeCheckRequest(whole.slice(0, length)), TypeError);
  }
});

const options = fc.array(
  fc.record({
    name: names,
    value: words,
    action: fc.constantFrom(undefined, ...Object.keys(APPEND_ACTIONS) as AppendAction[]),
  }),
  { maxLength: 4 },
);
const json = fc.jsonValue({ maxDepth: 3 });
const denied = fc.record({
  status: fc.constantFrom(0, 401, 451, 599),
  headers: options,
  body: words,
});

const responses: fc.Arbitrary<CheckResponse> = fc.oneof(
  fc.record({ code: fc.nat(16), denied, metadata: fc.dictionary(names, json) }),
  fc.record({ code: fc.nat(16), error: denied }),
  fc.record({
    code: fc.constant(0),
    ok: fc.record({
      headers: options,
      headersToRemove: fc.array(names),
      responseHeaders: options,
      queryToSet: fc.array(fc.tuple(names, words)),
      queryToRemove: fc.array(names),
    }),
  }),
);

Deno.test("encodeCheckResponse() writes what the general codec reads as the same response", () => {
  fc.assert(fc.property(responses, (response) => {
    const decoded = RESPONSE.decode(encodeCheckResponse(response));
    assert.deepEqual(normal(decoded), normal(expected(response)));
  }));
});

/** The response as proto3 JSON, built the obvious way. */
function expected(response: CheckResponse): Record<string, unknown> {
  const header = (o: { name: string; value: string; action: AppendAction | undefined }) => ({
    header: { key: o.name, value: o.value },
    ...(o.action === "append_if_exists_or_add"
      ? { append: true }
      : o.action === undefined
      ? {}
      : { append_action: o.action.toUpperCase() }),
  });
  const refusal = (d: CheckResponse["denied"]) =>
    d && {
      ...(d.status === 0 ? {} : { status: { code: statusName(d.status) } }),
      headers: d.headers.map(header),
      body: d.body,
    };
  return {
    status: response.code === 0 ? {} : { code: response.code },
    denied_response: refusal(response.denied),
    error_response: refusal(response.error),
    dynamic_metadata: response.metadata,
    ok_response: response.ok && {
      headers: response.ok.headers.map(header),
      headers_to_remove: response.ok.headersToRemove,
      response_headers_to_add: response.ok.responseHeaders.map(header),
      query_parameters_to_set: response.ok.queryToSet.map(([key, value]) => ({ key, value })),
      query_parameters_to_remove: response.ok.queryToRemove,
    },
  };
}

function statusName(status: number): string | number {
  return status === 401 ? "Unauthorized" : status;
}

/** Without what proto3 cannot tell apart: absent, empty text, empty list; and minus zero. */
function normal(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_key, item) => {
    if (item === "" || (Array.isArray(item) && item.length === 0)) return undefined;
    return item;
  }));
}
