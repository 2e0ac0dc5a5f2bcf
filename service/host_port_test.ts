import assert from "node:assert/strict";
import { hostPort, isLoopback, urlHost } from "./mod.ts";

Deno.test("hostPort() and urlHost() put an IPv6 address into brackets", () => {
  assert.equal(hostPort("127.0.0.1", 80), "127.0.0.1:80");
  assert.equal(hostPort("::1", 80), "[::1]:80");
  assert.equal(hostPort("host.example", 80), "host.example:80");
  assert.equal(urlHost("::1"), "[::1]");
});

Deno.test("isLoopback() trusts loopback's own addresses and localhost, and no name that only looks like it", () => {
  for (const host of ["127.0.0.1", "127.8.8.8", "::1", "localhost", "LOCALHOST"]) {
    assert.ok(isLoopback(host), host);
  }
  for (
    const host of ["0.0.0.0", "::", "10.0.0.1", "127.evil.example", "localhost.evil.example", ""]
  ) {
    assert.ok(!isLoopback(host), host);
  }
});
