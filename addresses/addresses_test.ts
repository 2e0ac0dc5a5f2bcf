import assert from "node:assert/strict";
import { inNetworks, isNetwork, isPublic } from "./mod.ts";

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
])("inNetworks([$range]) of $address is $want", ({ range, address, want }) => {
  assert.equal(inNetworks([range])(address), want);
});

Deno.test("inNetworks() refuses what is no address and a prefix that does not fit", () => {
  for (
    const wrong of [
      "nowhere",
      "1.2.3",
      "1.2.3.256",
      "10.0.0.0/33",
      "::/129",
      "1::2::3",
      "10.0.0.0/x",
      "10.0.0.0/",
      "::ffff:10.0.0.0/95",
    ]
  ) {
    assert.throws(() => inNetworks([wrong]), SyntaxError, wrong);
  }
});

const PUBLIC = ["8.8.8.8", "1.1.1.1", "172.15.0.1", "2606:4700::1111", "::ffff:8.8.8.8"];
const INNER = [
  ...["0.0.0.0", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "169.254.169.254"],
  ...["172.31.255.255", "192.168.1.1", "198.18.0.1", "224.0.0.1", "255.255.255.255"],
  ...["168.63.129.16", "::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1"],
  ...["::ffff:127.0.0.1", "::ffff:a9fe:a9fe", "64:ff9b::7f00:1", "2002:7f00:1::", "2001::1"],
  ...["2001:db8::1", "not an address"],
];

Deno.test("isPublic() knows the internet's addresses from those of networks, machines and clouds", () => {
  for (const address of PUBLIC) assert.equal(isPublic(address), true, address);
  for (const address of INNER) assert.equal(isPublic(address), false, address);
});

Deno.test("isNetwork() takes addresses and CIDR notation", () => {
  for (const text of ["10.0.0.0/8", "10.0.0.1", "fd00::/8", "::1"]) {
    assert.ok(isNetwork(text), text);
  }
  for (const text of ["10.0.0.0/33", "10.0.0.0/", "10.0.0.0/8/8", "a.example", "fd00::/129"]) {
    assert.ok(!isNetwork(text), text);
  }
});
