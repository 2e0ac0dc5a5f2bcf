/** The examples that need no package of ours: engines of others, tests in containers, model servers. */
import assert from "node:assert/strict";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { startUpstream } from "../../upstream/mod.ts";
import { hasGo } from "../testing/go_program.ts";
import { FREE_PORT_FLAGS, type Program, startProgram } from "../testing/program.ts";
import { chat, envoyPath } from "../testing/stack.ts";

const EXAMPLES = fileURLToPath(new URL("../../examples/", import.meta.url));

/** Where the word `llmgate` is. */
const SCRIPTS = fileURLToPath(new URL("../../scripts/", import.meta.url));

/** Starts a program that says `listening on HOST:PORT`, and returns that address. */
async function startEngine(command: string, args: readonly string[]) {
  const child = new Deno.Command(command, {
    args: ["-addr", "127.0.0.1:0", ...args],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let said = "";
  const reader = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
  while (!/listening on \S+\n/.test(said)) {
    const { value, done } = await reader.read();
    assert.ok(!done, said);
    said += value;
  }
  return {
    address: /listening on (\S+)\n/.exec(said)?.[1] ?? "",
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
      await reader.cancel();
    },
  };
}

const ENGINES = [
  { name: "opa", args: ["-policy", join(EXAMPLES, "opa/policy.rego")] },
  { name: "authorino", args: ["-config", join(EXAMPLES, "authorino/authconfig.json")] },
];

for (const { name, args } of ENGINES) {
  Deno.test({
    name: `examples/${name}: check --policy finds no MUST that it misses${
      hasGo ? "" : " (skipped: there is no Go here)"
    }`,
    ignore: !hasGo,
    async fn() {
      const folder = await Deno.makeTempDir({ prefix: `llmgate-${name}-` });
      try {
        const engine = join(folder, "engine");
        const built = await new Deno.Command("go", {
          args: ["build", "-o", engine, "."],
          cwd: join(EXAMPLES, name),
          env: { GOFLAGS: "-mod=readonly" },
        }).output();
        assert.ok(built.success, new TextDecoder().decode(built.stderr));
        await using running = await startEngine(engine, args);
        await using check = startProgram([
          ...["check", "--json", "--policy", running.address],
          ...["--allow-header", "x-api-key: demo-key", "--deny-header", "x-api-key: nobody"],
          ...["--case", "engine.*", "--case", "deny.*", "--case", "allow.*"],
          ...["--envoy-path", await envoyPath()],
        ]);
        const { summary } = JSON.parse(await check.line());
        assert.equal((await check.ended).code, 0);
        assert.equal(summary.failed, 0);
        assert.ok(summary.passed > 25, JSON.stringify(summary));
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}

const hasNode = await new Deno.Command("node", { args: ["--version"] }).output()
  .then(({ success }) => success, () => false);

Deno.test({
  name: `examples/compose: its tests pass against the mock with its scenarios${
    hasNode ? "" : " (skipped: there is no Node here)"
  }`,
  ignore: !hasNode,
  async fn() {
    await using upstream = await startUpstream({
      pace: "none",
      scenarios: join(EXAMPLES, "compose/scenarios"),
      strict: true,
    });
    const { success, stdout } = await new Deno.Command("node", {
      args: ["--test"],
      cwd: join(EXAMPLES, "compose/app"),
      env: { OPENAI_BASE_URL: `${upstream.url}/v1` },
    }).output();
    const out = new TextDecoder().decode(stdout);
    assert.ok(success, out);
    assert.match(out, /pass 3\b/);
  },
});

/** Runs an example's script as its reader would, on free ports; resolves with its ready line. */
async function runScript(
  path: string,
  env: Record<string, string>,
  words: readonly string[] = [],
): Promise<{ program: Program; ready: { ingress: string } }> {
  const program = startProgram(["--json", ...FREE_PORT_FLAGS, ...words], {
    command: join(EXAMPLES, path),
    env: {
      ...env,
      PATH: [SCRIPTS, Deno.env.get("PATH")].join(delimiter),
      LLMGATE_DENO: Deno.execPath(),
      ENVOY_PATH: await envoyPath(),
    },
  });
  return { program, ready: JSON.parse(await program.line()) };
}

Deno.test("examples/ollama: a model server behind the gateway answers token by token", async () => {
  await using model = await startUpstream({ pace: "none" });
  const { program, ready } = await runScript("ollama/run.sh", { OLLAMA_URL: model.url });
  await using _ = program;
  const { success, stdout } = await new Deno.Command(join(EXAMPLES, "ollama/ask.sh"), {
    env: { GATEWAY: ready.ingress },
  }).output();
  const out = new TextDecoder().decode(stdout);
  assert.ok(success, out);
  assert.match(out, /"model":"llama3\.2:3b"[^]*data: \[DONE\]/);
});

Deno.test("examples/vllm: the router spreads requests over both model servers", async () => {
  await using one = await startUpstream({
    pace: "none",
    models: ["meta-llama/Llama-3.1-8B-Instruct"],
  });
  await using two = await startUpstream({
    pace: "none",
    models: ["meta-llama/Llama-3.1-8B-Instruct"],
  });
  const hosts = [one, two].map(({ url }) => url.replace("http://", "")).join(",");
  // In turn, so that who gets which is no matter of load.
  const { program, ready } = await runScript("vllm/run.sh", { VLLM_HOSTS: hosts }, [
    ...["--router-port", "0", "--routing-logic", "round_robin"],
  ]);
  await using _ = program;
  for (let i = 0; i < 4; i++) {
    const answer = await chat({ url: ready.ingress });
    assert.equal(answer.status, 200, await answer.text());
  }
  const asked = (mock: typeof one) =>
    mock.journal.entries().filter(({ target }) => target === "/v1/chat/completions").length;
  assert.deepEqual([asked(one), asked(two)], [2, 2]);
});
