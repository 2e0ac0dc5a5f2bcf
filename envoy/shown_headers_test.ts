import assert from "node:assert/strict";
import { showsHeader } from "./shown_headers.ts";

const KEY = "x-api-key";
const patterns = (...list: Record<string, unknown>[]) => ({ patterns: list }) as never;

Deno.test("showsHeader() goes by the lists of the filter, and by the protocol of its engine", () => {
  const grpc = { grpc_service: {} };
  const http = { http_service: {} };
  const shown: readonly (readonly [boolean, string, Parameters<typeof showsHeader>[0]])[] = [
    [true, KEY, grpc],
    [false, KEY, http],
    [true, "authorization", http],
    [true, KEY, { ...http, allowed_headers: patterns({ exact: KEY }) }],
    [true, KEY, {
      http_service: { authorization_request: { allowed_headers: patterns({ prefix: "x-" }) } },
    }],
    [false, KEY, { ...grpc, allowed_headers: patterns({ exact: "authorization" }) }],
    [true, KEY, { ...grpc, allowed_headers: patterns({ exact: "X-API-Key", ignore_case: true }) }],
    [true, KEY, { ...grpc, allowed_headers: patterns({ safe_regex: { regex: "x-.*" } }) }],
    [false, KEY, { ...grpc, allowed_headers: patterns({ safe_regex: { regex: "api" } }) }],
    [false, KEY, { ...grpc, disallowed_headers: patterns({ suffix: "-key" }) }],
    [false, KEY, { ...grpc, disallowed_headers: patterns({ contains: "api" }) }],
    [false, KEY, {
      ...grpc,
      allowed_headers: patterns({ prefix: "x" }),
      disallowed_headers: patterns({ exact: KEY }),
    }],
  ];
  for (const [wanted, name, config] of shown) {
    assert.equal(showsHeader(config, name), wanted, JSON.stringify(config));
  }
});
