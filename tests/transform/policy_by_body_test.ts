/** Rules of docs/policy.md and docs/mcp.md that name a model or a tool, through a real Envoy. */
import assert from "node:assert/strict";
import { bundledConfig } from "../../envoy/mod.ts";
import { FREE_PORTS, singleUpstream, startGateway, withAddOns } from "../../gateway/mod.ts";
import { addOnsOf } from "../../gateway/profiles/mod.ts";
import { startPolicy } from "../../policy/mod.ts";
import { envoyPath, RUN_PARENTS } from "../testing/stack.ts";
import { json } from "./stack.ts";

/** Starts a gateway on a check-only configuration, with the rules of a page that hold `word`. */
async function start(
  { config, page, word, steps = () => undefined }: {
    config: string;
    page: string;
    word: string;
    /** The steps that stand behind policy, which is at this address. */
    steps?: (policy: string) => string | undefined;
  },
) {
  await using stack = new AsyncDisposableStack();
  const text = await Deno.readTextFile(new URL(`../../docs/${page}`, import.meta.url));
  const rules = [...text.matchAll(/```yaml rules\n([\s\S]*?)```/g)]
    .map(([, yaml = ""]) => yaml).find((yaml) => yaml.includes(word)) ?? "";
  assert.notEqual(rules, "");
  const folder = await Deno.makeTempDir({ prefix: "llmgate-rules-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  await Deno.writeTextFile(`${folder}/rules.yaml`, rules);
  const policy = stack.use(await startPolicy({ rulesFile: `${folder}/rules.yaml` }));
  const written = steps(policy.address);
  if (written !== undefined) await Deno.writeTextFile(`${folder}/transform.yaml`, written);
  const transform = written === undefined ? {} : { transform: `${folder}/transform.yaml` };
  const addOns = await addOnsOf(transform, { env: () => undefined, upstream: undefined });
  const gateway = stack.use(
    await startGateway({
      profile: withAddOns({ ...singleUpstream(), config: () => bundledConfig(config) }, addOns),
      ports: FREE_PORTS,
      policy: { host: policy.host, port: policy.port },
      envoyPath: await envoyPath(),
      runParents: RUN_PARENTS,
      graceMs: 0,
      concurrency: 1,
    }),
  );
  const owned = stack.move();
  return Object.assign(gateway, { [Symbol.asyncDispose]: () => owned.disposeAsync() });
}

async function post(
  url: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<{ status: number; code: string | undefined; body: unknown }> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const text = await response.text();
  const answer = text.startsWith("{") ? JSON.parse(text) : text;
  return { status: response.status, code: answer?.error?.code, body: answer };
}

Deno.test("rules by model decide on what the upstream reads, before it is asked", async () => {
  await using gateway = await start({ config: "check/model", page: "policy.md", word: "ci-small" });
  const asked = () => gateway.part.mock?.journal.entries().length ?? 0;
  const url = `${gateway.url}/v1/chat/completions`;
  const messages = [{ role: "user", content: "Hi" }];
  const rows = [
    ["ada-key", { model: "gpt-4o", messages }, 200, undefined],
    ["build-key", { model: "gpt-4o-mini", messages }, 200, undefined],
    ["build-key", { model: "gpt-4o", messages }, 403, "model_forbidden"],
    ["ada-key", { messages }, 400, "missing_model"],
    ["ada-key", '["gpt-4o"]', 400, "missing_model"],
    ["build-key", '{"model":"gpt-4o-mini","model":"gpt-4o"}', 400, "invalid_json"],
  ] as const;
  for (const [key, body, status, code] of rows) {
    const before = asked();
    const answer = await post(url, body, { "x-api-key": key, "x-llm-model": "gpt-4o-mini" });
    assert.deepEqual([answer.status, answer.code], [status, code], JSON.stringify(body));
    assert.equal(asked() - before, status === 200 ? 1 : 0);
  }
});

Deno.test("rules by tool decide on calls, and on what a list of tools shows", async () => {
  await using gateway = await start({
    config: "check/mcp",
    page: "mcp.md",
    word: "no-deletes",
    steps: (policy) => `version: 1\nsteps: [{ mcp_tools: { policy: "${policy}" } }]\n`,
  });
  const url = `${gateway.url}/mcp`;
  const rpc = { jsonrpc: "2.0", id: 1 };
  const key = { "x-api-key": "ada-key" };
  const call = (name: string) => ({ ...rpc, method: "tools/call", params: { name } });
  gateway.part.mock?.scripts.set("called", { steps: json({ ...rpc, result: { content: [] } }) });
  const called = { ...key, "x-mock-script": "called" };
  assert.equal((await post(url, call("read_file"), called)).status, 200);
  const denied = await post(url, call("delete_file"), called);
  assert.deepEqual([denied.status, denied.code], [403, "tool_forbidden"]);
  const tools = ["read_file", "delete_file", "write_file"].map((name) => ({ name }));
  gateway.part.mock?.scripts.set("listed", { steps: json({ ...rpc, result: { tools } }) });
  const list = { ...rpc, method: "tools/list" };
  const listed = await post(url, list, { ...key, "x-mock-script": "listed" });
  assert.deepEqual(listed.body, {
    ...rpc,
    result: { tools: [{ name: "read_file" }, { name: "write_file" }] },
  });
});
