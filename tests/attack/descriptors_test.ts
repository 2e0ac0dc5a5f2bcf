/** Peers that open connections and say nothing, at listeners that may have few files open. */
import assert from "node:assert/strict";
import { checkClient } from "../../ext_authz/mod.ts";
import { openFilesLimit } from "../../service/mod.ts";
import { FREE_PORT_FLAGS, startProgram } from "../testing/program.ts";
import { envoyPath } from "../testing/stack.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;

/** File descriptors that the system grants the program, and connections that a peer opens. */
const FILES = 256;
const SILENT = 2_000;

/** The same, as many systems grant them, and many more connections than those. */
const USUAL_FILES = 1_024;
const MANY_SILENT = 10_000;
/** Streams that are asked for beside. */
const STREAMS = 1_000;
/** Connections that are opened at a time. */
const BURST = 500;

/** `llmgate` with no more open files than `files`. */
function startShort(words: readonly string[], files = FILES) {
  const deno = [Deno.execPath(), "run", "-A", "--no-prompt", "--quiet", MAIN];
  return startProgram(["-c", `ulimit -n ${files}; exec "$@"`, "sh", ...deno, ...words], {
    command: "/bin/sh",
  });
}

/** Opens connections that never send a byte, and keeps those that are not refused. */
async function openSilent(
  port: number,
  silent = SILENT,
): Promise<AsyncDisposable & { firstClosed(): Promise<void> }> {
  const connections: Deno.TcpConn[] = [];
  for (let left = silent; left > 0; left -= BURST) {
    const opened = await Promise.allSettled(
      Array.from({ length: BURST }, () => Deno.connect({ hostname: "127.0.0.1", port })),
    );
    connections.push(...opened.flatMap((one) => one.status === "fulfilled" ? [one.value] : []));
  }
  // A listener that ran out of files refuses the others meanwhile.
  assert.ok(connections.length > FILES / 2, `${connections.length} connections`);
  return {
    async firstClosed() {
      await connections[0]?.read(new Uint8Array(1)).catch(() => {});
    },
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

/** Asks until it is answered; a deaf listener never does. */
async function assertAnswers(url: string, headers: Record<string, string> = {}): Promise<void> {
  for (let answered = false; !answered;) {
    answered = await fetch(url, { headers: { ...headers, connection: "close" } }).then(
      async (response) => {
        await response.body?.cancel();
        return response.ok;
      },
      () => false,
    );
  }
}

/** Outcome of a request for a stream: its events, or nothing. */
async function streamed(port: number): Promise<string> {
  const body = JSON.stringify({
    model: "m",
    stream: true,
    messages: [{ role: "user", content: "hello" }],
  });
  try {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port });
    const head = [
      ...["POST /v1/chat/completions HTTP/1.1", "host: localhost", "connection: close"],
      ...["x-api-key: demo-key", "content-type: application/json"],
      `content-length: ${body.length}`,
    ];
    await connection.write(new TextEncoder().encode(`${head.join("\r\n")}\r\n\r\n${body}`));
    return await new Response(connection.readable).text();
  } catch {
    return "";
  }
}

const few = openFilesLimit() < MANY_SILENT + STREAMS + 500
  ? " (skipped: this process may not have so many files open itself)"
  : skipped;

Deno.test({
  name:
    `the mock serves streams among ${MANY_SILENT} silent connections, with ${USUAL_FILES} open files${few}`,
  ignore: few !== "",
  async fn() {
    await using program = startShort(
      ["upstream", "--port", "0", "--pace", "0", "--json", "-q"],
      USUAL_FILES,
    );
    const { upstream: url } = JSON.parse(await program.line());
    const port = Number(new URL(url).port);
    await using _silent = await openSilent(port, MANY_SILENT);
    // A new connection stands behind all of them: its answer says that they were taken.
    await assertAnswers(`${url}/v1/models`);
    const answers = await Promise.all(Array.from({ length: STREAMS }, () => streamed(port)));
    // All of them at once are more than there are files for; whoever got one keeps it to the end.
    const whole = answers.filter((text) => text.includes("[DONE]")).length;
    assert.ok(whole > STREAMS / 2, `${whole} whole streams`);
    assert.deepEqual(answers.filter((text) => text !== "" && !text.includes("[DONE]")), []);
    await assertAnswers(`${url}/v1/models`);
  },
});

Deno.test({
  name:
    `every port of a gateway answers among ${MANY_SILENT} silent connections, with ${USUAL_FILES} open files${few}`,
  ignore: few !== "",
  async fn() {
    await using program = startShort(
      ["dev", ...FREE_PORT_FLAGS, "--json", "-q", "--envoy-path", await envoyPath()],
      USUAL_FILES,
    );
    const { ingress, admin, policy, control, upstream } = JSON.parse(await program.line());
    const portOf = (address: string) => Number(address.split(":").at(-1)?.replace(/\/$/, ""));
    const key = { "x-api-key": "demo-key" };
    {
      await using _policy = await openSilent(portOf(policy), MANY_SILENT);
      await assertAnswers(`${ingress}/v1/models`, key);
    }
    {
      await using _control = await openSilent(portOf(control), MANY_SILENT);
      await assertAnswers(`${control}/healthz`);
    }
    {
      await using _upstream = await openSilent(portOf(upstream), MANY_SILENT);
      await assertAnswers(`${ingress}/v1/models`, key);
    }
    {
      // Envoy closes what it has no files for at once, in place of letting everybody wait.
      await using silent = await openSilent(portOf(ingress), MANY_SILENT);
      await assertAnswers(`${admin}/ready`);
      // Those that it let in give their places back, although nobody closes them.
      await silent.firstClosed();
      await assertAnswers(`${ingress}/v1/models`, key);
    }
    await assertAnswers(`${ingress}/v1/models`, key);
  },
});

function remove(path: string): Promise<void> {
  return Deno.remove(path, { recursive: true });
}
