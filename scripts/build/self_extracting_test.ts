import assert from "node:assert/strict";
import { join } from "node:path";
import { writeExecutable } from "../../service/testing/executable.ts";
import { selfExtracting } from "./self_extracting.ts";
import { hostTarget } from "./targets.ts";

const DENO = `#!/bin/sh
echo "program=$LLMGATE_PROGRAM"
for word in "$@"; do echo "word=$word"; done
exit 7
`;
const MAIN = "console.log(1);\n";

/** Files that unpacking leaves in the runtime's folder. */
const UNPACKED = ["deno", "chunk.js", "dev.js", "main.js"];

interface Lab extends AsyncDisposable {
  readonly folder: string;
  readonly home: string;
  readonly program: string;
  start(
    words?: string[],
    env?: Record<string, string>,
  ): Promise<{ code: number; out: string; err: string }>;
}

/** A self-extracting program whose Deno is a shell script, in a folder with a space in its name. */
async function lab(main = MAIN): Promise<Lab> {
  const folder = await Deno.makeTempDir({ prefix: "llmgate lab " });
  const program = join(folder, "my llmgate");
  const target = hostTarget();
  assert.ok(target);
  const encoder = new TextEncoder();
  const bytes = await selfExtracting({
    version: "0.0.1",
    target,
    denoVersion: "2.9.6",
    deno: encoder.encode(DENO),
    program: [
      { name: "chunk.js", bytes: encoder.encode("export {};") },
      { name: "cli/commands/dev.js", bytes: encoder.encode("import '../../chunk.js';") },
      { name: "main.js", bytes: encoder.encode(main) },
    ],
  });
  await writeExecutable(program, bytes);
  const home = join(folder, "home");
  return {
    folder,
    home,
    program,
    async start(words = [], env = {}) {
      const { code, stdout, stderr } = await new Deno.Command(program, {
        args: words,
        clearEnv: true,
        env: { PATH: "/usr/bin:/bin", HOME: folder, LLMGATE_HOME: home, ...env },
      }).output();
      const decoder = new TextDecoder();
      return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
    },
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

/** Every file below, but for the marks of who runs. */
async function filesBelow(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of Deno.readDir(folder)) {
    const path = join(folder, entry.name);
    if (/^run\.\d+$/.test(entry.name)) continue;
    if (entry.isDirectory) found.push(...await filesBelow(path));
    else found.push(path);
  }
  return found.sort();
}

const names = (paths: string[]) => paths.map((path) => path.split("/").at(-1));

Deno.test("the program unpacks itself, passes words and exit code on, and says where it lies", async () => {
  await using test = await lab();
  const { code, out } = await test.start(["dev", "--rules", "a b.yaml"]);
  assert.equal(code, 7);
  const lines = out.trim().split("\n");
  assert.equal(lines[0], `program=${test.program}`);
  assert.deepEqual(lines.slice(-3), ["word=dev", "word=--rules", "word=a b.yaml"]);
  assert.deepEqual(names(await filesBelow(test.home)), UNPACKED);
});

Deno.test("each module is unpacked byte for byte", async () => {
  await using test = await lab();
  await test.start();
  const [, ...modules] = await filesBelow(test.home);
  assert.deepEqual(await Promise.all(modules.map((path) => Deno.readTextFile(path))), [
    "export {};",
    "import '../../chunk.js';",
    MAIN,
  ]);
});

Deno.test("a program of which a module was taken away is unpacked again", async () => {
  await using test = await lab();
  await test.start();
  const [, chunk = ""] = await filesBelow(test.home);
  await Deno.remove(chunk);
  assert.equal((await test.start()).code, 7);
  assert.deepEqual(names(await filesBelow(test.home)), UNPACKED);
});

Deno.test("the program never grants ffi or remote imports, nor everything", async () => {
  await using test = await lab();
  const { out } = await test.start();
  assert.match(out, /word=--allow-net\n/);
  assert.doesNotMatch(out, /--allow-(ffi|import|all)|word=-A/);
});

Deno.test("the second start unpacks nothing", async () => {
  await using test = await lab();
  await test.start();
  const [deno = ""] = await filesBelow(test.home);
  const before = await Deno.stat(deno);
  await test.start();
  assert.deepEqual((await Deno.stat(deno)).ino, before.ino);
});

Deno.test("sixteen first starts at once all work and leave no half file behind", async () => {
  await using test = await lab();
  const results = await Promise.all(Array.from({ length: 16 }, () => test.start(["x"])));
  assert.deepEqual(results.map(({ code, err }) => [code, err]), results.map(() => [7, ""]));
  assert.deepEqual(names(await filesBelow(test.home)), UNPACKED);
});

Deno.test("the same parts make the same bytes", async () => {
  await using one = await lab();
  await using two = await lab();
  assert.deepEqual(await Deno.readFile(one.program), await Deno.readFile(two.program));
});

Deno.test("a damaged program is refused with both checksums, and starts nothing", async () => {
  await using test = await lab();
  const bytes = await Deno.readFile(test.program);
  // The packed executable is the last part; its gzip trailer holds a checksum and a length.
  bytes[bytes.length - 20] = (bytes.at(-20) ?? 0) ^ 0xff;
  await Deno.writeFile(test.program, bytes);
  const { code, out, err } = await test.start();
  assert.equal(code, 3);
  assert.equal(out, "");
  assert.match(err, /Cannot unpack llmgate: the checksum of deno is \w{64}, expected \w{64}/);
  assert.deepEqual(names(await filesBelow(test.home)), UNPACKED.slice(1));
});

Deno.test("a full disk is called one", async () => {
  await using test = await lab();
  const bin = join(test.folder, "bin");
  await Deno.mkdir(bin);
  // What gzip says when it cannot write (its exit code 1).
  const gzip = "#!/bin/sh\necho 'gzip: stdout: No space left on device' >&2\nexit 1\n";
  await writeExecutable(join(bin, "gzip"), gzip);
  const { code, err } = await test.start([], { PATH: `${bin}:/usr/bin:/bin` });
  assert.equal(code, 3);
  assert.match(err, /Cannot unpack llmgate: no space left in .*: free some 250 MB/);
});

Deno.test("a cut-off program is refused", async () => {
  await using test = await lab();
  const bytes = await Deno.readFile(test.program);
  await Deno.writeFile(test.program, bytes.subarray(0, bytes.length - 30));
  const { code, err } = await test.start();
  assert.equal(code, 3);
  assert.match(err, /Cannot unpack llmgate/);
});

Deno.test("a home that cannot be written to: the program unpacks into a private folder of TMPDIR", async () => {
  await using test = await lab();
  const file = join(test.folder, "a file");
  await Deno.writeTextFile(file, "");
  const { code } = await test.start([], { LLMGATE_HOME: join(file, "home"), TMPDIR: test.folder });
  assert.equal(code, 7);
  const [own] = await Array.fromAsync(
    Deno.readDir(test.folder),
    (entry) => entry.name,
  ).then((all) => all.filter((name) => /^llmgate-\d+$/.test(name)));
  assert.ok(own);
  assert.equal(((await Deno.stat(join(test.folder, own))).mode ?? 0) & 0o777, 0o700);
});

Deno.test("a link in the place of the private folder of TMPDIR is not followed", async () => {
  await using test = await lab();
  const file = join(test.folder, "a file");
  await Deno.writeTextFile(file, "");
  await Deno.mkdir(join(test.folder, "elsewhere"));
  const shared = join(test.folder, `llmgate-${Deno.uid()}`);
  await Deno.symlink(join(test.folder, "elsewhere"), shared);
  const { code, err } = await test.start([], {
    LLMGATE_HOME: join(file, "home"),
    TMPDIR: test.folder,
  });
  assert.equal(code, 3);
  assert.match(err, /no folder to write to/);
  assert.deepEqual(await Array.fromAsync(Deno.readDir(join(test.folder, "elsewhere"))), []);
});

Deno.test("no folder to write to: the program says so, and what to set", async () => {
  await using test = await lab();
  const file = join(test.folder, "a file");
  await Deno.writeTextFile(file, "");
  const { code, err } = await test.start([], { LLMGATE_HOME: file, TMPDIR: file });
  assert.equal(code, 3);
  assert.match(err, /no folder to write to: .*set LLMGATE_HOME/);
});

Deno.test("the program is found when it is called through PATH and through a link", async () => {
  await using test = await lab();
  const link = join(test.folder, "llmgate");
  await Deno.symlink(test.program, link);
  const { code, stdout } = await new Deno.Command("sh", {
    args: ["-c", "llmgate one"],
    clearEnv: true,
    env: { PATH: `${test.folder}:/usr/bin:/bin`, LLMGATE_HOME: test.home },
  }).output();
  assert.equal(code, 7);
  assert.match(new TextDecoder().decode(stdout), /word=one\n/);
});

/** The id of a process that has ended. */
async function endedPid(): Promise<number> {
  const child = new Deno.Command("true").spawn();
  await child.status;
  return child.pid;
}

/** Names below the runtime folder, and of the marks in our own runtime. */
async function runtimes(home: string): Promise<{ folders: string[]; own: string }> {
  const folders = await Array.fromAsync(Deno.readDir(join(home, "runtime")), ({ name }) => name);
  const own = folders.find((name) => /^[0-9a-f]{32}$/.test(name));
  assert.ok(own);
  return { folders: folders.filter((name) => name !== own).sort(), own };
}

Deno.test("unpacking removes runtimes that nobody has used for a day, and leaves those that run", async () => {
  await using test = await lab();
  const place = async (name: string, days: number, mark?: number) => {
    const folder = join(test.home, "runtime", name);
    await Deno.mkdir(folder, { recursive: true });
    await Deno.writeTextFile(join(folder, "deno"), "");
    if (mark !== undefined) await Deno.writeTextFile(join(folder, `run.${mark}`), "");
    const then = new Date(Date.now() - days * 86_400_000);
    await Deno.utime(folder, then, then);
  };
  await place("recent", 0.5, await endedPid());
  await place("old", 3);
  await place("old and marked", 3, await endedPid());
  await place("old and running", 3, Deno.pid);
  await place("cut-off.gone", 3);
  assert.equal((await test.start()).code, 7);
  assert.deepEqual((await runtimes(test.home)).folders, ["old and running", "recent"]);
});

Deno.test("unpacking removes what killed unpackings left, and not what is being unpacked", async () => {
  await using test = await lab();
  await test.start();
  const { own } = await runtimes(test.home);
  const folder = join(test.home, "runtime", own);
  await Deno.remove(join(folder, "deno"));
  const dead = await endedPid();
  for (const name of [`deno.${dead}`, `program.pack.${dead}`, `deno.${Deno.pid}`]) {
    await Deno.writeTextFile(join(folder, name), "half");
  }
  assert.equal((await test.start()).code, 7);
  const [deno, ...modules] = UNPACKED;
  assert.deepEqual(names(await filesBelow(folder)), [deno, `deno.${Deno.pid}`, ...modules]);
});

Deno.test("a start leaves one mark, and takes away those of runs that have ended", async () => {
  await using test = await lab();
  for (let i = 0; i < 5; i++) await test.start();
  const { own } = await runtimes(test.home);
  const all = await Array.fromAsync(
    Deno.readDir(join(test.home, "runtime", own)),
    ({ name }) => name,
  );
  assert.equal(all.filter((name) => name.startsWith("run.")).length, 1, all.join(" "));
});

Deno.test("programs of two versions side by side both work, whoever unpacks first", async () => {
  await using one = await lab();
  await using two = await lab("console.log(2);\n");
  const starts = [one, two, one, two, two, one].map((test) =>
    test.start([], { LLMGATE_HOME: one.home })
  );
  assert.deepEqual((await Promise.all(starts)).map(({ code }) => code), starts.map(() => 7));
  const folders = await Array.fromAsync(
    Deno.readDir(join(one.home, "runtime")),
    ({ name }) => name,
  );
  assert.equal(folders.length, 2);
});
