/** The action of GitHub, step by step as its runner takes them, in a stranger's repository. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { envoyPath } from "../testing/stack.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

interface Action {
  readonly inputs: Readonly<Record<string, { readonly default?: string }>>;
  readonly outputs: Readonly<Record<string, { readonly value: string }>>;
  readonly runs: { readonly steps: readonly Step[] };
}

interface Step {
  readonly id?: string;
  readonly run?: string;
  readonly shell?: string;
  readonly uses?: string;
  readonly env?: Readonly<Record<string, string>>;
}

const action: Action = parse(await Deno.readTextFile(join(ROOT, "action.yml")));

/** Puts values in place of `${{ … }}`; what no test knows is a mistake. */
function filled(text: string, values: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\{\{ ([\w.-]+) \}\}/g, (_, name) => {
    const value = values[name];
    assert.ok(value !== undefined, `the action reads "${name}"`);
    return value;
  });
}

/** Runs the action's own step with these inputs, and returns what it left. */
async function use(inputs: Readonly<Record<string, string>>, files: Record<string, string>) {
  for (const name of Object.keys(inputs)) assert.ok(name in action.inputs, `no input "${name}"`);
  const folder = await Deno.makeTempDir({ prefix: "llmgate stranger " });
  try {
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(join(folder, name), text);
    }
    const values = {
      "github.action_path": ROOT.replace(/\/$/, ""),
      ...Object.fromEntries(
        Object.entries(action.inputs).map((
          [name, input],
        ) => [`inputs.${name}`, inputs[name] ?? input.default ?? ""]),
      ),
    };
    const [step] = action.runs.steps;
    assert.ok(step?.run !== undefined && step.shell === "bash");
    const env = Object.entries(step.env ?? {}).map(([name, text]) => [name, filled(text, values)]);
    const { code, stdout } = await new Deno.Command("bash", {
      args: ["-c", `'${filled(step.run, values)}'`],
      cwd: folder,
      env: {
        ...Object.fromEntries(env),
        ENVOY_PATH: await envoyPath(),
        LLMGATE_DENO: Deno.execPath(),
        GITHUB_ACTIONS: "true",
        GITHUB_OUTPUT: join(folder, "output"),
        GITHUB_STEP_SUMMARY: join(folder, "summary"),
      },
      stdin: "null",
    }).output();
    const read = (name: string) => Deno.readTextFile(join(folder, name)).catch(() => "");
    const report = (await read("output")).replace(/^report=/, "").trim();
    return {
      code,
      out: new TextDecoder().decode(stdout),
      summary: await read("summary"),
      report,
      reports: (await Array.fromAsync(Deno.readDir(join(folder, report)))).map(({ name }) => name)
        .toSorted(),
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const SOUND = await Deno.readTextFile(join(ROOT, "envoy/configs/base.yaml"));

Deno.test("the action judges a stranger's Envoy configuration, with reports and a summary", async () => {
  const { code, out, summary, report, reports } = await use(
    {
      "envoy-config": "envoy.yaml",
      case: "deny.no-credential deny.wrong-*",
      args: "--seed 7 --allow-header 'x-api-key: demo-key'",
    },
    // A file that one of the globs would fit, for a shell that expands them.
    { "envoy.yaml": SOUND, "deny.wrong-file": "" },
  );
  assert.equal(code, 0, out);
  assert.match(out, /envoy\.yaml: 0 errors/);
  assert.match(summary, /# Conformance report/);
  assert.equal(report, "llmgate-report");
  assert.deepEqual(reports, [
    "lint.txt",
    ...["html", "json", "md", "xml"].map((ending) => `report.${ending}`),
  ]);
});

Deno.test("the action fails with an error beside the change where a MUST does", async () => {
  const open = SOUND.replaceAll("failure_mode_allow: false", "failure_mode_allow: true");
  assert.notEqual(open, SOUND);
  const { code, out } = await use(
    { "envoy-config": "envoy.yaml", case: "fc.policy-down", report: "there" },
    { "envoy.yaml": open },
  );
  assert.equal(code, 1, out);
  assert.match(out, /^::warning file=envoy\.yaml::llmgate lint: /m);
  assert.match(out, /^::error.*fc\.policy-down/m);
});

Deno.test("the action keeps its reports under the name that is asked for", () => {
  const [, upload] = action.runs.steps;
  assert.match(upload?.uses ?? "", /^actions\/upload-artifact@v\d+$/);
  assert.equal(action.outputs.report?.value, "${{ steps.check.outputs.report }}");
  assert.equal(action.runs.steps[0]?.id, "check");
});
