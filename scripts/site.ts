// deno-lint-ignore-file no-console -- a program of its own
/**
 * Makes the documentation's site into `dist/site/`: README.md and docs/ by MkDocs, with its search, and the JSON Schemas of
 * the files that people write. A link that leads nowhere fails it.
 *
 *   deno task site [--output FOLDER]
 */
import { basename, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { pythonOf } from "../tests/clients/python_venv.ts";
import { run } from "./build/run.ts";
import { SCHEMAS, schemaText } from "./data_file_schemas.ts";

const root = resolve(import.meta.dirname ?? ".", "..");
const REPOSITORY = "https://github.com/llmgate/llmgate/blob/main";

/** Purpose of each page; a page that is named nowhere fails the build. */
export const NAVIGATION: Readonly<Record<string, readonly string[]>> = {
  "Test an application": ["testing", "upstream", "agents", "dialects"],
  "Run a gateway": ["conformance", "lint", "envoy", "edge", "limits", "kubernetes", "console"],
  "Review it": ["policy", "mcp", "envoy-findings", "transform"],
  "Serve models": ["router", "performance", "responses"],
  "Build on it": ["library", "architecture"],
};

/** Links of a page as the site has them: pages beside each other, everything else in the repository. */
export function linksOf(text: string, folder: "" | "docs/"): string {
  return text.replaceAll(/\]\((?!https?:|#)([^)#\s]+)(#[^)\s]+)?\)/g, (_, path, anchor = "") => {
    const target = join(folder, path);
    const page = /^docs\/([^/]+\.(md|svg))$/.exec(target)?.[1];
    if (page !== undefined) return `](${page}${anchor})`;
    if (target === "README.md") return `](index.md${anchor})`;
    return `](${REPOSITORY}/${target}${anchor})`;
  });
}

/** Writes the pages, the schemas and MkDocs' configuration into a folder. */
async function stage(folder: string): Promise<void> {
  const pages = join(folder, "pages");
  await Deno.mkdir(join(pages, "schemas"), { recursive: true });
  const write = (name: string, text: string) => Deno.writeTextFile(join(pages, name), text);
  await write("index.md", linksOf(await Deno.readTextFile(join(root, "README.md")), ""));
  for await (const { name } of Deno.readDir(join(root, "docs"))) {
    const source = join(root, "docs", name);
    if (name.endsWith(".md")) await write(name, linksOf(await Deno.readTextFile(source), "docs/"));
    else await Deno.copyFile(source, join(pages, name));
  }
  for (const [path, kind] of Object.entries(SCHEMAS)) {
    await write(`schemas/${basename(path)}`, schemaText(kind));
  }
  const navigation = Object.entries(NAVIGATION).map(([title, names]) => ({
    [title]: names.map((name) => `${name}.md`),
  }));
  // JSON is YAML.
  await Deno.writeTextFile(
    join(folder, "mkdocs.yml"),
    JSON.stringify({
      site_name: "llmgate",
      site_url: "https://llmgate.github.io/llmgate/",
      repo_url: "https://github.com/llmgate/llmgate",
      edit_uri: "",
      docs_dir: "pages",
      theme: { name: "mkdocs", color_mode: "auto", highlightjs: false },
      plugins: ["search"],
      nav: [{ "Start": "index.md" }, ...navigation],
      validation: {
        nav: { omitted_files: "warn", not_found: "warn" },
        links: { not_found: "warn", anchors: "warn", unrecognized_links: "warn" },
      },
      markdown_extensions: ["tables", "fenced_code", { toc: { permalink: true } }],
    }),
  );
}

/**
 * Builds the site into `output`.
 *
 * @throws {Error} with MkDocs' own words for a link or a page that leads nowhere
 */
export async function buildSite(output: string): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "llmgate-site-" });
  try {
    await stage(folder);
    const words = ["-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", resolve(output)];
    const { code, output: said } = await run(await pythonOf("site"), words, folder);
    if (code !== 0) throw new Error(`Cannot build the site: ${said.trim()}`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { output: { type: "string", default: join(root, "dist/site") } },
  });
  try {
    await buildSite(values.output);
    console.log(`wrote ${values.output}/index.html`);
  } catch (error) {
    console.error(`error: ${error instanceof Error ? error.message : error}`);
    Deno.exit(1);
  }
}
