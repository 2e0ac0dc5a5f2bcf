import assert from "node:assert/strict";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { fakeTarget, policyRecord, upstreamRecord } from "../testing/fake_target.ts";
import { probeTarget } from "./probe.ts";

/** A gateway that cannot reach our parts for its first `blind` requests, as gRPC clients that back off. */
async function slowGateway(blind: number) {
  const witnesses = fakeTarget({ sign: (nonce) => `${nonce}.signed` });
  let asked = 0;
  const server = http.createServer((request, response) => {
    const nonce = String(request.headers["x-harness-case"] ?? "").split(".")[0] ?? "";
    const isOpen = asked++ >= blind && nonce !== "";
    if (isOpen) {
      witnesses.policy.append(policyRecord({ nonce }));
      witnesses.upstream.append(upstreamRecord({ nonce }));
    }
    request.resume();
    response.writeHead(isOpen ? 200 : 503, { "content-length": 0 }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    target: { ...witnesses.target, url: `http://127.0.0.1:${port}` },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

Deno.test("probeTarget() waits for a gateway that dials our parts slowly, and says for what", async () => {
  await using gateway = await slowGateway(6);
  const said: string[] = [];
  const { control, status, marksPath } = await probeTarget(gateway.target, {
    onWait: (what) => said.push(what),
  });
  assert.deepEqual([control, status, marksPath], ["both", 200, undefined]);
  assert.equal(said.length, 1);
  assert.match(
    said[0] ?? "",
    /waiting up to 15 s .* ask our policy engine and reach our upstream: .* gets 503/,
  );
});

Deno.test("probeTarget() tells what a gateway never did when its patience is over", async () => {
  await using gateway = await slowGateway(Infinity);
  const { control, status, notes } = await probeTarget(gateway.target, { patienceMs: 1 });
  assert.deepEqual([control, status], ["none", 503]);
  assert.deepEqual(notes.slice(-2), [
    "never asked our policy engine",
    "never reached our upstream",
  ]);
});
