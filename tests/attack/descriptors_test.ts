/** Peers that open connections and say nothing, at listeners that may have few files open. */
import assert from "node:assert/strict";
import { checkClient } from "../../ext_authz/mod.ts";
import { startProgram } from "../testing/program.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;

/** File descriptors that the system grants the program, and connections that a peer opens. */
const FILES = 256;
const SILENT = 2_000;

/** `llmgate` with no more open files than `FILES`. */
function startShort(words: readonly string[]) {
  const deno = [Deno.execPath(), "run", "-A", "--no-prompt", "--quiet", MAIN];
  return startProgram(["-c", `ulimit -n ${FILES}; exec "$@"`, "sh", ...deno, ...words], {
    command: "/bin/sh",
  });
}

/** Opens connections that never send a byte, and keeps those that are not refused. */
async function openSilent(port: number): Promise<AsyncDisposable> {
  const opened = await Promise.allSettled(
    Array.from({ length: SILENT }, () => Deno.connect({ hostname: "127.0.0.1", port })),
  );
  const connections = opened.flatMap((one) => one.status === "fulfilled" ? [one.value] : []);
  // A listener that ran out of files refuses the others meanwhile.
  assert.ok(connections.length > FILES / 2, `${connections.length} connections`);
  return {
    [Symbol.asyncDispose]() {
      for (const connection of connections) connection.close();
      return Promise.resolve();
    },
  };
}

const skipped = Deno.build.os === "linux" ? "" : " (skipped: /proc says what may be open)";

Deno.test({
  name: `policy answers among ${SILENT} silent connections, with ${FILES} open files${skipped}`,
  ignore: skipped !== "",
  async fn() {
    await using program = startShort(["policy", "--port", "0", "--json", "-q"]);
    const { policy: address } = JSON.parse(await program.line());
    const port = Number(address.split(":").at(-1));
    await using _silent = await openSilent(port);
    // A connection may be closed to make room while the flood still comes in; a deaf listener never answers.
    for (let answered = false; !answered;) {
      using client = checkClient({ address });
      const http = { method: "GET", path: "/v1/models", headers: { "x-api-key": "demo-key" } };
      answered = await client.verdict({ attributes: { request: { http } } }).then(
        ({ decision }) => decision === "allow",
        () => false,
      );
    }
  },
});

Deno.test({
  name: `the mock answers among ${SILENT} silent connections, with ${FILES} open files${skipped}`,
  ignore: skipped !== "",
  async fn() {
    await using program = startShort(["upstream", "--port", "0", "--json", "-q"]);
    const { upstream: url } = JSON.parse(await program.line());
    await using _silent = await openSilent(Number(new URL(url).port));
    for (let answered = false; !answered;) {
      answered = await fetch(`${url}/v1/models`, { headers: { connection: "close" } }).then(
        async (response) => {
          await response.body?.cancel();
          return response.ok;
        },
        () => false,
      );
    }
  },
});

Deno.test({
  name:
    `the control listener and the Responses port answer after ${SILENT} silent connections${skipped}`,
  ignore: skipped !== "",
  async fn() {
    await using data = {
      path: await Deno.makeTempDir(),
      [Symbol.asyncDispose]: () => remove(data.path),
    };
    await Deno.writeTextFile(`${data.path}/c.yaml`, "http: { port: 0 }\nextproc: { port: 0 }\n");
    const programs: readonly (readonly [key: string, path: string, words: readonly string[]])[] = [
      ["control", "/healthz", ["policy", "--port", "0", "--control-port", "0", "--json", "-q"]],
      ["http", "/openapi.json", [
        ...["responses", "--config", `${data.path}/c.yaml`, "--data-dir", data.path, "--json"],
      ]],
    ];
    for (const [key, path, words] of programs) {
      await using program = startShort(words);
      const url = JSON.parse(await program.line())[key];
      await using _silent = await openSilent(Number(new URL(url).port));
      for (let answered = false; !answered;) {
        answered = await fetch(`${url}${path}`, { headers: { connection: "close" } }).then(
          async (response) => {
            await response.body?.cancel();
            return response.ok;
          },
          () => false,
        );
      }
    }
  },
});

function remove(path: string): Promise<void> {
  return Deno.remove(path, { recursive: true });
}
