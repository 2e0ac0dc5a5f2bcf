// deno-lint-ignore-file no-console -- a program of its own
/**
 * Proves the import rules of the rooms: one direction, one door, no cycles, and grpc-js in one home. Part of
 * `deno task ok`; prints every breach as FILE:LINE and exits 1.
 */
import { dirname, join, normalize, relative } from "node:path";

/** Which of the ground-floor rooms stand on which. */
const GROUND: Readonly<Record<string, readonly string[]>> = {
  addresses: [],
  ext_authz: ["grpc", "grpc/messages", "service"],
  ext_proc: ["grpc", "service"],
  grpc: ["grpc/messages", "http2", "service"],
  "grpc/messages": [],
  http2: ["service"],
  http1: ["service"],
  dialects: ["openai"],
  local_http: ["openai", "service"],
  openai: ["service"],
  outbound: ["addresses", "service"],
  patterns: ["service"],
  data_files: ["service"],
  options: ["service"],
  redis: ["service"],
  service: [],
};

/** Rooms that any room above may import: protocols by name, and lifecycles. */
const LEAVES = Object.keys(GROUND);

/** Room → rooms it may import beside the leaves. A room that is not named here is a breach. */
const MAY_IMPORT: Readonly<Record<string, readonly string[] | "any">> = {
  "main.ts": ["cli"],
  cli: "any",
  gateway: ["envoy", "policy", "upstream", "console"],
  console: ["policy", "upstream", "view"],
  view: [],
  "gateway/profiles": [
    ...[
      "gateway",
      "envoy",
      "policy",
      "upstream",
      "router",
      "responses",
      "limits",
      "collector",
      "certs",
      "transform",
      "call_log",
      "tap",
    ],
    ...["manifests", "targets", "mutants", "conformance", "instruments"],
  ],
  targets: ["gateway", "instruments", "envoy", "policy", "upstream", "conformance"],
  instruments: ["policy", "conformance"],
  manifests: ["envoy", "gateway"],
  mutants: ["targets", "gateway", "envoy", "policy", "upstream", "conformance"],
  router: [],
  responses: [],
  lint: ["envoy"],
  envoy: [],
  policy: [],
  adapters: [],
  call_log: [],
  certs: [],
  limits: [],
  collector: [],
  tap: [],
  transform: [],
  upstream: [],
  xds: ["envoy"],
  conformance: ["view"],
  ...GROUND,
  scripts: "any",
  tests: "any",
};

/** Every room, as docs/architecture.md must show it. */
export const ROOMS: readonly string[] = Object.keys(MAY_IMPORT);

/** Rooms inside of rooms: each has a door and a row of its own. */
const NESTED = Object.keys(MAY_IMPORT).filter((room) => room.includes("/"));

/** The suite and what it runs on. The product never imports it; of a profile only its judge does. */
const JUDGE = ["conformance", "targets", "mutants", "instruments"];
const JUDGES = /^gateway\/profiles\/([^/]+\/)?judge(\.ts|\/)/;

/** Packages with one home: the other rooms see plain functions. */
const HOMES: Readonly<Record<string, string>> = {
  "commander": "cli",
  "ioredis": "redis",
  "re2js": "patterns",
};

/** Files outside of rooms that any room may embed. */
const COMMON_FILES = ["deno.json", "README.md"];

export interface Import {
  readonly from: string;
  readonly line: number;
  /** Path within the repository, or the name of a package. */
  readonly to: string;
  /** Loaded later (`import()`): no part of a circle. Types are: who reads one file must read the other. */
  readonly deferred: boolean;
  /** An `import()` with the path itself, and not the type of one. */
  readonly literal: boolean;
}

/** Files whose literal `import()` is meant, and why. */
const LITERAL: Readonly<Record<string, string>> = {
  "cli/main.ts": "everything but --help and --version goes on there",
  "cli/commands/help.ts": "it may not read any more when it knows that it needs the manual",
};

/** The imports of a file's text; words in comments do not count. */
export function importsOf(file: string, text: string): Import[] {
  return text.split("\n").flatMap((content, index) => {
    if (/^\s*(\/\/|\*|\/\*)/.test(content)) return [];
    const found = /^\s*(?:import|export|\}).*\bfrom "([^"]+)"|^import "([^"]+)"/.exec(content);
    const dynamic = /(typeof )?\bimport\("([^"]+)"\)/.exec(content);
    const specifier = found?.[1] ?? found?.[2] ?? dynamic?.[2];
    if (specifier === undefined) return [];
    const to = specifier.startsWith(".") ? normalize(join(dirname(file), specifier)) : specifier;
    return [{
      from: file,
      line: index + 1,
      to,
      deferred: found === null,
      literal: found === null && dynamic?.[1] === undefined,
    }];
  });
}

/** Returns the rule that an import breaks, or undefined. */
export function breachOf(
  { from, to, literal }: Import,
  specifierIsPath: boolean,
): string | undefined {
  const source = roomOf(from);
  const isTest = from.endsWith("_test.ts") || from.includes("/testing/");
  if (!(source in MAY_IMPORT)) return `room "${source}" is not in the table`;
  if (!specifierIsPath) {
    if (to.startsWith("@llmgate/")) return `"${to}" is for others: import "ROOM/mod.ts"`;
    const home = HOMES[to];
    const free = MAY_IMPORT[source] === "any" || isTest;
    if (home === undefined || home === source || free) return undefined;
    return `only ${home}/ imports "${to}"`;
  }
  const target = roomOf(to);
  const mayBeLiteral = isTest || source === "tests" || source === "scripts" || from in LITERAL;
  if (literal && to.endsWith(".ts") && !mayBeLiteral) {
    return `literal import(): Deno reads "${to}" at every start; use loadModule()`;
  }
  if (target === source || COMMON_FILES.includes(to)) return undefined;
  if (isTest && target === "docs" || from === "cli/help/pages.ts" && target === "docs") {
    return undefined;
  }
  const allowed = MAY_IMPORT[source];
  if (source === "gateway/profiles" && JUDGE.includes(target) && !isTest && !JUDGES.test(from)) {
    return `only the judge of a profile imports ${target}`;
  }
  if (!(target in MAY_IMPORT) || target === "tests" || target === "scripts") {
    if (source === "tests" || source === "scripts") return undefined;
    return `${source} must not import ${target}`;
  }
  if (allowed !== "any" && !allowed?.includes(target) && !LEAVES.includes(target)) {
    return `${source} must not import ${target}`;
  }
  if (source in GROUND && !isTest && !GROUND[source]?.includes(target)) {
    return `${source} must not import ${target}`;
  }
  // What a room's own tests are made of serves other tests too, and the bench.
  const tests = isTest || source === "tests" || source === "scripts";
  if (tests && to.startsWith(`${target}/testing/`)) return undefined;
  if (to.endsWith(".ts") && to !== `${target}/mod.ts` && !to.endsWith("main.ts")) {
    return `side door: import "${target}/mod.ts"`;
  }
  return undefined;
}

/** The files of one import cycle, the first one repeated at the end; undefined when there is none. */
export function cycleOf(imports: readonly Import[]): string[] | undefined {
  const graph = Map.groupBy(imports.filter((i) => !i.deferred), (i) => i.from);
  const done = new Set<string>();
  const visit = (file: string, path: string[]): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    for (const { to } of graph.get(file) ?? []) {
      const cycle = visit(to, [...path, file]);
      if (cycle !== undefined) return cycle;
    }
    done.add(file);
    return undefined;
  };
  for (const file of graph.keys()) {
    const cycle = visit(file, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

function roomOf(path: string): string {
  const nested = NESTED.find((room) => path.startsWith(`${room}/`));
  return nested ?? path.split("/")[0] ?? path;
}

/** The TypeScript files below a folder, as paths within it. */
export async function* sourceFiles(root: string, folder = ""): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(join(root, folder))) {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory && !/^(\.|node_modules$|dist$|coverage$)/.test(entry.name)) {
      yield* sourceFiles(root, path);
    } else if (entry.isFile && path.endsWith(".ts")) yield path;
  }
}

if (import.meta.main) {
  const root = relative(Deno.cwd(), join(import.meta.dirname ?? ".", "..")) || ".";
  const imports: Import[] = [];
  let files = 0;
  for await (const file of sourceFiles(root)) {
    imports.push(...importsOf(file, await Deno.readTextFile(join(root, file))));
    files++;
  }
  const breaches = imports.flatMap((found) => {
    const isPath = /\.(ts|json|md|ya?ml|proto|html|txt)$/.test(found.to) &&
      !/^(npm|node|jsr):/.test(found.to);
    const breach = breachOf(found, isPath);
    return breach === undefined ? [] : [`${found.from}:${found.line}: ${breach}`];
  });
  const cycle = cycleOf(imports);
  if (cycle !== undefined) breaches.push(`cycle: ${cycle.join(" → ")}`);
  for (const breach of breaches) console.error(breach);
  console.log(`${files} files, ${imports.length} imports, ${breaches.length} breaches`);
  Deno.exit(breaches.length === 0 ? 0 : 1);
}
