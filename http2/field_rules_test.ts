import assert from "node:assert/strict";
import { requestFields, responseError, trailersError } from "./field_rules.ts";
import type { HeaderList } from "./hpack.ts";

const GOOD: HeaderList = [[":method", "POST"], [":scheme", "http"], [":path", "/v1"]];

Deno.test.each<{ why: string; list: HeaderList; says: RegExp }>([
  { why: "no :method", list: GOOD.slice(1), says: /no :method/ },
  { why: "no :scheme", list: [[":method", "GET"], [":path", "/"]], says: /no :scheme/ },
  { why: "no :path", list: GOOD.slice(0, 2), says: /no :path/ },
  { why: "an empty :path", list: [...GOOD.slice(0, 2), [":path", ""]], says: /no :path/ },
  { why: "a :path without /", list: [...GOOD.slice(0, 2), [":path", "v1"]], says: /start with/ },
  { why: ":path twice", list: [...GOOD, [":path", "/"]], says: /":path" twice/ },
  { why: "an answer's :status", list: [...GOOD, [":status", "200"]], says: /unknown pseudo/ },
  { why: "a pseudo field late", list: [["a", "b"], ...GOOD], says: /behind a regular one/ },
  { why: "upper case", list: [...GOOD, ["X-Key", "1"]], says: /"X-Key" has characters/ },
  { why: "a name with a colon", list: [...GOOD, ["x:y", "1"]], says: /has characters/ },
  { why: "an empty name", list: [...GOOD, ["", "1"]], says: /has characters/ },
  { why: "a value with LF", list: [...GOOD, ["x", "1\nx: 2"]], says: /a value of "x"/ },
  { why: "a value with blanks around", list: [...GOOD, ["x", " 1"]], says: /a value of "x"/ },
  {
    why: "NUL in :path",
    list: [...GOOD.slice(0, 2), [":path", "/\0"]],
    says: /a value of ":path"/,
  },
  { why: "connection", list: [...GOOD, ["connection", "close"]], says: /connection-specific/ },
  { why: "transfer-encoding", list: [...GOOD, ["transfer-encoding", "x"]], says: /-specific/ },
  { why: "te: gzip", list: [...GOOD, ["te", "gzip"]], says: /te is not/ },
  { why: "content-length: -1", list: [...GOOD, ["content-length", "-1"]], says: /no number/ },
  {
    why: "two lengths",
    list: [...GOOD, ["content-length", "1"], ["content-length", "2"]],
    says: /content-length twice/,
  },
  { why: "userinfo", list: [...GOOD, [":authority", "a@b"]], says: /userinfo/ },
  {
    why: "another host",
    list: [...GOOD, [":authority", "a"], ["host", "b"]],
    says: /host is not :authority/,
  },
  { why: "CONNECT with a path", list: [[":method", "CONNECT"], ...GOOD.slice(1)], says: /CONNECT/ },
])("requestFields() finds a request malformed: $why", ({ list, says }) => {
  assert.match(requestFields(list).malformed ?? "", says);
});

Deno.test("requestFields() takes what RFC 9113 allows, and reads content-length", () => {
  for (
    const list of [
      GOOD,
      [[":authority", "h:1"], ...GOOD, ["te", "trailers"], ["host", "h:1"], ["x", ""]],
      [[":method", "OPTIONS"], [":scheme", "http"], [":path", "*"]],
      [[":method", "CONNECT"], [":authority", "h:443"]],
    ] satisfies HeaderList[]
  ) {
    assert.equal(requestFields(list).malformed, undefined);
  }
  assert.equal(requestFields([...GOOD, ["content-length", "12"]]).contentLength, 12);
});

Deno.test("responseError() and trailersError() want their pseudo fields, and no others", () => {
  assert.equal(responseError([[":status", "200"], ["x", "y"]]), undefined);
  assert.match(responseError([["x", "y"]]) ?? "", /no :status/);
  assert.match(responseError([[":status", "200"], [":path", "/"]]) ?? "", /":path" out of place/);
  assert.equal(trailersError([["grpc-status", "0"]]), undefined);
  assert.match(trailersError([[":status", "200"]]) ?? "", /in trailers/);
  assert.match(trailersError([["Grpc-Status", "0"]]) ?? "", /characters/);
});

Deno.test("an error repeats at most eighty characters of a name", () => {
  assert.ok((requestFields([...GOOD, ["A".repeat(5000), "1"]]).malformed ?? "").length < 160);
});
