/** Verdicts on gateways of others, as a process: what is right gets no red MUST, whatever style it is written in. */
import assert from "node:assert/strict";
import { startProgram } from "../testing/program.ts";
import { envoyPath } from "../testing/stack.ts";

interface Judged {
  readonly id: string;
  readonly status: string;
  readonly reason: string;
}

/** Judges a file of `envoy/testdata/` and returns its cases that are red MUSTs, with what each says. */
async function judge(
  file: string,
  ...words: string[]
): Promise<{ red: string[]; cases: Judged[] }> {
  const config = new URL(`../envoy/testdata/${file}`, import.meta.url).pathname;
  await using program = startProgram([
    ...["check", "--json", "--envoy-config", config, "--envoy-path", await envoyPath()],
    ...words,
  ]);
  const cases: Judged[] = JSON.parse(await program.line()).cases;
  const red = cases.filter(({ status }) => status === "fail").map(({ id }) => id);
  return { red, cases };
}

Deno.test("Envoy's default log, status and time limits make no red MUST but the one that is true", async () => {
  const { red, cases } = await judge("plain.yaml", "--skip", "sse.*");
  // The default format writes the query, and with it a key that somebody puts there.
  assert.deepEqual(red, ["obs.no-secrets"]);
  const status = new Map(cases.map((one) => [one.id, one.status]));
  assert.equal(status.get("fc.policy-down"), "pass");
  assert.equal(status.get("fc.slow-but-in-time"), "pass");
  assert.equal(status.get("fc.error-status"), "warn", "403 says that the key is wrong");
  assert.equal(status.get("obs.error-details"), "not-measured", "the text has no code details");
  assert.equal(status.get("route.unknown-404"), "unsupported", "every path is routed");
});

/** A change of the plain configuration, and the flags that declare it; what the probe says of it, where it does. */
const FORMS: Record<
  string,
  { edit: (text: string) => string; flags?: string[]; said?: RegExp }
> = {
  "policy is shown only the credential's header": {
    edit: (text) =>
      text.replace(
        "validate_mutations: true",
        "validate_mutations: true\n                      allowed_headers: { patterns: [{ exact: x-api-key }] }",
      ),
    said: /shows policy only some headers/,
  },
  "another header for policy, TLS in front, few connections, and endpoints that are put aside": {
    edit: (text) =>
      text.replace(
        "validate_mutations: true",
        "validate_mutations: true\n                      disallowed_headers: { patterns: [{ prefix: x-api }] }",
      ).replace('domains: ["*"]', 'domains: ["*"]\n                      require_tls: ALL')
        .replace(
          "        - filters:\n",
          `        - filters:
            - name: limit
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit
                stat_prefix: limit
                max_connections: 2
`,
        ).replace(
          "type: STRICT_DNS",
          "type: STRICT_DNS\n      outlier_detection: { consecutive_5xx: 1, max_ejection_percent: 100 }",
        ),
    said: /the key goes there/,
  },
  "HTTP/2 only": {
    edit: (text) =>
      text.replace("stat_prefix: edge", "stat_prefix: edge\n                codec_type: HTTP2"),
    said: /speaks h2c/,
  },
  "a PROXY protocol header first": {
    edit: (text) =>
      text.replace(
        "      filter_chains:",
        "      listener_filters:\n        - name: envoy.filters.listener.proxy_protocol\n          typed_config:\n" +
          '            "@type": type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol\n' +
          "      filter_chains:",
      ),
    flags: ["--proxy-protocol"],
  },
  "a host of its own": {
    edit: (text) => text.replace('domains: ["*"]', "domains: [llm.example.com]"),
    flags: ["--host-name", "llm.example.com"],
  },
  "a provider's key, slashes that redirect, and a rate limit": {
    edit: (text) =>
      text.replace(
        'domains: ["*"]',
        `domains: ["*"]
                      request_headers_to_remove: [x-api-key, cookie]
                      request_headers_to_add: [{ header: { key: authorization, value: "Bearer provider" }, append_action: OVERWRITE_IF_EXISTS_OR_ADD }]
                      response_headers_to_add: [{ header: { key: x-served-by, value: edge } }]`,
      ).replace(
        /path_with_escaped_slashes_action: \w+/,
        "path_with_escaped_slashes_action: UNESCAPE_AND_REDIRECT",
      )
        .replace(
          "                  - name: envoy.filters.http.router",
          `                  - name: limit
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit
                      stat_prefix: limit
                      token_bucket: { max_tokens: 20, tokens_per_fill: 20, fill_interval: 1s }
                      filter_enabled: { default_value: { numerator: 100 } }
                      filter_enforced: { default_value: { numerator: 100 } }
                  - name: envoy.filters.http.router`,
        ),
    said: /local limits of "[^"]+" let the suite's requests pass/,
  },
  "a path before the API's, and a header that routes": {
    edit: (text) =>
      text.replace(
        'match: { prefix: "/" }',
        'match: { prefix: "/llm/", headers: [{ name: x-route, string_match: { exact: blue } }] }',
      ).replace("cluster: model,", 'cluster: model, prefix_rewrite: "/",'),
    flags: ["--base-path", "/llm", "--header", "x-route: blue"],
  },
};

/** Cases that see paths, heads and Check calls; what else a gateway does is the same in every form. */
const WHAT_A_FORM_CHANGES = [
  ...["allow.*", "contract.*", "deny.every-*", "deny.reused-connection", "fc.policy-grpc-error"],
  ...["sse.lockstep", "pass.headers-request", "pass.query-exact", "route.*", "sec.cl-te"],
  ...["sec.h2-downgrade", "sec.x-envoy-strip", "sec.path-*", "sec.tenant-*"],
];

for (const [name, { edit, flags = [], said }] of Object.entries(FORMS)) {
  Deno.test(`a correct gateway with ${name} is judged, and holds the same`, async () => {
    const folder = await Deno.makeTempDir();
    try {
      const plain = new URL("../envoy/testdata/plain.yaml", import.meta.url);
      const config = `${folder}/envoy.yaml`;
      const text = edit(await Deno.readTextFile(plain));
      await Deno.writeTextFile(config, text);
      await using program = startProgram([
        ...["check", "--json", "--envoy-config", config, "--envoy-path", await envoyPath()],
        ...WHAT_A_FORM_CHANGES.flatMap((glob) => ["--case", glob]),
        ...flags,
      ]);
      const report = JSON.parse(await program.line());
      const { code, stderr } = await program.ended;
      const failed = report.cases.filter(({ status }: Judged) => status === "fail");
      assert.deepEqual(failed.map(({ id, reason }: Judged) => `${id}: ${reason}`), []);
      assert.equal(code, 0, stderr);
      assert.equal(report.target.control, "both");
      if (said) assert.match(stderr, said);
      assert.ok(report.summary.passed >= 30, `${report.summary.passed} passed`);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

/** Adds a filter before the router of the plain configuration, and the cluster that it asks. */
function withPart(text: string, filter: string): string {
  const cluster = `    - name: part
      type: STRICT_DNS
      load_assignment:
        cluster_name: part
        endpoints:
          - lb_endpoints:
              - endpoint: { address: { socket_address: { address: part.internal, port_value: 9 } } }
`;
  return text.replace(
    "                  - name: envoy.filters.http.router",
    `${filter}                  - name: envoy.filters.http.router`,
  ) +
    cluster;
}

/** A processor that holds responses back until they are whole. */
const BUFFERING = `                  - name: buffering
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor
                      grpc_service: { envoy_grpc: { cluster_name: part } }
                      processing_mode: { response_body_mode: BUFFERED }
                      failure_mode_allow: true
`;

/** A rate-limit service without which nothing passes. */
const LIMITING = `                  - name: limiting
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.ratelimit.v3.RateLimit
                      domain: edge
                      failure_mode_deny: true
                      rate_limit_service:
                        transport_api_version: V3
                        grpc_service: { envoy_grpc: { cluster_name: part } }
`;

/** Judges a change of the plain configuration by some cases. */
async function judgeChanged(edit: (text: string) => string, words: string[]) {
  const folder = await Deno.makeTempDir();
  try {
    const text = await Deno.readTextFile(new URL("../envoy/testdata/plain.yaml", import.meta.url));
    const config = `${folder}/envoy.yaml`;
    await Deno.writeTextFile(config, edit(text));
    await using program = startProgram([
      ...["check", "--json", "--envoy-config", config, "--envoy-path", await envoyPath()],
      ...words,
    ]);
    const report = JSON.parse(await program.line());
    const { code, stderr } = await program.ended;
    const status = new Map(report.cases.map(({ id, status }: Judged) => [id, status]));
    return { report, code, stderr, status };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const STREAMED = ["--case", "allow.basic-200", "--case", "sse.lockstep"];

Deno.test("what waits for a part that nobody stands in for is not measured, and the part is named", async () => {
  const { code, stderr, status } = await judgeChanged(
    (text) => withPart(text, BUFFERING),
    STREAMED,
  );
  assert.match(
    stderr,
    /Note: the external processor of "buffering" \(cluster "part"\) is not ours/,
  );
  assert.equal(status.get("allow.basic-200"), "pass");
  assert.equal(status.get("sse.lockstep"), "not-measured");
  assert.equal(code, 4);
});

Deno.test("--stand-in runs the processor, and its buffering is found", async () => {
  const { code, status } = await judgeChanged((text) => withPart(text, BUFFERING), [
    ...STREAMED,
    // It waits in vain for an event: no need to for long.
    ...["--stand-in", "--time-scale", "0.3"],
  ]);
  assert.equal(status.get("allow.basic-200"), "pass");
  assert.equal(status.get("sse.lockstep"), "fail");
  assert.equal(code, 1);
});

Deno.test("--stand-in runs a rate-limit service that lets everything pass", async () => {
  const { code, report } = await judgeChanged((text) => withPart(text, LIMITING), [
    ...STREAMED,
    "--stand-in",
  ]);
  assert.deepEqual(report.cases.map(({ status }: Judged) => status), ["pass", "pass"]);
  assert.equal(code, 0);
});

/** A provider whose keys nobody here has; without one of them nobody gets in. */
const TOKENS = `                  - name: tokens
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication
                      providers:
                        own:
                          issuer: https://issuer.internal
                          audiences: [models]
                          remote_jwks: { http_uri: { uri: https://part.internal/keys, cluster: part, timeout: 1s } }
                      rules: [{ match: { prefix: / }, requires: { provider_name: own } }]
`;

Deno.test("without the keys of a token nothing is measured, and --stand-in has some", async () => {
  const words = [...STREAMED, "--case", "jwt.*", "--case", "deny.no-credential"];
  const edit = (text: string) => withPart(text, TOKENS);
  const without = await judgeChanged(edit, words);
  assert.equal(without.code, 4);
  assert.equal(without.status.get("allow.basic-200"), "not-measured");
  assert.equal(without.status.get("deny.no-credential"), "not-measured");
  const { code, status, stderr } = await judgeChanged(edit, [...words, "--stand-in"]);
  assert.match(stderr, /Adjusted: the key server \(JWKS\) of "tokens" \(cluster "part"\) is ours/);
  assert.equal(code, 0, stderr);
  for (const id of ["allow.basic-200", "sse.lockstep", "jwt.missing-401", "jwt.wrong-aud"]) {
    assert.equal(status.get(id), "pass", id);
  }
});

Deno.test("--stand-in gives bodies back to a filter that keeps none of them", async () => {
  const duplex = BUFFERING.replace(
    "response_body_mode: BUFFERED",
    "request_body_mode: FULL_DUPLEX_STREAMED, response_body_mode: FULL_DUPLEX_STREAMED, request_trailer_mode: SEND, response_trailer_mode: SEND",
  ).replace("failure_mode_allow: true", "failure_mode_allow: false");
  const { code, report } = await judgeChanged((text) => withPart(text, duplex), [
    ...[...STREAMED, "--case", "allow.body-identical"],
    "--stand-in",
  ]);
  assert.deepEqual(report.cases.map(({ status }: Judged) => status), ["pass", "pass", "pass"]);
  assert.equal(code, 0);
});

Deno.test("policy that is asked over HTTP is ours, and fails closed", async () => {
  const { code, report, stderr } = await judgeChanged(
    (text) =>
      text.replace(
        /grpc_service:\n +envoy_grpc: \{ cluster_name: engine \}\n +timeout: 0\.5s/,
        "http_service:\n                        server_uri: { uri: http://engine.internal, cluster: engine, timeout: 0.5s }\n" +
          "                        path_prefix: /auth\n" +
          "                        authorization_request: { allowed_headers: { patterns: [{ exact: x-api-key }] } }",
      ),
    ["allow.basic-200", "deny.*", "fc.policy-down", "fc.policy-timeout", "contract.check-once"]
      .flatMap((glob) => ["--case", glob]),
  );
  assert.match(stderr, /Adjusted: the HTTP authorization service of .*"engine"\) is ours/);
  const failed = report.cases.filter(({ status }: Judged) => status === "fail");
  assert.deepEqual(failed.map(({ id, reason }: Judged) => `${id}: ${reason}`), []);
  assert.equal(report.target.control, "both");
  assert.equal(code, 0);
  assert.ok(report.summary.passed >= 12, `${report.summary.passed} passed`);
});

Deno.test("check says which flag may be missing when an allowed request finds no route", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const plain = new URL("../envoy/testdata/plain.yaml", import.meta.url);
    const text = await Deno.readTextFile(plain);
    const config = `${folder}/envoy.yaml`;
    await Deno.writeTextFile(config, text.replace('domains: ["*"]', "domains: [llm.example.com]"));
    await using program = startProgram([
      ...["check", "--json", "--envoy-config", config, "--envoy-path", await envoyPath()],
      ...["--case", "deny.every-call"],
    ]);
    const report = JSON.parse(await program.line());
    const { code, stderr } = await program.ended;
    assert.match(stderr, /answers 404: .*--host-name.*--base-path/);
    // Everything is refused there: that proves no policy.
    assert.equal(report.cases[0].status, "not-measured");
    assert.match(report.cases[0].reason, /Nothing passes at all/);
    assert.equal(code, 4);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
