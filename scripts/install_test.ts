import assert from "node:assert/strict";
import { join } from "node:path";
import { sha256 } from "./build/self_extracting.ts";
import { hostTarget } from "./build/targets.ts";

const INSTALLER = join(import.meta.dirname ?? ".", "../packaging/install.sh");
const PROGRAM = "#!/bin/sh\necho llmgate 9.9.9\n";

interface Run {
  readonly code: number;
  readonly err: string;
  readonly out: string;
  /** Names in the folder that was installed to. */
  readonly files: string[];
}

/** Runs the installer against a server that offers a program under this list of checksums. */
async function install(options: { sums?: string; words?: string[] } = {}): Promise<Run> {
  const name = `llmgate-${hostTarget()?.triple}`;
  const bytes = new TextEncoder().encode(PROGRAM);
  const sums = options.sums ?? `${sha256(bytes)}  ${name}\n`;
  const files: Record<string, string> = { [`/latest/download/SHA256SUMS`]: sums };
  files[`/latest/download/${name}`] = PROGRAM;
  files[`/download/v9.9.9/SHA256SUMS`] = sums;
  files[`/download/v9.9.9/${name}`] = PROGRAM;
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    (request) => {
      const text = files[new URL(request.url).pathname];
      return text === undefined ? new Response("", { status: 404 }) : new Response(text);
    },
  );
  const folder = await Deno.makeTempDir({ prefix: "llmgate install " });
  try {
    const { code, stdout, stderr } = await new Deno.Command("sh", {
      args: [INSTALLER, "--to", folder, ...options.words ?? []],
      clearEnv: true,
      env: {
        PATH: "/usr/bin:/bin",
        HOME: folder,
        LLMGATE_RELEASES: `http://127.0.0.1:${server.addr.port}`,
      },
    }).output();
    const names = (await Array.fromAsync(Deno.readDir(folder))).map((entry) => entry.name);
    const decoder = new TextDecoder();
    return { code, out: decoder.decode(stdout), err: decoder.decode(stderr), files: names };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("install.sh puts a verified program into place and says its version", async () => {
  const { code, out, files } = await install();
  assert.equal(code, 0);
  assert.match(out, /installed .*llmgate \(llmgate 9\.9\.9\)/);
  assert.deepEqual(files, ["llmgate"]);
});

Deno.test("install.sh gets a named version", async () => {
  assert.equal((await install({ words: ["--version", "v9.9.9"] })).code, 0);
  const missing = await install({ words: ["--version", "v1.0.0"] });
  assert.equal(missing.code, 1);
  assert.match(missing.err, /v1\.0\.0\/SHA256SUMS cannot be downloaded/);
});

Deno.test("install.sh refuses a program whose checksum differs, and leaves nothing behind", async () => {
  const sums = `${"0".repeat(64)}  llmgate-${hostTarget()?.triple}\n`;
  const { code, err, files } = await install({ sums });
  assert.equal(code, 1);
  assert.match(err, /the checksum of llmgate-\S+ is \w{64}, expected 0{64}/);
  assert.deepEqual(files, []);
});

Deno.test("install.sh refuses a release that does not list this machine's program", async () => {
  const { code, err, files } = await install({ sums: `${"0".repeat(64)}  llmgate-other\n` });
  assert.equal(code, 1);
  assert.match(err, /does not list llmgate-/);
  assert.deepEqual(files, []);
});
