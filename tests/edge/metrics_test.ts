/** One page of metrics, and the dashboard and alert rules that read it. */
import assert from "node:assert/strict";
import { startUpstream } from "../../upstream/mod.ts";
import { startDev } from "../testing/program.ts";

const PORTS = ["--limits-port", "--tls-port", "--otlp-port", "--otlp-http-port"]
  .flatMap((flag) => [flag, "0"]);
const FILES = ["edge.json", "alerts.yaml"];

/** Names of metrics in PromQL: ours begin so. */
const NAMES = /\b(?:envoy|llmgate)_[a-z0-9_]+(?=[[{\s()<]|$)/g;
/** Labels that look like names of metrics. */
const LABELS = ["envoy_cluster_name", "envoy_response_code_class"];

Deno.test("the page has tokens by tenant and model, and every metric that dashboard and alerts read", async () => {
  const home = await Deno.makeTempDir({ prefix: "llmgate-edge-home-" });
  try {
    await using first = await startUpstream({});
    await using second = await startUpstream({});
    await using dev = await startDev([
      ...["--profile", "edge", ...PORTS, "--upstream", first.url, "--upstream", second.url],
    ], { env: { LLMGATE_HOME: home } });
    const response = await fetch(`${dev.ready.ingress}/v1/chat/completions`, {
      method: "POST",
      headers: { "x-api-key": "demo-key", "content-type": "application/json" },
      body: JSON.stringify({ model: "gpt-4o-mini", messages: [{ role: "user", content: "hi" }] }),
    });
    const { usage } = await response.json();
    await dev.program.line();
    const page = await (await fetch(`${dev.ready.control}/metrics`)).text();
    const counted = /envoy_llmgate_tokens\{tenant="demo",model="gpt-4o-mini",kind="output"\} (\d+)/;
    assert.equal(Number(counted.exec(page)?.[1]), usage.completion_tokens);
    const types = [...page.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
    for (const file of FILES) {
      const text = await Deno.readTextFile(
        new URL(`../../packaging/grafana/${file}`, import.meta.url),
      );
      const expressions = file.endsWith(".json")
        ? JSON.parse(text).panels.flatMap(({ targets }: { targets: { expr: string }[] }) =>
          targets.map(({ expr }) => expr)
        ).join("\n")
        : text;
      const names = new Set(
        [...expressions.matchAll(NAMES)].map(([name]) => name.replace(/_(bucket|sum|count)$/, "")),
      );
      const missing = [...names].filter((name) => !types.includes(name) && !LABELS.includes(name));
      assert.ok(names.size > 3, file);
      assert.deepEqual(missing, [], file);
    }
  } finally {
    await Deno.remove(home, { recursive: true });
  }
});
