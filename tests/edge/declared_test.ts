/** Limits, tokens and certificates of somebody else's gateway: declared with `--feature`, judged through parts of ours. */
import assert from "node:assert/strict";
import { listenLasting } from "../../service/mod.ts";
import { startProgram } from "../testing/program.ts";
import { envoyPath } from "../testing/stack.ts";
import { startEdge } from "./stack.ts";

const LOOPBACK = "127.0.0.1";

async function freePort(): Promise<number> {
  return await listenLasting(LOOPBACK, (port) => {
    Deno.listen({ hostname: LOOPBACK, port }).close();
    return Promise.resolve(port);
  });
}

// deno-lint-ignore no-explicit-any -- the bundled file, edited at known places
type Bootstrap = any;

function filters({ static_resources: { listeners } }: Bootstrap, name: string): Bootstrap[] {
  return listeners.flatMap(({ filter_chains: [{ filters: [{ typed_config }] }] }: Bootstrap) =>
    typed_config.http_filters.filter((one: Bootstrap) => one.name === `envoy.filters.http.${name}`)
      .map(({ typed_config }: Bootstrap) => typed_config)
  );
}

/** A gateway that somebody has built: it finds policy, upstream, limits and keys at ports that were agreed on. */
async function startTheirs(edit?: (bootstrap: Bootstrap) => void) {
  const [policy, upstream, limits, issuer] = await Promise.all(
    [freePort(), freePort(), freePort(), freePort()],
  );
  const at = (port: number) => ({ host: LOOPBACK, port });
  const clusters = {
    policy_engine: at(policy),
    upstream: at(upstream),
    limits: at(limits),
    issuer: at(issuer),
  };
  const edge = await startEdge({
    overlay: { clusters },
    edit(bootstrap) {
      for (const settings of filters(bootstrap, "ratelimit")) settings.timeout = "2s";
      for (const { providers } of filters(bootstrap, "jwt_authn")) {
        providers.issuer.remote_jwks.cache_duration = "1s";
      }
      edit?.(bootstrap);
    },
  });
  return {
    edge,
    words: [
      ...["check", "--json", "--profile", "edge", "--gateway", edge.url, "--control", "both"],
      ...["--policy-port", String(policy), "--upstream-port", String(upstream)],
      ...["--allow-header", "x-api-key: demo-key", "--deny-header", "x-api-key: wrong-key"],
      ...["--feature", `limits=port=${limits}`, "--feature", `tokens=port=${issuer}`],
      ...["--feature", `certificates=url=${edge.tlsUrl},dir=${edge.tls}`],
    ],
    [Symbol.asyncDispose]: () => edge[Symbol.asyncDispose](),
  };
}

const GROUPS = ["limit.*", "jwt.*", "mtls.*"].flatMap((glob) => ["--case", glob]);

interface Verdict {
  readonly id: string;
  readonly status: string;
}

async function verdicts(words: readonly string[], cwd?: string) {
  await using program = startProgram(words, cwd === undefined ? {} : { cwd });
  const { cases } = JSON.parse(await program.line());
  const { code, stderr } = await program.ended;
  const of = (status: string) =>
    cases.filter((one: Verdict) => one.status === status).map(({ id }: Verdict) => id);
  return { code, stderr, of };
}

Deno.test("anybody's gateway that declares limits, tokens and certificates is judged by their groups", async () => {
  await using theirs = await startTheirs();
  const { code, stderr, of } = await verdicts([...theirs.words, ...GROUPS]);
  assert.deepEqual([code, of("fail"), of("warn")], [0, [], []], stderr);
  for (const id of ["limit.service-down-503", "jwt.remote-rotation", "mtls.rotate-live"]) {
    assert.ok(of("pass").includes(id), id);
  }
  // What only Envoy's own log and counters say, nobody can say of a gateway from outside.
  const inside = ["jwt.log-names-cause", "mtls.rotate-broken-keeps"];
  assert.deepEqual(of("not-measured").toSorted(), inside);
  assert.match(stderr, /The gateway must ask our limits service at 127\.0\.0\.1:\d+/);
  assert.match(stderr, /whose keys are at http:\/\/127\.0\.0\.1:\d+\/jwks\.json/);
});

Deno.test("a gateway that is open in one of them fails just there", async () => {
  await using theirs = await startTheirs((bootstrap) => {
    for (const settings of filters(bootstrap, "ratelimit")) settings.failure_mode_deny = false;
    for (const { providers } of filters(bootstrap, "jwt_authn")) providers.issuer.forward = true;
  });
  const some = [
    "limit.service-*",
    "limit.retry-after",
    "jwt.claim-header-spoof",
    "mtls.xfcc-spoof",
  ];
  const globs = some.flatMap((glob) => ["--case", glob]);
  const { code, of } = await verdicts([...theirs.words, ...globs]);
  assert.equal(code, 1);
  assert.deepEqual(of("fail").toSorted(), [
    "jwt.claim-header-spoof",
    "limit.service-down-503",
    "limit.service-slow-503",
  ]);
  assert.deepEqual(of("pass").toSorted(), ["limit.retry-after", "mtls.xfcc-spoof"]);
});

Deno.test("anybody's Envoy file that declares them is launched between parts of ours, and judged", async () => {
  const folder = await Deno.makeTempDir({ prefix: "llmgate-declared-" });
  try {
    const file = new URL("../../envoy/configs/edge.yaml", import.meta.url);
    await Deno.copyFile(file, `${folder}/mine.yaml`);
    await using certs = startProgram(["certs", "--out", `${folder}/tls`]);
    assert.equal((await certs.ended).code, 0);
    const { code, stderr, of } = await verdicts([
      ...["check", "--json", "--profile", "edge", "--envoy-config", `${folder}/mine.yaml`],
      ...["--envoy-path", await envoyPath(), "--feature", "limits", "--feature", "tokens"],
      ...["--case", "limit.next-429", "--case", "jwt.claim-header-spoof"],
    ], folder);
    assert.deepEqual([code, of("pass").toSorted()], [
      0,
      ["jwt.claim-header-spoof", "limit.next-429"],
    ], stderr);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("declarations that cannot be used say what is wrong with them", async () => {
  const cases: [feature: string, said: RegExp][] = [
    ["limits=port=x", /--feature limits: port must be a number up to 65535: current value is "x"/],
    [
      "certificates",
      /--feature certificates: "url=" is missing: write --feature certificates=url=/,
    ],
    ["certificates=url=http://x,dir=d", /url must be that of the ingress over TLS/],
    ["limit", /--feature "limit": no case asks for it: known are .*certificates.*limits.*tokens/],
  ];
  for (const [feature, said] of cases) {
    const { ended } = startProgram([
      ...["check", "--profile", "edge", "--gateway", "http://127.0.0.1:1", "--feature", feature],
      ...["--allow-header", "a: b"],
    ]);
    const { code, stderr } = await ended;
    assert.deepEqual([code, said.test(stderr)], [2, true], stderr);
  }
});
