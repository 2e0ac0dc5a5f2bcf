/** Nobody outside of this folder asks a profile for its name. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { PROFILES } from "./all.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const NAMES = PROFILES.map(({ name }) => name).join("|");

/** Comparisons with a name, lookups by one, and lists of them. */
const ASKS = [
  new RegExp(`\\bprofile(Name|Kind)?(\\.name)?\\s*[!=]==?\\s*"(${NAMES})"`),
  new RegExp(`"(${NAMES})"\\s*[!=]==?\\s*\\w*[pP]rofile`),
  new RegExp(`\\["(${NAMES})", "(${NAMES})"`),
  /\bhas(Router|Responses|Limits)\(/,
];

async function* sources(folder: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(`${ROOT}${folder}`)) {
    const path = `${folder}${entry.name}`;
    if (entry.isDirectory) {
      const isApart = /^(\.|node_modules$|dist$|coverage$|testing$|testdata$)/.test(entry.name);
      if (!isApart && path !== "gateway/profiles" && path !== "tests") yield* sources(`${path}/`);
    } else if (/(?<!_test)\.ts$/.test(path)) yield path;
  }
}

Deno.test("no file outside of gateway/profiles/ compares with the name of a profile, or lists them", async () => {
  const found: string[] = [];
  for await (const path of sources("")) {
    const lines = (await Deno.readTextFile(`${ROOT}${path}`)).split("\n");
    for (const [index, line] of lines.entries()) {
      if (ASKS.some((ask) => ask.test(line))) found.push(`${path}:${index + 1}: ${line.trim()}`);
    }
  }
  assert.deepEqual(found, []);
});

Deno.test("such a line would be found", () => {
  for (
    const line of [
      `if (options.profile === "router") return 1;`,
      `const NAMES = ["base", "router"];`,
      `if ("responses" === profile) {`,
      `hasRouter(options)`,
    ]
  ) assert.ok(ASKS.some((ask) => ask.test(line)), line);
});
