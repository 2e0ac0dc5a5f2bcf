/** Resources of `export envoy-gateway`, read by the Go types of Envoy Gateway and run by its engine. */
import assert from "node:assert/strict";
import { parseUpstreamUrl } from "../../gateway/mod.ts";
import { type EnvoyGatewaySettings, exportEnvoyGateway } from "../../manifests/mod.ts";
import { hasGo, ownGoProgram } from "../testing/go_program.ts";
import { MISSING, runBeside } from "./aigw.ts";

const file = (name: string) => new URL(`./${name}`, import.meta.url).pathname;

const PLAIN: EnvoyGatewaySettings = {
  namespace: "default",
  port: 8080,
  policy: { host: "127.0.0.1", port: 9002 },
  upstreams: [parseUpstreamUrl("http://127.0.0.1:9000")],
};

const WHOLE: EnvoyGatewaySettings = {
  ...PLAIN,
  upstreams: [
    parseUpstreamUrl("http://localhost:9000"),
    parseUpstreamUrl("http://localhost:9001"),
  ],
  processor: { host: "127.0.0.1", port: 9005 },
};

function textOf(settings: EnvoyGatewaySettings): string {
  return exportEnvoyGateway(settings).map(({ text }) => text).join("---\n");
}

async function decoded(text: string): Promise<{ kinds: string[]; error: string }> {
  const program = await ownGoProgram("envoy_gateway", new URL("./envoy_gateway/", import.meta.url));
  const child = new Deno.Command(program, { stdin: "piped", stdout: "piped", stderr: "piped" })
    .spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  const { stdout, stderr } = await child.output();
  const said = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  return { kinds: said(stdout).split("\n"), error: said(stderr) };
}

Deno.test({
  name: `Envoy Gateway's Go types know every field of the export${
    hasGo ? "" : " (skipped: no Go here)"
  }`,
  ignore: !hasGo,
  async fn() {
    const limits = [
      { headers: ["x-tenant"], requests: 6000, per: "minute" },
      { headers: ["x-tenant", "x-session-id"], requests: 10, per: "month" },
    ];
    const settings = {
      ...WHOLE,
      upstreams: [
        ...WHOLE.upstreams,
        parseUpstreamUrl("https://api.test/v1"),
      ],
      limits,
    };
    const { kinds, error } = await decoded(textOf(settings));
    assert.equal(error, "");
    assert.deepEqual(kinds, [
      ...["GatewayClass", "Gateway", "HTTPRoute", "HTTPRouteFilter"],
      ...["Backend", "Backend", "Backend", "ClientTrafficPolicy", "SecurityPolicy", "Backend"],
      ...["BackendTrafficPolicy", "EnvoyExtensionPolicy", "Backend"],
    ]);
    const wrong = await decoded(textOf(PLAIN).replace("failOpen", "failsOpen"));
    assert.match(wrong.error, /SecurityPolicy: .*failsOpen/);
  },
});

/**
 * aigw puts a processor of its own before every route but those of its MCP proxy, which it knows by this name. Under it
 * the route is Envoy Gateway's alone.
 */
const asOfEnvoyGateway = (text: string) => text.replaceAll("name: llm\n", "name: ai-eg-mcp-llm\n");

async function run(settings: EnvoyGatewaySettings, args: readonly string[]) {
  const config = await Deno.makeTempFile({ prefix: "llmgate-eg-", suffix: ".yaml" });
  try {
    await Deno.writeTextFile(config, asOfEnvoyGateway(textOf(settings)));
    const { stdout, stderr } = await runBeside(config, args);
    const line = stdout.trim();
    assert.ok(line.startsWith("{"), stderr);
    return JSON.parse(line);
  } finally {
    await Deno.remove(config);
  }
}

/** Groups that say most about it, without cases that wait for half a minute. */
const GROUPS = ["allow", "deny", "fc", "mut", "sse", "cancel", "pass", "sec", "contract", "route"];
const LEFT_OUT = ["sse.idle-20s", "sse.slow-ttft"];

Deno.test({
  name: `on Envoy Gateway's engine the export holds every MUST of the suite${MISSING}`,
  ignore: MISSING !== "",
  async fn() {
    const report = await run(PLAIN, [
      file("../../main.ts"),
      ...["check", "--json", "--gateway", "http://127.0.0.1:8080", "--control", "both"],
      ...["--policy-port", "9002", "--upstream-port", "9000", "--level", "must", "--jobs", "8"],
      ...["--allow-header", "x-api-key: demo-key", "--deny-header", "x-api-key: wrong-key"],
      ...["--policy-timeout", "2", ...GROUPS.flatMap((group) => ["--case", `${group}.*`])],
      ...LEFT_OUT.flatMap((id) => ["--skip", id]),
    ]);
    const wrong = report.cases.filter(({ status }: { status: string }) => status === "fail");
    assert.deepEqual(wrong.map(({ id, reason }: Record<string, string>) => [id, reason]), []);
    assert.ok(report.summary.passed >= 80, JSON.stringify(report.summary));
  },
});

Deno.test({
  name:
    `on Envoy Gateway's engine a second upstream, a processor and errors are as exported${MISSING}`,
  ignore: MISSING !== "",
  async fn() {
    const seen = await run(WHOLE, ["--no-check", file("envoy_gateway_driver.ts")]);
    assert.deepEqual(seen, {
      allowed: { status: 200, upstream: "second", host: "localhost", system: "Be brief." },
      tries: { first: 1, second: 1 },
      refusedByPolicy: { status: 403, code: "invalid_api_key", asked: 0 },
      clientError: { status: 400, upstream: "first" },
      processorDown: { status: 503, code: "gateway_unavailable" },
      // Its status is the one that was asked for; a body it has none.
      policyDown: { status: 503, code: "" },
    });
  },
});
