/** A promise that nobody waits for ends the program when it fails: there is none of them. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { runNpmProgram } from "./npm_program.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

/** In a test an uncaught rejection is a failure by itself; the others have a project, or an author, of their own. */
const LEFT_OUT =
  /_test\.ts$|\/testdata\/|^tests\/(foreign|agents)\/npm\/|^console\/page\/|\/vendor\//;

interface Floating {
  readonly place: string;
  readonly text: string;
}

/** The types of Deno's own names, which the checker must know to tell a promise. */
async function withDenoTypes<T>(run: (types: string) => Promise<T>): Promise<T> {
  const folder = await Deno.makeTempDir({ prefix: "llmgate-promises-" });
  try {
    const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["types"] }).output();
    const types = join(folder, "deno.d.ts");
    await Deno.writeFile(types, stdout);
    return await run(types);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function floatingIn(root: string, files: readonly string[]): Promise<readonly Floating[]> {
  return withDenoTypes((types) => runNpmProgram("floating_promises.ts", root, types, ...files));
}

async function sources(): Promise<string[]> {
  const { stdout } = await new Deno.Command("git", {
    args: ["ls-files", "--cached", "--others", "--exclude-standard", "*.ts"],
    cwd: ROOT,
  }).output();
  return new TextDecoder().decode(stdout).split("\n")
    .filter((path) => path !== "" && !LEFT_OUT.test(path))
    .map((path) => join(ROOT, path));
}

Deno.test("nobody leaves a promise alone whose failure would end the program", async () => {
  const files = await sources();
  assert.ok(files.length > 500, `${files.length} files`);
  assert.deepEqual(await floatingIn(ROOT, files), []);
});

/** Lines that the check must find, marked, among lines that are right. */
const FIXTURE = `
async function fails(): Promise<void> { throw new Error("it does"); }
/** Catches everything, and never rejects. */
async function quiet(): Promise<void> {}
declare function each(run: () => void): void;
declare const maybe: (() => Promise<void>) | undefined;
export async function main(flag: boolean) {
  fails(); // found
  void fails(); // found
  flag && fails(); // found
  flag ? fails() : quiet(); // found
  fails().then(() => {}); // found
  fails().finally(() => {}); // found
  maybe?.(); // found
  each(async () => await fails()); // found
  each(() => fails()); // found
  each(() => void fails()); // found
  Deno.writeTextFile("a", "b"); // found
  await fails();
  quiet();
  void quiet();
  fails().catch(() => {});
  fails().then(() => {}, () => {});
  fails().catch(() => {}).finally(() => {});
  each(() => void fails().catch(() => {}));
  const kept = fails();
  await kept;
}
`;

Deno.test("the check finds each way to leave a promise alone, and nothing else", async () => {
  const folder = await Deno.makeTempDir({ prefix: "llmgate-promises-" });
  try {
    await Deno.writeTextFile(join(folder, "fixture.ts"), FIXTURE);
    const found = await floatingIn(`${folder}/`, [join(folder, "fixture.ts")]);
    const wanted = FIXTURE.split("\n").flatMap((line, index) =>
      line.endsWith("// found") ? [`fixture.ts:${index + 1}`] : []
    );
    assert.deepEqual(found.map(({ place }) => place), wanted);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
