/** Files that stop a careless reader: each ends with what is wrong and exit code 2, or is read as any other. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { startProgram } from "../testing/program.ts";

const MIB = 2 ** 20;

/** Each list holds the one before nine times. */
const BOMB = Array.from(
  { length: 12 },
  (_, level) =>
    `a${level}: &a${level} [${
      Array.from({ length: 9 }, () => level === 0 ? "x" : `*a${level - 1}`).join(", ")
    }]\n`,
).join("");

const FILES: Readonly<Record<string, string | Uint8Array>> = {
  "bomb.yaml": BOMB,
  "circle.yaml": "a: &a\n  b: *a\n",
  "aliases.yaml": `x: &x {a: 1}\nlist: [${"*x, ".repeat(200_000)}]\n`,
  "deep.yaml": `a: ${"[".repeat(20_000)}${"]".repeat(20_000)}`,
  "deep.json": `${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`,
  "keys.yaml": Array.from({ length: 50_000 }, (_, at) => `k${at}: 1\n`).join(""),
  "long.yaml": `a: "${"x".repeat(17 * MIB)}"`,
  "zeros.yaml": new Uint8Array(64),
  "latin1.yaml": Uint8Array.from([0x61, 0x3a, 0x20, 0xe9, 0xff, 0x0a]),
  "utf16.yaml": Uint8Array.from([0xff, 0xfe, 0x61, 0, 0x3a, 0, 0x20, 0, 0x62, 0]),
  "text.yaml": "a text\n",
};

/** Readers of files, with `@` for the file. */
const READERS: readonly string[] = [
  "policy --port 0 --rules @",
  "policy --replay @",
  "router --port 0 --static-hosts 127.0.0.1:9 --route-config @",
  "router explain --request body.json --route-config @",
  "responses --data-dir data --config @",
  "limits --port 0 --config @",
  "transform --port 0 --config @",
  "adapter --port 0 --config @",
  "lint @",
  "envoy config --config @",
  "report @",
  "token --keys @",
  "policy --port 0 --tls-cert @ --tls-key @",
];

/** Programs that run side by side. */
const AT_ONCE = 4;

Deno.test("no file that a person names keeps a reader busy, or is called a fault of the harness", async () => {
  const cwd = await Deno.makeTempDir();
  try {
    for (const [name, content] of Object.entries(FILES)) {
      await Deno.writeFile(
        join(cwd, name),
        typeof content === "string" ? new TextEncoder().encode(content) : content,
      );
    }
    await Deno.writeTextFile(join(cwd, "body.json"), "{}");
    const files = [...Object.keys(FILES), ".", "/dev/zero"];
    // Each reader meets each kind of file in some run; all of them in each would take minutes.
    const runs = READERS.flatMap((reader, at) =>
      files.filter((_, index) => (index + at) % 5 === 0)
        .map((file) => ({ reader, words: reader.split(" ").map((w) => w === "@" ? file : w) }))
    );
    const next = async (): Promise<void> => {
      for (let run = runs.shift(); run !== undefined; run = runs.shift()) {
        await using program = startProgram(run.words, { cwd, env: { LLMGATE_HOME: cwd } });
        const { code, stderr } = await program.ended;
        assert.equal(code, 2, `${run.words.join(" ")}: ${stderr.slice(0, 500)}`);
        assert.match(stderr, /^error: Cannot /m, run.words.join(" "));
        assert.doesNotMatch(stderr, /\n {4}at |call stack/, run.words.join(" "));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, next));
  } finally {
    await Deno.remove(cwd, { recursive: true });
  }
});

Deno.test({
  name: "rules from a pipe are read, and nothing waits for the pipe afterwards",
  ignore: Deno.build.os === "windows",
  async fn() {
    const cwd = await Deno.makeTempDir();
    try {
      const made = await new Deno.Command("mkfifo", { args: [join(cwd, "rules")] }).output();
      assert.equal(made.code, 0);
      const words = "policy --port 0 --control-port 0 --json -q --rules rules".split(" ");
      await using program = startProgram(words, { cwd });
      await Deno.writeTextFile(join(cwd, "rules"), "version: piped\nrules: []\n");
      const { control } = JSON.parse(await program.line());
      const response = await fetch(`${control}/healthz`);
      await response.body?.cancel();
      assert.equal(response.status, 200);
    } finally {
      await Deno.remove(cwd, { recursive: true });
    }
  },
});
