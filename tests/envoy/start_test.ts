import assert from "node:assert/strict";
import { join } from "node:path";
import { bundledConfig, parseEnvoyConfig, startEnvoy } from "../../envoy/mod.ts";
import { UnavailableError } from "../../service/mod.ts";
import { writeExecutable } from "../../service/testing/executable.ts";
import { envoyPath, startEnvoyStack } from "./stack.ts";

const FREE = {
  adminPort: 0,
  listeners: { ingress: { host: "127.0.0.1", port: 0 } },
};

Deno.test("startEnvoy() resolves when Envoy is live, and says what it runs", async () => {
  await using stack = await startEnvoyStack();
  const { envoy } = stack;
  assert.deepEqual(await envoy.admin.ready(), { live: true, state: "LIVE" });
  assert.match(envoy.version, /^1\.\d+\.\d+$/);
  assert.ok(envoy.pid > 1);
  assert.equal(envoy.configSha256, bundledConfig("base").sha256);
  assert.deepEqual(
    JSON.parse(await Deno.readTextFile(envoy.launchedPath)),
    envoy.launched.bootstrap,
  );
  const response = await fetch(`${stack.url}/v1/models`);
  assert.deepEqual([response.status, await response.json()], [200, { ok: true }]);
  const entry = await stack.log.waitFor(({ path }) => path === "/v1/models");
  assert.equal(entry.decision, "allow");
  assert.equal(entry.requestId, response.headers.get("x-request-id"));
});

Deno.test("two Envoys run side by side", async () => {
  await using first = await startEnvoyStack();
  await using second = await startEnvoyStack();
  assert.notEqual(first.port, second.port);
  for (const { url } of [first, second]) {
    const response = await fetch(`${url}/healthz`);
    assert.deepEqual(await response.json(), { status: "ok" });
  }
});

Deno.test("a second Envoy on the same port fails to start, and says so", async () => {
  await using stack = await startEnvoyStack();
  await assert.rejects(
    startEnvoyStack({
      overlay: { listeners: { ingress: { host: "127.0.0.1", port: stack.port } } },
    }),
    (error: Error) =>
      error instanceof UnavailableError && /Address already in use/.test(error.message),
  );
});

Deno.test("startEnvoy() shows Envoy's own words for a configuration that it refuses", async () => {
  const runDir = await Deno.makeTempDir();
  const file = await parseEnvoyConfig("static_resources: { listenerz: [] }", "own.yaml");
  await assert.rejects(
    startEnvoy({ path: await envoyPath(), config: file, overlay: {}, runDir }),
    (error: Error) =>
      error instanceof UnavailableError &&
      /it ended with exit code 1\n.*listenerz/s.test(error.message) &&
      error.message.includes(runDir),
  );
  await Deno.remove(runDir, { recursive: true });
});

Deno.test("startEnvoy() says when the executable cannot be run", async () => {
  const runDir = await Deno.makeTempDir();
  const config = bundledConfig("base");
  await assert.rejects(
    startEnvoy({ path: "/nowhere/envoy", config, overlay: FREE, runDir }),
    /Cannot start Envoy "\/nowhere\/envoy": it ended with exit code 127/,
  );
  await Deno.remove(runDir, { recursive: true });
});

Deno.test("startEnvoy() gives up when Envoy is not live in time, and leaves no process", async () => {
  const runDir = await Deno.makeTempDir();
  const script = join(runDir, "envoy");
  await writeExecutable(script, `#!/bin/sh\necho $$ > "${runDir}/pid"\nexec sleep 60\n`);
  await assert.rejects(
    startEnvoy({
      path: script,
      config: bundledConfig("base"),
      overlay: {},
      runDir,
      readyMs: 3_000,
    }),
    /not live after 3000 ms: no admin address yet/,
  );
  const pid = Number(await Deno.readTextFile(join(runDir, "pid")));
  assert.throws(() => Deno.kill(pid, "SIGCONT"), Deno.errors.NotFound);
  await Deno.remove(runDir, { recursive: true });
});

Deno.test("a killed Envoy shows in exited, and its log can still be read", async () => {
  await using stack = await startEnvoyStack();
  Deno.kill(stack.envoy.pid, "SIGKILL");
  const { signal } = await stack.envoy.exited;
  assert.equal(signal, "SIGKILL");
  assert.notEqual(await stack.envoy.lastLog(), "");
});

Deno.test("saveEvidence() writes statistics and the configuration in force", async () => {
  await using stack = await startEnvoyStack();
  await stack.envoy.saveEvidence();
  const stats = await Deno.readTextFile(join(stack.envoy.runDir, "stats.txt"));
  assert.match(stats, /^cluster\.policy_engine\./m);
  const dump = await Deno.readTextFile(join(stack.envoy.runDir, "config_dump.json"));
  assert.match(dump, /policy_engine/);
});

/** An upstream that sends one event and then waits for `finish`. */
function oneEventThenWait(finish: Promise<void>): () => Response {
  return () =>
    new Response(
      new ReadableStream({
        async start(controller) {
          controller.enqueue(new TextEncoder().encode("data: 1\n\n"));
          await finish;
          controller.enqueue(new TextEncoder().encode("data: [DONE]\n\n"));
          controller.close();
        },
      }),
      { headers: { "content-type": "text/event-stream" } },
    );
}

Deno.test("stop() lets a running stream end, and takes no new connection meanwhile", async () => {
  await using stack = await startEnvoyStack();
  const finish = Promise.withResolvers<void>();
  stack.upstream = oneEventThenWait(finish.promise);
  const response = await fetch(`${stack.url}/v1/chat/completions`, { method: "POST", body: "{}" });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  assert.equal((await reader?.read())?.value, "data: 1\n\n");
  const stopped = stack.envoy.stop({ graceMs: 10_000 });
  await refusesConnections(stack.port);
  finish.resolve();
  assert.equal((await reader?.read())?.value, "data: [DONE]\n\n");
  assert.equal((await reader?.read())?.done, true);
  assert.equal((await stopped).code, 0);
});

Deno.test("stop() ends the grace when its signal aborts", async () => {
  await using stack = await startEnvoyStack();
  const finish = Promise.withResolvers<void>();
  stack.upstream = oneEventThenWait(finish.promise);
  const response = await fetch(`${stack.url}/v1/chat/completions`, { method: "POST", body: "{}" });
  const reader = response.body?.getReader();
  await reader?.read();
  const second = new AbortController();
  const stopped = stack.envoy.stop({ graceMs: 60_000, signal: second.signal });
  await refusesConnections(stack.port);
  second.abort();
  await stopped;
  await assert.rejects(async () => {
    while (!(await reader?.read())?.done);
  });
  finish.resolve();
});

/** Resolves once nobody listens on a port any more. */
async function refusesConnections(port: number): Promise<void> {
  for (;;) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    } catch (error) {
      if (error instanceof Deno.errors.ConnectionRefused) return;
      // The socket was closed while the connection waited in its queue: a reset, or
      // ENOTCONN when Deno asks a socket for its peer that was reset meanwhile.
      const reset = error instanceof Deno.errors.ConnectionReset ||
        error instanceof Deno.errors.NotConnected;
      if (!reset) throw error;
    }
  }
}
