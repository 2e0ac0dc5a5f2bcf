import assert from "node:assert/strict";
import fc from "fast-check";
import { type JsonObject, messageCodec } from "./mod.ts";
import { create, toBinary } from "@bufbuild/protobuf";
import { HTTPAccessLogEntrySchema } from "./protos/gen/access_log_pb.ts";

const RESPONSE = messageCodec("envoy.service.auth.v3.CheckResponse");
const PROCESSING = messageCodec("envoy.service.ext_proc.v3.ProcessingResponse");

Deno.test("messageCodec() reads back what it wrote, Struct, wrappers and enums included", () => {
  const response = {
    status: { code: 7, message: "no" },
    denied_response: {
      status: { code: "TooManyRequests" },
      headers: [
        { header: { key: "a", value: "1" }, append: true, append_action: "ADD_IF_ABSENT" },
        { header: { key: "b", raw_value: new Uint8Array([255, 0]) }, append: false },
      ],
    },
    dynamic_metadata: { n: 1.5, s: "x", b: false, nil: null, list: [1, "a", { deep: [] }], o: {} },
  };
  assert.deepEqual(RESPONSE.decode(RESPONSE.encode(response)), response);
});

Deno.test("messageCodec() carries any JSON object as a Struct", () => {
  // Keys that mean something to JavaScript itself are no keys of metadata.
  const json = fc.dictionary(fc.string().filter((key) => key !== "__proto__"), fc.jsonValue());
  fc.assert(fc.property(json, (value) => {
    const plain = JSON.parse(JSON.stringify(value));
    fc.pre(!JSON.stringify(value).includes("__proto__"));
    const decoded = RESPONSE.decode(RESPONSE.encode({ dynamic_metadata: plain }));
    assert.deepEqual(decoded["dynamic_metadata"], plain);
  }));
});

Deno.test("messageCodec() takes camelCase names, base64 and numbers of enums", () => {
  const encoded = PROCESSING.encode({
    immediateResponse: { status: { code: 451 }, body: "aGk=", details: "d" },
  });
  assert.deepEqual(PROCESSING.decode(encoded), {
    immediate_response: {
      status: { code: 451 },
      body: new TextEncoder().encode("hi"),
      details: "d",
    },
  });
});

Deno.test.each<{ why: string; value: Record<string, unknown>; want: RegExp }>([
  {
    why: "an unknown field",
    value: { nope: 1 },
    want: /CheckResponse.*key "nope" is unknown/,
  },
  { why: "a name of Object", value: { constructor: {} }, want: /key "constructor" is unknown/ },
  { why: "a text for a number", value: { status: { code: "x" } }, want: /Status\.code .*"x"/ },
  {
    why: "an unknown enum name",
    value: { denied_response: { status: { code: "Nope" } } },
    want: /StatusCode.*"Nope"/,
  },
  {
    why: "two of a oneof",
    value: { ok_response: {}, denied_response: {} },
    want: /oneof .*http_response/,
  },
  { why: "no list", value: { ok_response: { headers: {} } }, want: /headers .*expected Array/ },
  {
    why: "no text",
    value: { ok_response: { headers_to_remove: [1] } },
    want: /headers_to_remove/,
  },
])("messageCodec().encode() refuses $why and says where", ({ value, want }) => {
  assert.throws(() => RESPONSE.encode(value), { name: "TypeError", message: want });
});

Deno.test("messageCodec() refuses a name that is not in the subsets", () => {
  assert.throws(() => messageCodec("envoy.service.auth.v3.Nope"), RangeError);
});

Deno.test("a timestamp keeps what is below a millisecond, in 3, 6 or 9 digits", () => {
  const codec = messageCodec("envoy.data.accesslog.v3.HTTPAccessLogEntry");
  const read = (nanos: number) => {
    const startTime = { seconds: 1_000n, nanos };
    const entry = create(HTTPAccessLogEntrySchema, { commonProperties: { startTime } });
    const decoded = codec.decode(toBinary(HTTPAccessLogEntrySchema, entry));
    return (decoded["common_properties"] as JsonObject)["start_time"];
  };
  assert.equal(read(0), "1970-01-01T00:16:40Z");
  assert.equal(read(7_000_000), "1970-01-01T00:16:40.007Z");
  assert.equal(read(7_000_800), "1970-01-01T00:16:40.007000800Z");
  assert.equal(read(500_042_000), "1970-01-01T00:16:40.500042Z");
});
