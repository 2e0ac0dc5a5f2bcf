/** A folder of resources that Envoy watches: one file for each, moved into place by a rename. */
import { join } from "node:path";
import { PRIVATE } from "../../service/mod.ts";
import type { Json } from "../tree.ts";
import { type Resource, type ResourceKind, type SourceOf } from "./split.ts";

const KINDS: readonly ResourceKind[] = ["cds", "eds", "rds", "ecds"];

/** Clusters come in one file: Envoy must learn of all at once. Every other resource is asked for by its name. */
function fileOf({ kind, name }: Pick<Resource, "kind" | "name">): string {
  const file = kind === "cds"
    ? "clusters"
    : name.replace(/[^A-Za-z0-9_.-]/g, (char) => `%${char.charCodeAt(0).toString(16)}`);
  return join(kind, `${file}.json`);
}

/** The folder. Each kind has one of its own below it, so that a change wakes only who reads that kind. */
export class DiscoveryFolder {
  readonly #root: string;
  /** Content of each file, as text without its version. */
  readonly #written = new Map<string, string>();
  #version = 0;

  constructor(root: string) {
    this.#root = root;
    for (const kind of KINDS) Deno.mkdirSync(join(root, kind), { recursive: true, mode: 0o700 });
  }

  /** Where Envoy finds a resource: its file, and the folder in which renames are noticed. */
  readonly sourceOf: SourceOf = (kind, name) => ({
    resource_api_version: "V3",
    path_config_source: {
      path: join(this.#root, fileOf({ kind, name })),
      watched_directory: { path: join(this.#root, kind) },
    },
  });

  /**
   * Makes the files of these resources say what they say now, and leaves every other file alone. Blocks for
   * milliseconds, and not longer.
   *
   * @returns the resources whose file has changed
   */
  write(resources: readonly Resource[]): Resource[] {
    const files = Map.groupBy(resources, fileOf);
    const version = String(this.#version + 1);
    const changed: Resource[] = [];
    for (const [file, held] of files) {
      const values: Json[] = held.map(({ value }) => value);
      const text = JSON.stringify(values);
      if (this.#written.get(file) === text) continue;
      const path = join(this.#root, file);
      const body = JSON.stringify({ version_info: version, resources: values }, null, 1);
      Deno.writeTextFileSync(`${path}.new`, `${body}\n`, PRIVATE);
      Deno.renameSync(`${path}.new`, path);
      this.#written.set(file, text);
      changed.push(...held);
    }
    if (changed.length > 0) this.#version++;
    return changed;
  }
}
