/** The documentation: a site with search whose links lead somewhere, and Markdown that holds together. */
import assert from "node:assert/strict";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSite, linksOf, NAVIGATION } from "../../scripts/site.ts";
import { SCHEMAS } from "../../scripts/data_file_schemas.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

const hasPython = await new Deno.Command("python3", { args: ["--version"] }).output()
  .then(({ success }) => success, () => false);

Deno.test({
  name: `the site has every page, finds words, and holds the schemas${
    hasPython ? "" : " (skipped: there is no Python here)"
  }`,
  ignore: !hasPython,
  async fn() {
    const site = await Deno.makeTempDir({ prefix: "llmgate-site-" });
    try {
      await buildSite(site);
      const read = (path: string) => Deno.readTextFile(join(site, path));
      for (const name of Object.values(NAVIGATION).flat()) {
        assert.match(await read(`${name}/index.html`), /<h1 /, name);
      }
      const { docs } = JSON.parse(await read("search/search_index.json"));
      const found = docs.filter(({ text }: { text: string }) => /scenario_not_found/.test(text));
      assert.match(found[0]?.location, /^upstream\//);
      for (const path of Object.keys(SCHEMAS)) {
        JSON.parse(await read(`schemas/${path.split("/").at(-1)}`));
      }
    } finally {
      await Deno.remove(site, { recursive: true });
    }
  },
});

Deno.test("linksOf() leads to pages beside a page, and to the repository for the rest", () => {
  const repository = "https://github.com/llmgate/llmgate/blob/main";
  const page = "[a](upstream.md#scenarios) [b](../examples/) [c](../README.md) [d](#here)";
  assert.equal(
    linksOf(page, "docs/"),
    `[a](upstream.md#scenarios) [b](${repository}/examples/) [c](index.md) [d](#here)`,
  );
  assert.equal(
    linksOf("[a](docs/lint.md) [b](https://x.test)", ""),
    "[a](lint.md) [b](https://x.test)",
  );
});

interface Page {
  readonly path: string;
  readonly text: string;
}

/** Every Markdown file of the repository. */
async function pages(folder = ""): Promise<Page[]> {
  const found: Page[] = [];
  for await (const { name, isDirectory, isFile } of Deno.readDir(join(ROOT, folder))) {
    const path = join(folder, name);
    if (isDirectory && !/^(\.|node_modules$|dist$)/.test(name)) found.push(...await pages(path));
    if (isFile && name.endsWith(".md")) {
      found.push({ path, text: await Deno.readTextFile(join(ROOT, path)) });
    }
  }
  return found;
}

const PAGES = await pages();

/** A page without its code, where brackets are no links and signs no headings. */
function prose(text: string): string {
  return text.replaceAll(/^(```+)[^]*?^\1$/gm, "").replaceAll(
    /`[^`\n]*`/g,
    (code) => code.replaceAll(/[[\]()]/g, " "),
  );
}

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(text: string): Set<string> {
  const titles = [...text.replaceAll(/^(```+)[^]*?^\1$/gm, "").matchAll(/^#+ (.*)$/gm)];
  return new Set(
    titles.map(([, title = ""]) =>
      title.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "").trim().replaceAll(" ", "-")
    ),
  );
}

for (const { path, text } of PAGES) {
  Deno.test(`links of ${path} lead somewhere`, async () => {
    for (const [, target = ""] of prose(text).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^(https?|mailto):/.test(target)) continue;
      const [file = "", anchor] = target.split("#");
      const to = file === "" ? path : normalize(join(dirname(path), file));
      assert.ok(await Deno.stat(join(ROOT, to)).then(() => true, () => false), target);
      if (anchor === undefined) continue;
      const page = PAGES.find((one) => one.path === to);
      assert.ok(page !== undefined && anchorsOf(page.text).has(anchor), target);
    }
  });
}

Deno.test("pages begin with one title, skip no level, and name the language of their code", () => {
  const findings = PAGES.flatMap(({ path, text }) => {
    if (path.includes("testdata/")) return [];
    const bare = text.replaceAll(/^(```+)[^]*?^\1$/gm, "");
    const levels = [...bare.matchAll(/^(#+) /gm)].map(([, mark = ""]) => mark.length);
    const fences = [...text.matchAll(/^```(\w*)/gm)].filter((_, index) => index % 2 === 0);
    return [
      ...levels[0] === 1 && levels.filter((level) => level === 1).length === 1
        ? []
        : [`${path}: one title, at the top`],
      ...levels.some((level, at) => at > 0 && level > (levels[at - 1] ?? 0) + 1)
        ? [`${path}: a heading skips a level`]
        : [],
      ...fences.some(([, language]) => language === "") ? [`${path}: code without a language`] : [],
    ];
  });
  assert.deepEqual(findings, []);
});
