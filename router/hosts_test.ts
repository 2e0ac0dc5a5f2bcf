import assert from "node:assert/strict";
import { UsageError } from "../service/mod.ts";
import { parseHosts } from "./hosts.ts";

Deno.test("parseHosts() reads hosts and their models", () => {
  const [first, second] = parseHosts("[::1]:8000, backend.test:8001", "m|n,*");
  assert.deepEqual([first?.host, first?.port, first?.endpoint], ["::1", 8000, "[::1]:8000"]);
  assert.deepEqual([...first?.models ?? []], ["m", "n"]);
  assert.equal(second?.models, undefined);
});

Deno.test("parseHosts() reads URLs, with the port of their scheme", () => {
  const hosts = parseHosts("https://api.test,http://b.test/,https://[::1]:8443");
  assert.deepEqual(hosts.map(({ endpoint, tls }) => [endpoint, tls ?? false]), [
    ["api.test:443", true],
    ["b.test:80", false],
    ["[::1]:8443", true],
  ]);
});

Deno.test("parseHosts() reads paths before /v1, and the hosts' keys", () => {
  const hosts = parseHosts(
    "https://a.test/v1,http://b.test/team/v1/,c:1,https://d.test/x",
    "*,*,*,*",
    [
      "k1",
      "",
      "k3",
      "k4",
    ],
  );
  assert.deepEqual(hosts.map(({ pathPrefix, key }) => [pathPrefix, key]), [
    [undefined, "k1"],
    ["/team", undefined],
    [undefined, "k3"],
    ["/x", "k4"],
  ]);
  assert.deepEqual(parseHosts("a:1,b:1", "*,*", ["k"]).map(({ key }) => key), ["k", "k"]);
  assert.throws(() => parseHosts("a:1,b:1,c:1", "*,*,*", ["k", "l"]), UsageError);
});

Deno.test("parseHosts() refuses what is no list of hosts", () => {
  for (
    const [hosts, models] of [
      ["a", undefined],
      ["a:0", undefined],
      ["a:70000", undefined],
      ["http://a:1/v1?x=1", undefined],
      ["ftp://a:1", undefined],
      ["https://key@a", undefined],
      ["a:1,a:1", undefined],
      ["a:1,", undefined],
      ["a:1,b:1", "m"],
      ["a:1", "m|"],
    ] as const
  ) {
    assert.throws(() => parseHosts(hosts, models), UsageError, hosts);
  }
});
