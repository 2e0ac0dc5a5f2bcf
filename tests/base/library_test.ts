/** The rooms that others may import: without side effects, and from a project of their own. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import config from "../../deno.json" with { type: "json" };
import lock from "../../deno.lock" with { type: "text" };
import page from "../../docs/library.md" with { type: "text" };
import { envoyPath } from "../testing/stack.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const ROOMS = Object.entries(config.exports).filter(([name]) => name !== ".");

/** The blocks of the page that name a file, with their text. */
const FILES = [...page.matchAll(/^```\w+ (\S+)\n([^]*?)^```$/gm)].map((
  [, name = "", text = ""],
) => ({
  name,
  text,
}));

interface Run {
  readonly code: number;
  readonly output: string;
}

async function deno(
  args: readonly string[],
  { cwd, stdin = "", env = {} }: { cwd: string; stdin?: string; env?: Record<string, string> },
): Promise<Run> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd,
    env: { ...env, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(stdin));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  return { code, output: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

Deno.test("an import does nothing: no permission is asked for, nothing is written", async () => {
  const imports = ROOMS.map(([, path]) =>
    `import ${JSON.stringify(new URL(path, `file://${ROOT}`))};`
  );
  const { code, output } = await deno(
    [
      "run",
      "--no-prompt",
      "--quiet",
      "--no-check",
      "--frozen",
      "--config",
      join(ROOT, "deno.json"),
      "-",
    ],
    { cwd: ROOT, stdin: imports.join("\n") },
  );
  assert.deepEqual({ code, output }, { code: 0, output: "" });
});

Deno.test("docs/library.md lists the rooms that may be imported, and no other", () => {
  const listed = [...page.matchAll(/^\| `@llmgate\/llmgate(\/\w+)`/gm)].map(([, name]) =>
    `.${name}`
  );
  assert.deepEqual(listed.toSorted(), ROOMS.map(([name]) => name).toSorted());
});

Deno.test("docs/library.md: its tests pass in a project of their own", async () => {
  const project = await Deno.makeTempDir({ prefix: "llmgate-library-" });
  try {
    for (const { name, text } of FILES) {
      await Deno.writeTextFile(
        join(project, name),
        text.replace('"../llmgate"', JSON.stringify(ROOT)),
      );
    }
    // So that the same archives are used as everywhere.
    await Deno.writeTextFile(join(project, "deno.lock"), lock);
    const { code, output } = await deno(["test", "-A", "--no-prompt", "--quiet"], {
      cwd: project,
      env: { ENVOY_PATH: await envoyPath() },
    });
    assert.equal(code, 0, output);
    assert.match(output, /ok \| 3 passed \| 0 failed/);
  } finally {
    await Deno.remove(project, { recursive: true });
  }
});
