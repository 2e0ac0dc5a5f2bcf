import assert from "node:assert/strict";
import { inRange, parseAddress } from "./address.ts";

Deno.test.each([
  { range: "127.0.0.1", address: "127.0.0.1", want: true },
  { range: "127.0.0.1", address: "127.0.0.2", want: false },
  { range: "10.0.0.0/8", address: "10.255.1.2", want: true },
  { range: "10.0.0.0/8", address: "11.0.0.1", want: false },
  { range: "192.168.4.0/22", address: "192.168.7.255", want: true },
  { range: "192.168.4.0/22", address: "192.168.8.0", want: false },
  { range: "0.0.0.0/0", address: "203.0.113.9", want: true },
  { range: "0.0.0.0/0", address: "::1", want: false },
  { range: "::1", address: "0:0:0:0:0:0:0:1", want: true },
  { range: "2001:db8::/32", address: "2001:db8:1::9", want: true },
  { range: "2001:db8::/32", address: "2001:db9::9", want: false },
  { range: "10.0.0.0/8", address: "::ffff:10.1.2.3", want: true },
  { range: "::ffff:10.0.0.0/104", address: "10.1.2.3", want: true },
  { range: "10.0.0.0/8", address: "", want: false },
  { range: "10.0.0.0/8", address: "/run/envoy.sock", want: false },
])("inRange($range) of $address is $want", ({ range, address, want }) => {
  assert.equal(inRange(range)(address), want);
});

Deno.test("inRange() refuses what is no address and a prefix that does not fit", () => {
  for (
    const wrong of [
      "nowhere",
      "1.2.3",
      "1.2.3.256",
      "10.0.0.0/33",
      "::/129",
      "1::2::3",
      "10.0.0.0/x",
    ]
  ) {
    assert.throws(() => inRange(wrong), SyntaxError, wrong);
  }
});

Deno.test("parseAddress() reads an IPv4 address at the end of an IPv6 one", () => {
  assert.deepEqual([...parseAddress("64:ff9b::192.0.2.33") ?? []].slice(-4), [192, 0, 2, 33]);
});
