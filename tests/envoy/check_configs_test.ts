import assert from "node:assert/strict";
import {
  bundledConfig,
  CHECK_CONFIGS,
  CHECK_JWT,
  CHECK_JWT_KEY,
  checkTlsCertificate,
} from "../../envoy/mod.ts";
import { allow, deny, startEnvoyStack } from "./stack.ts";

/** Returns status and error code of one of Envoy's own answers. */
async function codeOf(response: Response): Promise<[number, string]> {
  return [response.status, (await response.json()).error.code];
}

Deno.test("check/body shows policy the body, cuts it, and refuses what is too large", async () => {
  await using stack = await startEnvoyStack({ config: bundledConfig("check/body") });
  const post = (path: string, body: string) => fetch(stack.url + path, { method: "POST", body });
  await (await post("/v1/chat/completions", "small-body")).body?.cancel();
  assert.match(stack.checks[0] ?? "", /small-body/);
  assert.match(stack.checks[0] ?? "", /x-envoy-auth-partial-body\W*false/);
  assert.match(stack.checks[0] ?? "", /profile\W*body/);
  await (await post("/v1/chat/completions", "x".repeat(60_000))).body?.cancel();
  assert.match(stack.checks[1] ?? "", /x-envoy-auth-partial-body\W*true/);
  const large = await post("/v1/limited/chat/completions", "x".repeat(200_000));
  await large.body?.cancel();
  assert.equal(large.status, 413);
  assert.deepEqual([stack.checks.length, stack.forwarded.length], [2, 2]);
});

Deno.test("check/rate_limit refuses the fourth request of a key, and no other key's", async () => {
  await using stack = await startEnvoyStack({ config: bundledConfig("check/rate_limit") });
  const ask = (key: string) => fetch(`${stack.url}/v1/models`, { headers: { "x-rate-key": key } });
  for (const _ of [1, 2, 3]) await (await ask("a")).body?.cancel();
  const refused = await ask("a");
  assert.equal(refused.headers.get("retry-after"), "60");
  assert.deepEqual(await codeOf(refused), [429, "gateway_rate_limited"]);
  const other = await ask("b");
  assert.equal(other.status, 200);
  await other.body?.cancel();
  assert.deepEqual([stack.checks.length, stack.forwarded.length], [4, 4]);
});

/** A token, signed with a key or with nothing. */
async function tokenOf(
  claims: Record<string, unknown>,
  header: Record<string, string> = { alg: "ES256", kid: "check-only" },
): Promise<string> {
  const encode = (bytes: Uint8Array) =>
    bytes.toBase64({ alphabet: "base64url", omitPadding: true });
  const json = (value: unknown) => encode(new TextEncoder().encode(JSON.stringify(value)));
  const body = `${json(header)}.${
    json({ iss: CHECK_JWT.issuer, aud: CHECK_JWT.audience, ...claims })
  }`;
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  const key = await crypto.subtle.importKey("jwk", CHECK_JWT_KEY, algorithm, false, ["sign"]);
  const sign = { name: "ECDSA", hash: "SHA-256" };
  const signature = await crypto.subtle.sign(sign, key, new TextEncoder().encode(body));
  return `${body}.${header.alg === "none" ? "" : encode(new Uint8Array(signature))}`;
}

Deno.test("check/jwt takes a good token, tells policy its claims, and refuses the others", async () => {
  await using stack = await startEnvoyStack({ config: bundledConfig("check/jwt") });
  const ask = (token: string) =>
    fetch(`${stack.url}/v1/models`, { headers: { [CHECK_JWT.header]: token } });
  const exp = Math.floor(Date.now() / 1000) + 600;
  const good = await tokenOf({ exp, sub: "somebody" });
  const response = await ask(good);
  await response.body?.cancel();
  assert.equal(response.status, 200);
  assert.match(stack.checks[0] ?? "", /somebody/);
  assert.equal(stack.forwarded[0]?.headers.get(CHECK_JWT.header), null);
  const bad = {
    "expired": await tokenOf({ exp: exp - 1200 }),
    "another audience": await tokenOf({ exp, aud: "other" }),
    "no algorithm": await tokenOf({ exp }, { alg: "none", kid: "check-only" }),
    "an unknown key": await tokenOf({ exp }, { alg: "ES256", kid: "other" }),
    "another signature": good.slice(0, -4) + "AAAA",
    "no token": "",
  };
  for (const [what, token] of Object.entries(bad)) {
    const [status, code] = await codeOf(await ask(token));
    assert.equal(code, "invalid_token", what);
    assert.equal(status, what === "another audience" ? 403 : 401, what);
  }
  assert.equal(stack.forwarded.length, 1);
  stack.policy = deny(403, "policy's own");
  assert.equal(await (await ask(good)).text(), "policy's own");
});

Deno.test("check/resilience times out, retries and breaks where it says so", async () => {
  await using stack = await startEnvoyStack({ config: bundledConfig("check/resilience") });
  const post = (path: string) => fetch(stack.url + path, { method: "POST", body: "{}" });
  assert.deepEqual(await codeOf(await post("/v1/refused/x")), [503, "upstream_unavailable"]);
  assert.deepEqual(await codeOf(await post("/v1/blackhole/x")), [503, "upstream_unavailable"]);
  const held = Promise.withResolvers<void>();
  stack.upstream = async () => {
    await held.promise;
    return Response.json({});
  };
  const timed = await post("/v1/timed/x");
  await timed.body?.cancel();
  assert.equal(timed.status, 504);
  const first = post("/v1/narrow/x");
  await untilForwarded(stack.forwarded, 2);
  assert.deepEqual(await codeOf(await post("/v1/narrow/x")), [503, "upstream_unavailable"]);
  held.resolve();
  assert.equal((await first).status, 200);
  await (await first).body?.cancel();
  stack.upstream = () => new Response("no", { status: 500 });
  const before = stack.forwarded.length;
  await (await post("/v1/retried/x")).body?.cancel();
  assert.equal(stack.forwarded.length - before, 2);
  assert.deepEqual(stack.forwarded.map(({ url }) => url.pathname).at(-1), "/v1/x");
});

/** Resolves once `count` requests have reached the upstream. */
async function untilForwarded(forwarded: readonly unknown[], count: number): Promise<void> {
  while (forwarded.length < count) await new Promise((resolve) => setTimeout(resolve, 1));
}

Deno.test("check/route_cache lets policy pick the route", async () => {
  await using stack = await startEnvoyStack({ config: bundledConfig("check/route_cache") });
  stack.policy = allow({ "x-case-route": "other" });
  const response = await fetch(`${stack.url}/v1/models`);
  await response.body?.cancel();
  assert.equal(response.headers.get("x-case-answer"), "other");
  assert.equal(stack.forwarded.length, 0);
});

Deno.test("check/tls serves HTTP/1.1 and HTTP/2 over TLS", async () => {
  await using stack = await startEnvoyStack({ config: bundledConfig("check/tls") });
  using trusting = Deno.createHttpClient({ caCerts: [checkTlsCertificate()] });
  const response = await fetch(`https://localhost:${stack.port}/v1/models`, { client: trusting });
  await response.body?.cancel();
  assert.equal(response.status, 200);
  const entry = await stack.log.waitFor(({ path }) => path === "/v1/models");
  assert.equal(entry.protocol, "HTTP/2");
});

Deno.test("every check-only configuration starts, and its launched hash does not depend on addresses", async () => {
  for (const name of new Set(Object.values(CHECK_CONFIGS))) {
    await using stack = await startEnvoyStack({ config: bundledConfig(name) });
    assert.deepEqual(await stack.envoy.admin.ready(), { live: true, state: "LIVE" });
    await using other = await startEnvoyStack({ config: bundledConfig(name) });
    assert.equal(other.envoy.launchedSha256, stack.envoy.launchedSha256);
  }
});
