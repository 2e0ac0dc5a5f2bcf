/**
 * The packages, used as on a machine that has nothing else: made once, installed from their files, started in an empty
 * home and folder. The example projects of test runners use what was installed.
 */
import assert from "node:assert/strict";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cachedEnvoyPath, currentPlatform, DEFAULT_ENVOY_VERSION } from "../../envoy/mod.ts";
import { FREE_PORT_FLAGS, startProgram, stillAccepts } from "../testing/program.ts";
import { indexOfPip, uvProgram } from "../clients/python_venv.ts";
import { chat, envoyPath } from "../testing/stack.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const EXAMPLES = ["node-test", "vitest", "jest"];
const VERSION = JSON.parse(await Deno.readTextFile(join(ROOT, "deno.json"))).version;

const folder = await Deno.makeTempDir({ prefix: "llmgate packages " });
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string>; clearEnv?: boolean } = {},
): Promise<Ended> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    ...options,
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

/** Runs a step of an installation; its output is the reason when it fails. */
async function must(
  command: string,
  args: readonly string[],
  { cwd = folder, env = {} }: { cwd?: string; env?: Record<string, string> } = {},
): Promise<void> {
  const { code, out, err } = await run(command, args, { cwd, env: { ...env, NO_COLOR: "1" } });
  assert.equal(code, 0, `${command} ${args.join(" ")}\n${out}${err}`);
}

async function exists(command: string): Promise<boolean> {
  return await run(command, ["--version"]).then(({ code }) => code === 0, () => false);
}

const hasNpm = await exists("npm");
const hasPython = await exists("python3");

/** Why tests of npm, and of the wheel, are left out here; empty where they run. */
const NO_NPM = hasNpm ? "" : " (skipped: there is no npm here)";
const NO_WHEEL = Deno.build.os !== "linux"
  ? " (skipped: tried on Linux)"
  : hasPython
  ? ""
  : " (skipped: there is no Python here)";

const DIST = join(folder, "dist");
let built: Promise<void> | undefined;

/** Makes the packages, once. */
function build(): Promise<void> {
  return built ??= must(Deno.execPath(), [
    ...["run", "-A", "--no-prompt", join(ROOT, "scripts/packages.ts"), "--output", DIST],
    ...(hasNpm ? [] : ["--only", "wheel"]),
  ]);
}

let installed: Promise<string> | undefined;

/** Installs both npm packages and the example projects beside each other; returns their folder. */
function installNpm(): Promise<string> {
  return installed ??= (async () => {
    await build();
    const project = join(folder, "npm");
    const file = (name: string) => `file:${join(DIST, `llmgate-${name}-${VERSION}.tgz`)}`;
    await Deno.mkdir(project);
    for (const name of EXAMPLES) {
      const own = join(project, name);
      await Deno.mkdir(own);
      for await (const entry of Deno.readDir(join(ROOT, "examples", name))) {
        if (entry.isFile) {
          await Deno.copyFile(join(ROOT, "examples", name, entry.name), join(own, entry.name));
        }
      }
      const manifest = JSON.parse(await Deno.readTextFile(join(own, "package.json")));
      manifest.devDependencies["@llmgate/testing"] = file("testing");
      await Deno.writeTextFile(join(own, "package.json"), JSON.stringify(manifest));
    }
    await Deno.writeTextFile(
      join(project, "package.json"),
      JSON.stringify({
        private: true,
        workspaces: EXAMPLES,
        dependencies: { "@llmgate/llmgate": file("llmgate") },
      }),
    );
    const quiet = ["--silent", "--no-audit", "--no-fund", "--prefer-offline"];
    await must("npm", ["install", ...quiet], { cwd: project });
    return project;
  })();
}

let venv: Promise<string> | undefined;

/** Installs the wheel and what its example needs into an environment of its own; returns its programs' folder. */
function installWheel(): Promise<string> {
  return venv ??= (async () => {
    await build();
    const place = join(folder, "venv");
    const [uv, index] = await Promise.all([uvProgram(), indexOfPip()]);
    await must(uv, ["venv", "--quiet", "--no-python-downloads", place], { env: index });
    await must(uv, [
      ...["pip", "install", "--quiet", "--system-certs", "--python", join(place, "bin/python")],
      ...["--find-links", DIST, "-r", join(ROOT, "examples/pytest/requirements.txt")],
    ], { env: index });
    return join(place, "bin");
  })();
}

/** A home where Envoy has been got; and an empty folder to work in. */
async function machine(withEnvoy: boolean) {
  const root = await Deno.makeTempDir({ prefix: "llmgate machine " });
  const [work, home] = [join(root, "work"), join(root, "home")];
  for (const name of [work, home]) await Deno.mkdir(name);
  if (withEnvoy) {
    const cached = cachedEnvoyPath(
      join(home, ".local/share/llmgate"),
      DEFAULT_ENVOY_VERSION,
      currentPlatform(),
    );
    await Deno.mkdir(join(cached, ".."), { recursive: true });
    await Deno.symlink(await envoyPath(), cached);
  }
  return { work, home, [Symbol.asyncDispose]: () => Deno.remove(root, { recursive: true }) };
}

/** A package: how it is installed, and which program it brings. */
interface Kind {
  readonly name: string;
  /** Why it is left out here. */
  readonly skipped: string;
  /** Whether Envoy comes with it. */
  readonly carriesEnvoy: boolean;
  install(): Promise<string>;
}

const KINDS: readonly Kind[] = [
  {
    name: "npm package",
    skipped: NO_NPM,
    carriesEnvoy: false,
    install: async () => join(await installNpm(), "node_modules/.bin/llmgate"),
  },
  {
    name: "wheel",
    skipped: NO_WHEEL,
    carriesEnvoy: true,
    install: async () => join(await installWheel(), "llmgate"),
  },
];

for (const { name, skipped, carriesEnvoy, install } of KINDS) {
  Deno.test({
    name: `${name}: check, demo and dev run in an empty home, offline${skipped}`,
    ignore: skipped !== "",
    async fn() {
      const command = await install();
      await using own = await machine(!carriesEnvoy);
      // Node, where the launcher is its program; nothing else of ours.
      const path = ["/usr/local/bin", "/usr/bin", "/bin"].join(delimiter);
      const env = { HOME: own.home, PATH: path };
      const asked = (words: readonly string[]) =>
        run(command, words, { cwd: own.work, env, clearEnv: true });
      const facts = JSON.parse((await asked(["version", "--json"])).out);
      assert.deepEqual([facts.kind, facts.llmgate], ["package", VERSION]);
      const check = await asked(["check", "--offline", "--case", "deny.*"]);
      assert.equal(check.code, 0, check.out + check.err);
      assert.match(check.out, /\b0 failed\b/);
      const demo = await asked(["demo", "--offline"]);
      assert.equal(demo.code, 0, demo.out + demo.err);
      assert.match(demo.out, /3 of 3 demos hold/);
      await using dev = startProgram(["dev", "--offline", "--json", ...FREE_PORT_FLAGS], {
        command,
        cwd: own.work,
        env,
        clearEnv: true,
      });
      const ready = JSON.parse(await dev.line());
      const answer = await chat({ url: ready.ingress });
      assert.equal(answer.status, 200);
      await answer.body?.cancel();
      dev.kill("SIGTERM");
      assert.equal((await dev.ended).code, 143);
      assert.ok(!await stillAccepts(ready.ingress, [dev.pid, ready.envoy.pid]));
    },
  });
}

for (const name of EXAMPLES) {
  Deno.test({
    name: `examples/${name}: its tests pass with the packages as they are made${NO_NPM}`,
    ignore: NO_NPM !== "",
    async fn() {
      const project = await installNpm();
      await must("npm", ["test", "--silent"], { cwd: join(project, name) });
    },
  });
}

Deno.test({
  name: `examples/pytest: its tests pass with the wheel as it is made${NO_WHEEL}`,
  ignore: NO_WHEEL !== "",
  async fn() {
    const bin = await installWheel();
    const line = ["-q", "-p", "no:cacheprovider"];
    await must(join(bin, "pytest"), line, {
      cwd: join(ROOT, "examples/pytest"),
      env: { PYTHONDONTWRITEBYTECODE: "1" },
    });
  },
});
