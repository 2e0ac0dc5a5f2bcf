/** The commands of docs/edge.md and docs/limits.md, run as they stand there, on free ports and in a folder of their own. */
import assert from "node:assert/strict";
import { parse } from "yaml";
import { bundledConfig } from "../../envoy/mod.ts";
import { startDev } from "../testing/program.ts";

const page = (name: string) => Deno.readTextFile(new URL(`../../docs/${name}`, import.meta.url));
const EDGE = await page("edge.md");
const LIMITS = await page("limits.md");
const MAIN = new URL("../../main.ts", import.meta.url).pathname;
const PORTS = ["--limits-port", "--tls-port", "--otlp-port", "--otlp-http-port"]
  .flatMap((flag) => [flag, "0"]);

/** The commands of every shell block of a page, continued lines joined. */
function commands(text: string): string[] {
  return [...text.matchAll(/^```sh\n([^]*?)^```$/gm)]
    .flatMap(([, block = ""]) => block.replaceAll("\\\n", " ").split("\n"))
    .map((line) => line.replace(/\s+# .*$/, "").replaceAll(/\s+/g, " ").trim())
    .filter((line) => line !== "");
}

/** Runs a command of a page in a folder whose `llmgate` is this checkout; returns its output. */
async function shell(command: string, folder: string): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command("/bin/sh", {
    args: ["-c", command],
    cwd: folder,
    env: {
      HOME: folder,
      LLMGATE_HOME: `${folder}/home`,
      PATH: `${folder}:${Deno.env.get("PATH")}`,
    },
    stdout: "piped",
    stderr: "piped",
  }).output();
  assert.equal(code, 0, `${command}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "llmgate-docs-" });
  try {
    const script =
      `#!/bin/sh\nexec '${Deno.execPath()}' run -A --no-prompt --quiet '${MAIN}' "$@"\n`;
    await Deno.writeTextFile(`${folder}/llmgate`, script, { mode: 0o755 });
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const hasCurl = await new Deno.Command("curl", { args: ["--version"], stdout: "null" }).output()
  .then(({ success }) => success, () => false);

Deno.test({
  name: `docs/edge.md: the first requests, by token and by certificate${
    hasCurl ? "" : " (skipped: there is no curl)"
  }`,
  ignore: !hasCurl,
  fn: () =>
    inFolder(async (folder) => {
      const curls = commands(EDGE).filter((line) => line.startsWith("curl -i "));
      assert.equal(curls.length, 2);
      const env = { LLMGATE_HOME: `${folder}/home` };
      await using dev = await startDev(["--profile", "edge", ...PORTS], { env });
      const { ingress, ingress_tls } = dev.ready;
      for (const curl of curls) {
        const here = curl.replace("http://localhost:8080", ingress)
          .replace("https://localhost:8443", ingress_tls)
          .replaceAll("~/.local/share/llmgate", `${folder}/home`)
          .replace("curl -i ", "curl -si ");
        assert.notEqual(here, curl);
        assert.match(await shell(here, folder), /^HTTP\/(1\.1|2) 200/, curl);
      }
    }),
});

Deno.test("docs/edge.md: tokens and certificates", () =>
  inFolder(async (folder) => {
    const own = commands(EDGE).filter((line) => /^llmgate (token|certs) /.test(line));
    assert.ok(own.length >= 6);
    for (const line of own) {
      const said = await shell(line, folder);
      if (line.startsWith("llmgate token")) {
        assert.match(said, /^eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+\n$/, line);
      } else {assert.match(
          said,
          /wrote .*server\.pem|has all certificates|clients must show/,
          line,
        );}
    }
    const start = commands(EDGE).find((line) => line.includes("--tls-dir tls"));
    const words = (start ?? "").split(" ").slice(2);
    await using dev = await startDev([...words, ...PORTS], {
      cwd: folder,
      env: { LLMGATE_HOME: `${folder}/home` },
    });
    assert.equal(dev.ready.profile, "edge");
  }));

Deno.test("docs/edge.md and docs/limits.md: what is judged, by flags that there are", () =>
  inFolder(async (folder) => {
    const checks = [...commands(EDGE), ...commands(LIMITS)]
      .filter((line) => line.startsWith("llmgate check "));
    assert.ok(checks.length >= 2);
    const lists = await Promise.all(checks.map((line) => shell(`${line} --list`, folder)));
    lists.forEach((said, index) => assert.match(said, /limit\.tokens-json/, checks[index]));
  }));

Deno.test("docs/limits.md: the gateway starts with the limits of the page, and so does the service", () =>
  inFolder(async (folder) => {
    const [, first = ""] = /^```yaml\n(version: 1[^]*?)^```$/m.exec(LIMITS) ?? [];
    await Deno.writeTextFile(`${folder}/limits.yaml`, first);
    const [whole = "", alone = ""] = commands(LIMITS);
    await using dev = await startDev([...whole.split(" ").slice(2), ...PORTS], {
      cwd: folder,
      env: { LLMGATE_HOME: `${folder}/home` },
    });
    const answer = await fetch(`${dev.ready.ingress}/v1/models`, {
      headers: { "x-api-key": "demo-key" },
    });
    assert.equal(answer.headers.get("x-ratelimit-limit-requests"), "600");
    assert.equal(answer.headers.get("x-ratelimit-limit-tokens"), "1000000");
    await answer.body?.cancel();
    // One process has the counters' file, and says so.
    await assert.rejects(shell(`${alone} --port 0`, folder), /limits\.sqlite.*no other process/);
  }));

Deno.test("docs/limits.md: another service is asked by the names that Envoy's file sends", () => {
  const [, example = ""] = /^```yaml\n(domain: [^]*?)^```$/m.exec(LIMITS) ?? [];
  const { domain, descriptors } = parse(example);
  const { text } = bundledConfig("edge");
  assert.ok(text.includes(`domain: ${domain}\n`));
  for (const { key } of descriptors) assert.ok(text.includes(`descriptor_key: ${key}\n`), key);
});
