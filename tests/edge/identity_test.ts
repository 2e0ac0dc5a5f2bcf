/** Journeys of tokens, roles and certificates through a real Envoy. docs/edge.md names them. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import https from "node:https";
import type { AddressInfo } from "node:net";
import tls from "node:tls";
import { openIssuer, prepareTlsFolder } from "../../certs/mod.ts";
import { chat, DEMO, type EdgeStack, outcome, startEdge } from "./stack.ts";

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const INVALID = [401, "policy_error", "invalid_token"];
const FORBIDDEN = [403, "policy_error", "forbidden"];

/** Keys are asked for every second here, so that the journeys need not wait for long. */
// deno-lint-ignore no-explicit-any -- the bundled file
function quickKeys({ static_resources: { listeners } }: any): void {
  for (const { filter_chains: [{ filters: [{ typed_config }] }] } of listeners) {
    for (const { name, typed_config: config } of typed_config.http_filters) {
      if (name === "envoy.filters.http.jwt_authn") {
        config.providers.issuer.remote_jwks.cache_duration = "1s";
      }
    }
  }
}

/** Waits until each of Envoy's three listeners has surely learnt what is published now: three rounds. */
async function keysKnown(edge: EdgeStack): Promise<void> {
  const asked = edge.jwksAsked.entries().at(-1) ?? 0;
  await edge.jwksAsked.waitFor((count) => count >= asked + 9);
}

Deno.test("a token comes in beside API keys, and its claims reach policy and upstream", async () => {
  await using edge = await startEdge();
  const token = await edge.issuer.sign({ sub: "ada", tenant: "a" }, 60);
  const forged = { "x-jwt-sub": "root", "x-jwt-tenant": "root", "x-tenant": "root" };
  assert.deepEqual(
    await outcome(chat(edge.url, { headers: { ...bearer(token), ...forged } })),
    [200],
  );
  assert.deepEqual(await outcome(chat(edge.url, { headers: { ...DEMO, ...forged } })), [200]);
  assert.deepEqual(await outcome(chat(edge.url, { headers: bearer("demo-key") })), [200]);
  // The scheme's case is the client's choice (RFC 9110, 11.1).
  for (const scheme of ["bearer", "BEARER"]) {
    const headers = { authorization: `${scheme} ${token}` };
    assert.deepEqual(await outcome(chat(edge.url, { headers })), [200], scheme);
    const { headers: seen } = edge.upstream.journal.entries().at(-1) ?? { headers: [] };
    assert.deepEqual(seen.filter(([name]) => name.toLowerCase() === "authorization"), []);
  }
  const [first, ...others] = edge.upstream.journal.entries().slice(0, 3)
    .map(({ headers }) => Object.fromEntries(headers));
  assert.deepEqual(
    [first?.["x-jwt-sub"], first?.["x-jwt-tenant"], first?.["x-tenant"], first?.authorization],
    ["ada", "a", "a", undefined],
  );
  for (const headers of others) {
    assert.deepEqual([headers["x-jwt-sub"], headers["x-tenant"]], [undefined, "demo"]);
  }
  const [check] = edge.policy.journal.entries();
  assert.equal(check?.rule, "token");
  assert.match(JSON.stringify(check?.metadata), /"claims":\{.*"sub":"ada"/);
  // The limits count by the tenant of the token.
  assert.ok(edge.limits.journal.entries().some(({ subject }) => subject.tenant === "a"));
});

Deno.test("a token that does not hold is 401, whatever is wrong, and only the log says what", async () => {
  await using edge = await startEdge();
  const stranger = await openIssuer(`${edge.tls}/stranger.json`);
  const claims = { sub: "eve", tenant: "a" };
  const good = await edge.issuer.sign(claims, 60);
  const tokens = {
    "expired": await edge.issuer.sign(claims, -600),
    "without expiration": await edge.issuer.sign({ ...claims, exp: null as never }, 60),
    "of another issuer": await edge.issuer.sign({ ...claims, iss: "https://other.test" }, 60),
    "for another audience": await edge.issuer.sign({ ...claims, aud: "other" }, 60),
    "of an unknown key": await stranger.sign(claims, 60),
    "with another signature": `${good.slice(0, -8)}AAAAAAAA`,
    "cut off": good.slice(0, good.lastIndexOf(".")),
  };
  for (const [what, token] of Object.entries(tokens)) {
    const answer = await chat(edge.url, { headers: { ...bearer(token), "x-request-id": what } });
    assert.equal(answer.headers.get("www-authenticate"), 'Bearer error="invalid_token"', what);
    const text = await answer.text();
    assert.deepEqual(await outcome(new Response(text, answer)), INVALID, what);
    assert.doesNotMatch(text, /expired|issuer|audience|kid|signature/i, what);
    const { codeDetails = "" } = await edge.log.waitFor(({ requestId }) => requestId === what);
    assert.match(codeDetails, /jwt_authn_access_denied\{.+\}/, what);
  }
  assert.equal(edge.policy.journal.entries().length, 0);
  assert.equal(edge.upstream.journal.entries().length, 0);
});

Deno.test("administration is for admins, by claim or certificate, however its path is written", async () => {
  await using edge = await startEdge();
  using admin = await edge.client("client-admin");
  using tenant = await edge.client("client-a");
  const get = (path: string, headers: Record<string, string>) =>
    outcome(fetch(edge.url + path, { headers }));
  const token = async (roles?: string | string[]) =>
    bearer(await edge.issuer.sign({ sub: "x", tenant: "a", ...(roles && { roles }) }, 60));
  for (
    const path of [
      "/v1/organization/users",
      "/v1//organization/users",
      "/v1/models/../organization/users",
      "/v1/ORGANIZATION/users",
      "/v1/%6frganization/users",
      "/v1/organization;a=b/users",
    ]
  ) {
    assert.deepEqual(await get(path, await token()), FORBIDDEN, path);
    assert.deepEqual(await get(path, await token("administrator")), FORBIDDEN, path);
    assert.deepEqual(await get(path, DEMO), FORBIDDEN, path);
  }
  assert.equal(edge.policy.journal.entries().length, 0);
  // The mock has no such path; what counts is that it was asked.
  const path = "/v1/organization/users";
  assert.equal((await get(path, await token("admin")))[0], 404);
  assert.equal((await get(path, await token(["developer", "admin"])))[0], 404);
  const over = (client: Deno.HttpClient) => outcome(fetch(edge.tlsUrl + path, { client }));
  assert.equal((await over(admin))[0], 404);
  assert.deepEqual(await over(tenant), FORBIDDEN);
});

Deno.test("keys rotate under load without a valid token refused, and an old key ends", async () => {
  await using edge = await startEdge({ edit: quickKeys });
  const first = await edge.issuer.sign({ sub: "x", tenant: "a" }, 600);
  let running = true;
  let answered = 0;
  const refused: unknown[] = [];
  const load = Array.from({ length: 4 }, async () => {
    while (running) {
      const token = await edge.issuer.sign({ sub: "x", tenant: "a" }, 60);
      const [status, , code] = await outcome(chat(edge.url, { headers: bearer(token) }));
      answered++;
      if (status !== 200) refused.push([status, code]);
    }
  });
  try {
    for (const _ of [1, 2]) {
      await keysKnown(edge);
      await edge.issuer.rotate();
    }
    await keysKnown(edge);
  } finally {
    running = false;
    await Promise.all(load);
  }
  assert.deepEqual(refused, []);
  assert.ok(answered > 0);
  // Two rotations later nobody publishes the first key any more.
  assert.deepEqual(await outcome(chat(edge.url, { headers: bearer(first) })), INVALID);
});

Deno.test("an issuer that is down, or talks nonsense, leaves the known keys in force", async () => {
  await using edge = await startEdge({ edit: quickKeys });
  const headers = bearer(await edge.issuer.sign({ sub: "x", tenant: "a" }, 600));
  assert.deepEqual(await outcome(chat(edge.url, { headers })), [200]);
  for (
    const answer of [
      () => new Response("no", { status: 500 }),
      () => new Response("<html>"),
      () => Response.json({ keys: "none" }),
    ]
  ) {
    edge.jwks = answer;
    await keysKnown(edge);
    assert.deepEqual(await outcome(chat(edge.url, { headers })), [200]);
  }
});

Deno.test("a client's certificate is a credential, its name reaches policy, and nobody can claim it", async () => {
  await using edge = await startEdge();
  using a = await edge.client("client-a");
  using nobody = await edge.client();
  const forged = {
    "x-forwarded-client-cert": "URI=spiffe://llmgate.test/admin",
    "x-forwarded-proto": "https",
  };
  const answer = await chat(edge.tlsUrl, { client: a, headers: forged });
  assert.equal(answer.headers.get("alt-svc"), `h3=":${new URL(edge.tlsUrl).port}"; ma=86400`);
  assert.deepEqual(await outcome(answer), [200]);
  assert.deepEqual(await outcome(chat(edge.tlsUrl, { client: nobody })), [200]);
  assert.deepEqual((await outcome(chat(edge.tlsUrl, { client: nobody, headers: forged })))[0], 401);
  assert.deepEqual((await outcome(chat(edge.url, { headers: forged })))[0], 401);
  const name = "spiffe://llmgate.test/tenant/a";
  assert.equal(edge.policy.journal.entries()[0]?.principal, name);
  const [first, second] = edge.upstream.journal.entries()
    .map(({ headers }) => Object.fromEntries(headers));
  assert.equal(first?.["x-tenant"], name);
  assert.match(
    first?.["x-forwarded-client-cert"] ?? "",
    /;URI=spiffe:\/\/llmgate\.test\/tenant\/a$/,
  );
  assert.equal(second?.["x-forwarded-client-cert"], undefined);
});

Deno.test("certificates of another CA or another name open nothing, and they can be required while Envoy runs", async () => {
  await using edge = await startEdge();
  await prepareTlsFolder(`${edge.tls}/other`);
  const ca = readFileSync(`${edge.tls}/ca.pem`);
  const client = (name: string) =>
    Deno.createHttpClient({
      caCerts: [ca.toString()],
      cert: readFileSync(`${edge.tls}/${name}.pem`, "utf8"),
      key: readFileSync(`${edge.tls}/${name}.key.pem`, "utf8"),
    });
  using good = client("client-a");
  assert.deepEqual(await outcome(chat(edge.tlsUrl, { client: good })), [200]);
  // While nobody must show one, what another CA signed is refused all the same, and so is a name of none.
  using foreign = client("other/client-a");
  await assert.rejects(chat(edge.tlsUrl, { client: foreign }), TypeError);
  for (const name of ["gateway", "server"]) {
    using other = client(name);
    const answer = await outcome(chat(edge.tlsUrl, { client: other })).catch(() => FORBIDDEN);
    assert.deepEqual(answer, FORBIDDEN, name);
  }
  await prepareTlsFolder(edge.tls, { clients: "required" });
  for (;;) {
    using nobody = await edge.client();
    if (await chat(edge.tlsUrl, { client: nobody }).then(drained, () => true)) break;
  }
  for (const name of ["other/client-a", "gateway", "server"]) {
    using bad = client(name);
    await assert.rejects(chat(edge.tlsUrl, { client: bad }), TypeError, name);
  }
  using none = await edge.client();
  await assert.rejects(chat(edge.tlsUrl, { client: none }), TypeError);
  using still = client("client-a");
  assert.deepEqual(await outcome(chat(edge.tlsUrl, { client: still })), [200]);
});

/** Reads an answer to its end, and says that there was one. */
async function drained(response: Response): Promise<false> {
  await response.text();
  return false;
}

/** The serial number of the certificate that a new handshake shows. */
async function serial(edge: EdgeStack): Promise<string> {
  const { port } = new URL(edge.tlsUrl);
  const shown = Promise.withResolvers<string>();
  const socket = tls.connect({
    host: "127.0.0.1",
    port: Number(port),
    servername: "localhost",
    ca: readFileSync(`${edge.tls}/ca.pem`),
  }, () => shown.resolve(socket.getPeerCertificate().serialNumber));
  socket.on("error", shown.reject);
  try {
    return await shown.promise;
  } finally {
    const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
    socket.destroy();
    await closed;
  }
}

Deno.test("certificates rotate under five hundred streams without one lost, and a broken one changes nothing", async () => {
  await using edge = await startEdge();
  const STREAMS = 500;
  edge.upstream.scripts.set("held", {
    steps: [
      { headers: { headers: { "content-type": "text/event-stream" } } },
      { event: { data: "first" } },
      { barrier: "go" },
      { event: { data: "[DONE]" } },
      { end: true },
    ],
  });
  using client = await edge.client();
  const streams = await Promise.all(Array.from({ length: STREAMS }, async () => {
    const headers = { ...DEMO, "x-mock-script": "held" };
    const response = await chat(edge.tlsUrl, { client, headers });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    const { value = "" } = await reader?.read() ?? {};
    return { reader, text: value };
  }));
  const before = await serial(edge);
  await prepareTlsFolder(edge.tls, { renew: true });
  let after = await serial(edge);
  while (after === before) after = await serial(edge);
  const rejected = async () => {
    const stats = await edge.envoy.admin.stats("sds.*update_rejected");
    return [...stats.values()].reduce((sum, one) => sum + Number(one), 0);
  };
  await Deno.writeTextFile(`${edge.tls}/part`, "resources: [{ no: certificate }]");
  await Deno.rename(`${edge.tls}/part`, `${edge.tls}/server.sds.yaml`);
  const refusals = async () => {
    const log = await edge.envoy.lastLog(200);
    return /server\.sds\.yaml/.test(log) || await rejected() > 0;
  };
  while (!await refusals());
  assert.equal(await serial(edge), after);
  for (const _ of streams) edge.upstream.barriers.release("held/go");
  const texts = await Promise.all(streams.map(async ({ reader, text }) => {
    for (;;) {
      const { value, done } = await reader?.read() ?? { done: true };
      if (done) return text;
      text += value;
    }
  }));
  assert.equal(texts.filter((text) => text.endsWith("data: [DONE]\n\n")).length, STREAMS);
});

Deno.test("an upstream with TLS is verified, and shown the gateway's own certificate", async () => {
  const folder = await Deno.makeTempDir();
  await prepareTlsFolder(folder);
  await prepareTlsFolder(`${folder}/other`);
  const read = (name: string) => readFileSync(`${folder}/${name}`);
  const shown: (string | undefined)[] = [];
  const server = https.createServer({
    cert: read("upstream.pem"),
    key: read("upstream.key.pem"),
    ca: read("ca.pem"),
    requestCert: true,
    rejectUnauthorized: true,
  }, (request, response) => {
    shown.push((request.socket as tls.TLSSocket).getPeerCertificate().subjectaltname);
    response.setHeader("content-type", "application/json").end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const start = (caFile: string) => {
    const upstream = { host: "127.0.0.1", port, hostname: "localhost", tls: { caFile } };
    return startEdge({ tls: folder, overlay: { clusters: { upstream } } });
  };
  {
    await using edge = await start(`${folder}/ca.pem`);
    assert.deepEqual(await outcome(chat(edge.url)), [200]);
    assert.deepEqual(shown, ["URI:spiffe://llmgate.test/gateway"]);
  }
  {
    await using edge = await start(`${folder}/other/ca.pem`);
    const refused = [503, "upstream_error", "upstream_unavailable"];
    assert.deepEqual(await outcome(chat(edge.url)), refused);
    assert.equal(shown.length, 1);
  }
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await Deno.remove(folder, { recursive: true });
});
