import assert from "node:assert/strict";
import { sliceOf } from "../testing/api_server.ts";
import { type EndpointSlice, hostsOfSlices } from "./endpoint_slices.ts";

const endpoints = (slices: EndpointSlice[], port?: number | string) =>
  hostsOfSlices(slices, port).map(({ endpoint }) => endpoint);

Deno.test("ready endpoints are hosts, sorted, each once", () => {
  const slices = [sliceOf("b", 8000, "10.0.0.2", "10.0.0.1"), sliceOf("a", 8000, "10.0.0.2")];
  assert.deepEqual(endpoints(slices), ["10.0.0.1:8000", "10.0.0.2:8000"]);
});

Deno.test("an endpoint that is not ready is no host; one that does not say is", () => {
  const slice = {
    ...sliceOf("a", 8000),
    endpoints: [
      { addresses: ["10.0.0.1"], conditions: { ready: false } },
      { addresses: ["10.0.0.2"], conditions: {} },
      { addresses: ["10.0.0.3"], conditions: { ready: null } },
      { addresses: [] },
    ],
  };
  assert.deepEqual(endpoints([slice]), ["10.0.0.2:8000", "10.0.0.3:8000"]);
});

Deno.test("a pod with two addresses is one host, by IPv4", () => {
  const v4 = sliceOf("a", 8000, "10.0.0.1");
  const v6 = {
    ...sliceOf("b", 8000, "fd00::1"),
    addressType: "IPv6",
    endpoints: [{ addresses: ["fd00::1"], targetRef: { uid: "pod-10.0.0.1" } }, {
      addresses: ["fd00::2"],
      targetRef: { uid: "another" },
    }],
  };
  assert.deepEqual(endpoints([v6, v4]), ["10.0.0.1:8000", "[fd00::2]:8000"]);
});

Deno.test("the port is the first one, one by name, or a number", () => {
  const slice = {
    ...sliceOf("a", 1, "10.0.0.1"),
    ports: [{ name: "metrics", port: 9000 }, { name: "http", port: 8000 }],
  };
  assert.deepEqual(endpoints([slice]), ["10.0.0.1:9000"]);
  assert.deepEqual(endpoints([slice], "http"), ["10.0.0.1:8000"]);
  assert.deepEqual(endpoints([slice], 8080), ["10.0.0.1:8080"]);
  assert.deepEqual(endpoints([slice], "grpc"), []);
});

Deno.test("slices of names, and empty ones, are no hosts", () => {
  assert.deepEqual(endpoints([{ ...sliceOf("a", 1, "x.test"), addressType: "FQDN" }]), []);
  assert.deepEqual(endpoints([{ ...sliceOf("a", 1), endpoints: null, ports: null }]), []);
});
