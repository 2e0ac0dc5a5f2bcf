/** `llmgate dev --profile edge` and its tools, as a person runs them. */
import assert from "node:assert/strict";
import { envoyPath, OLDER_ENVOY } from "../testing/stack.ts";
import { FREE_PORT_FLAGS, startDev, startProgram } from "../testing/program.ts";
import { chat, DEMO, outcome } from "./stack.ts";

const PORTS = ["--limits-port", "--tls-port", "--otlp-port", "--otlp-http-port"]
  .flatMap((flag) => [flag, "0"]);

async function inHome(run: (home: string) => Promise<void>): Promise<void> {
  const home = await Deno.makeTempDir({ prefix: "llmgate-edge-home-" });
  try {
    await run(home);
  } finally {
    await Deno.remove(home, { recursive: true });
  }
}

/** Returns the output of a command. */
async function say(words: readonly string[], env: Record<string, string> = {}): Promise<string> {
  await using program = startProgram(words, { env });
  const line = await program.line();
  assert.equal((await program.ended).code, 0);
  return line;
}

Deno.test("dev --profile edge names its parts, takes a token and a certificate, and shows the quota", () =>
  inHome(async (home) => {
    const env = { LLMGATE_HOME: home };
    await using dev = await startDev(["--profile", "edge", ...PORTS], { env });
    const { ready } = dev;
    assert.equal(ready.profile, "edge");
    assert.match(ready.services.limits, /^127\.0\.0\.1:\d+$/);
    assert.match(ready.ingress_tls, /^https:\/\/localhost:\d+$/);
    const token = await say(["token", "--tenant", "a", "--ttl", "1m"], env);
    const headers = { authorization: `Bearer ${token}` };
    assert.deepEqual(await outcome(chat(ready.ingress, { headers })), [200]);
    // The next key is known already; the token of a rotation holds at once.
    const next = await say(["token", "--tenant", "a", "--rotate"], env);
    const rotated = { authorization: `Bearer ${next}` };
    assert.deepEqual(await outcome(chat(ready.ingress, { headers: rotated })), [200]);
    const read = (name: string) => Deno.readTextFile(`${home}/tls/${name}`);
    using client = Deno.createHttpClient({
      caCerts: [await read("ca.pem")],
      cert: await read("client-a.pem"),
      key: await read("client-a.key.pem"),
    });
    const answer = await chat(ready.ingress_tls, { headers: {}, client });
    assert.ok(Number(answer.headers.get("x-ratelimit-remaining-tokens")) > 0);
    assert.deepEqual(await outcome(answer), [200]);
    const { keys } = await (await fetch(`${ready.control}/jwks.json`)).json();
    assert.ok(keys.length >= 2 && !JSON.stringify(keys).includes('"d"'));
    const journal = await (await fetch(`${ready.control}/journal/limits`)).text();
    assert.match(journal, /"tenant":"a"/);
    const api = async (path: string) =>
      await (await fetch(`${ready.control}/api/v1${path}`)).json();
    assert.ok(JSON.stringify(await api("/limits")).includes('"tenant":"a"'));
    // Envoy sends spans a moment later.
    let traces = await api("/traces");
    while (traces.length === 0) traces = await api("/traces");
    assert.deepEqual(traces[0].services, ["llmgate-edge"]);
    assert.ok((await api(`/traces/${traces[0].id}`)).tree.length > 0);
    assert.match(await (await fetch(`${ready.control}/metrics`)).text(), /llmgate_limits_answers/);
  }));

Deno.test("dev --profile edge takes limits of a file and keys of another issuer, and reloads them", () =>
  inHome(async (home) => {
    const env = { LLMGATE_HOME: home };
    const limits = `${home}/limits.yaml`;
    const file = (max: number) =>
      `version: 1\nlimits:\n  - match: { tenant: "*" }\n    requests: { per: month, max: ${max} }\n`;
    await Deno.writeTextFile(limits, file(1));
    await say(["token", "--keys", `${home}/other.json`], env);
    const { keys } = JSON.parse(await Deno.readTextFile(`${home}/other.json`));
    const jwks = `${home}/jwks.json`;
    // deno-lint-ignore no-unused-vars -- the private part is left out
    const published = keys.map(({ d, ...key }: { d: string }) => ({ ...key, alg: "ES256" }));
    await Deno.writeTextFile(jwks, JSON.stringify({ keys: published }));
    await using dev = await startDev([
      ...["--profile", "edge", ...PORTS, "--limits", limits, "--jwks", jwks],
      ...["--issuer", "https://issuer.test", "--audience", "gateway"],
    ], { env });
    const { ready } = dev;
    const claims = ["--claim", "iss=https://issuer.test", "--claim", "aud=gateway"];
    const words = ["token", "--keys", `${home}/other.json`, "--tenant", "b"];
    const headers = { authorization: `Bearer ${await say([...words, ...claims], env)}` };
    assert.deepEqual(await outcome(chat(ready.ingress, { headers })), [200]);
    const exceeded = [429, "rate_limit_error", "requests_exceeded"];
    assert.deepEqual(await outcome(chat(ready.ingress, { headers })), exceeded);
    const foreign = { authorization: `Bearer ${await say(words, env)}` };
    assert.equal((await outcome(chat(ready.ingress, { headers: foreign })))[0], 401);
    await Deno.writeTextFile(limits, file(1000));
    while ((await outcome(chat(ready.ingress, { headers })))[0] === 429);
    assert.deepEqual(await outcome(chat(ready.ingress, { headers: DEMO })), [200]);
  }));

Deno.test("flags that do not go together, and an Envoy that is too old, are said", () =>
  inHome(async (home) => {
    const env = { LLMGATE_HOME: home };
    const cases: [words: string[], code: number, said: RegExp][] = [
      [["--jwks", "x.json"], 2, /without --issuer and --audience/],
      [["--issuer", "x"], 2, /without --jwks/],
      [["--limits", "x", "--limits-service", "h:1"], 2, /--limits with --limits-service/],
      [["--limits", "missing.yaml"], 2, /missing\.yaml/],
    ];
    for (const [words, code, said] of cases) {
      const ports = [...FREE_PORT_FLAGS, ...PORTS, "--envoy-path", await envoyPath()];
      const program = startProgram(["dev", "--profile", "edge", ...ports, ...words], { env });
      await using _program = program;
      const ended = await program.ended;
      assert.deepEqual([ended.code, said.test(ended.stderr)], [code, true], ended.stderr);
    }
    const older = [...FREE_PORT_FLAGS, ...PORTS, "--envoy-path", await envoyPath(OLDER_ENVOY)];
    await using program = startProgram(["dev", "--profile", "edge", ...older], { env });
    const { code, stderr } = await program.ended;
    assert.equal(code, 2);
    assert.match(stderr, /needs 1\.40\.0 or newer: use --envoy-version 1\.40\.0/);
  }));
