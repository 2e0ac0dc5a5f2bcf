import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { systemRoots, type TlsFiles } from "../../envoy/mod.ts";
import { allow, startEnvoyStack, startPolicyBytes } from "./stack.ts";

const file = (name: string) => fileURLToPath(new URL(`./testdata/${name}`, import.meta.url));
const text = (name: string) => Deno.readTextFileSync(file(name));
const OURS: TlsFiles = { caFile: file("ca.pem") };
const MUTUAL: TlsFiles = { ...OURS, certFile: file("client.pem"), keyFile: file("client.key.pem") };

/** An upstream that speaks TLS and tells which Host it was asked for. */
function startTlsUpstream(): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    cert: text("server.pem"),
    key: text("server.key.pem"),
    onListen() {},
  }, (request) => new Response(request.headers.get("host")));
}

Deno.test("an upstream is reached over TLS, with its own name as Host and SNI", async () => {
  await using upstream = startTlsUpstream();
  const { port } = upstream.addr;
  await using stack = await startEnvoyStack({
    overlay: {
      clusters: { upstream: { host: "127.0.0.1", port, hostname: "upstream.test", tls: OURS } },
    },
  });
  const response = await fetch(`${stack.url}/v1/models`);
  assert.deepEqual([response.status, await response.text()], [200, "upstream.test"]);
});

for (
  const { hostname, tls, why } of [
    { why: "is made out to another name", hostname: "other.test", tls: OURS },
    {
      why: "is not signed by a trusted root",
      hostname: "upstream.test",
      tls: { caFile: await systemRoots() },
    },
  ]
) {
  Deno.test(`an upstream whose certificate ${why} gets nothing`, async () => {
    await using upstream = startTlsUpstream();
    const { port } = upstream.addr;
    await using stack = await startEnvoyStack({
      overlay: { clusters: { upstream: { host: "127.0.0.1", port, hostname, tls } } },
    });
    const response = await fetch(`${stack.url}/v1/models`);
    assert.equal(response.status, 503);
    assert.equal((await response.json()).error.code, "upstream_unavailable");
    const entry = await stack.log.waitFor(({ path }) => path === "/v1/models");
    assert.match(entry.upstreamFailure ?? "", /TLS.*CERTIFICATE_VERIFY_FAILED/);
  });
}

Deno.test("a policy engine is asked over TLS with a client certificate", async () => {
  await using servers = new AsyncDisposableStack();
  const checks: string[] = [];
  const port = await startPolicyBytes(servers, () => allow(), {
    checks,
    tls: {
      cert: text("server.pem"),
      key: text("server.key.pem"),
      ca: text("ca.pem"),
      requestCert: true,
      rejectUnauthorized: true,
    },
  });
  const at = { host: "127.0.0.1", port, hostname: "policy.test" };
  {
    await using stack = await startEnvoyStack({
      overlay: { clusters: { policy_engine: { ...at, tls: MUTUAL } } },
    });
    await (await fetch(`${stack.url}/v1/models`)).body?.cancel();
    assert.deepEqual([checks.length, stack.forwarded.length], [1, 1]);
  }
  await using stack = await startEnvoyStack({
    overlay: { clusters: { policy_engine: { ...at, tls: OURS } } },
  });
  const response = await fetch(`${stack.url}/v1/models`);
  assert.equal(response.status, 503);
  assert.equal((await response.json()).error.code, "policy_unavailable");
  assert.deepEqual([checks.length, stack.forwarded.length], [1, 0]);
});
