import assert from "node:assert/strict";
import { hostPort, urlHost } from "./mod.ts";

Deno.test("hostPort() and urlHost() put an IPv6 address into brackets", () => {
  assert.equal(hostPort("127.0.0.1", 80), "127.0.0.1:80");
  assert.equal(hostPort("::1", 80), "[::1]:80");
  assert.equal(hostPort("host.example", 80), "host.example:80");
  assert.equal(urlHost("::1"), "[::1]");
});
