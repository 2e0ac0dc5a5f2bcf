import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

/** Modules that a start loads: they are its cost, and can be counted where a clock would flake. */
const ROOT = import.meta.resolve("../");

interface Graph {
  readonly modules: readonly {
    readonly specifier: string;
    readonly dependencies?: readonly {
      readonly code?: { readonly specifier?: string };
      readonly isDynamic?: boolean;
    }[];
  }[];
  readonly redirects: Readonly<Record<string, string>>;
}

/** Files that a module loads by literal imports: at once, or `later` too, as paths in the repository. */
async function loadedBy(module: string, when: "at once" | "later"): Promise<string[]> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", fileURLToPath(new URL(module, ROOT))],
    cwd: fileURLToPath(ROOT),
    env: { DENO_NO_UPDATE_CHECK: "1" },
  }).output();
  const { modules, redirects }: Graph = JSON.parse(new TextDecoder().decode(stdout));
  const known = new Map(modules.map((one) => [one.specifier, one]));
  const found = new Set<string>();
  const visit = (name: string) => {
    const specifier = redirects[name] ?? name;
    if (found.has(specifier)) return;
    found.add(specifier);
    for (const { code, isDynamic } of known.get(specifier)?.dependencies ?? []) {
      if (code?.specifier && (when === "later" || !isDynamic)) visit(code.specifier);
    }
  };
  visit(new URL(module, ROOT).href);
  return [...found].map((specifier) => specifier.replace(ROOT, ""));
}

/** The rooms of files, and packages and modules of Deno by their name. */
function roomsOf(files: readonly string[]): string[] {
  const rooms = files.map((file) => /^(npm|node):/.test(file) ? file : file.split("/")[0] ?? "");
  return [...new Set(rooms)].toSorted();
}

Deno.test("--help and --version load a few files of cli/, no other room, and none of node:", async () => {
  const files = await loadedBy("main.ts", "at once");
  assert.deepEqual(roomsOf(files), ["cli", "deno.json", "main.ts"]);
  assert.ok(files.length < 15, files.join(" "));
});

Deno.test("before its first line, Deno reads no command, and only the smallest room beside cli/", async () => {
  const files = await loadedBy("main.ts", "later");
  assert.deepEqual(files.filter((file) => file.startsWith("cli/commands/")), []);
  const rooms = roomsOf(files).filter((name) => !name.startsWith("node:"));
  assert.deepEqual(rooms.map((name) => name.replace(/@[\d.]+$/, "")), [
    "cli",
    "deno.json",
    "main.ts",
    "npm:/commander",
    "service",
  ]);
});

Deno.test("until Envoy's process runs, dev loads what finds, configures and starts it, and no other room", async () => {
  const rooms = (files: readonly string[]) =>
    roomsOf(files).filter((name) => !/^n(pm|ode):/.test(name));
  assert.deepEqual(rooms(await loadedBy("cli/commands/dev.ts", "later")), [
    "cli",
    "deno.json",
    "envoy",
    "gateway",
    "options",
    // Its engine is loaded by the first expression.
    "patterns",
    "service",
  ]);
  assert.deepEqual(rooms(await loadedBy("gateway/mod.ts", "later")), [
    "envoy",
    "gateway",
    "patterns",
    "service",
  ]);
  for (const module of ["cli/commands/dev.ts", "gateway/mod.ts"]) {
    const packages = roomsOf(await loadedBy(module, "at once")).filter((name) =>
      name.startsWith("npm:")
    );
    assert.deepEqual(packages, [], module);
  }
});

Deno.test("policy stub and mock upstream need no YAML to start, and no library for metrics", async () => {
  for (const module of ["policy/mod.ts", "upstream/mod.ts", "gateway/control_app.ts"]) {
    const rooms = roomsOf(await loadedBy(module, "at once"));
    const packages = rooms.filter((name) => /^npm:\/(yaml|prom-client)@/.test(name));
    assert.deepEqual(packages, [], module);
  }
});
