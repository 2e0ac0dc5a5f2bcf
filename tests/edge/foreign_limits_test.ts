/**
 * envoyproxy/ratelimit with Redis in place of our limits service, Envoy's file unchanged. Opt-in: `RATELIMIT_SERVER` is
 * its program (`go install github.com/envoyproxy/ratelimit/src/service_cmd@latest`, about five minutes).
 */
import assert from "node:assert/strict";
import { redisMissing, startRedis } from "../../redis/testing/redis_server.ts";
import { delay, listenLasting, startProcess } from "../../service/mod.ts";
import { chat, type EdgeStack, outcome, startEdge } from "./stack.ts";

const program = Deno.env.get("RATELIMIT_SERVER");
const missing = program === undefined
  ? "RATELIMIT_SERVER names no envoyproxy/ratelimit"
  : await redisMissing();
const skipped = missing === "" ? "" : ` (skipped: ${missing})`;

/** Milliseconds between two looks at a server that starts. */
const LOOK_MS = 20;

/** A hundred tokens a day for each tenant. */
const CONFIG = `
domain: llmgate
descriptors:
  - key: tenant_tokens
    rate_limit: { unit: day, requests_per_unit: 100 }
  - key: tenant_requests
    rate_limit: { unit: day, requests_per_unit: 100000 }
`;

const RULES = `
version: edge-test
keys:
  - { name: key-a, key: key-a, tenant: a }
  - { name: key-b, key: key-b, tenant: b }
rules:
  - { name: all, match: { credential: known }, allow: {} }
`;

async function freePort(): Promise<number> {
  return await listenLasting("127.0.0.1", (port) => {
    Deno.listen({ hostname: "127.0.0.1", port }).close();
    return Promise.resolve(port);
  });
}

/** Starts the service; resolves when it is healthy. */
async function startRatelimit(redisUrl: string): Promise<AsyncDisposable & { address: string }> {
  await using stack = new AsyncDisposableStack();
  const root = await Deno.makeTempDir({ prefix: "llmgate-ratelimit-" });
  stack.defer(() => Deno.remove(root, { recursive: true }));
  await Deno.mkdir(`${root}/ratelimit/config`, { recursive: true });
  await Deno.writeTextFile(`${root}/ratelimit/config/limits.yaml`, CONFIG);
  const [grpc, http, debug] = await Promise.all([freePort(), freePort(), freePort()]);
  stack.use(
    await startProcess({
      command: program ?? "",
      args: [],
      env: {
        USE_STATSD: "false",
        LOG_LEVEL: "error",
        REDIS_SOCKET_TYPE: "tcp",
        REDIS_URL: new URL(redisUrl).host,
        RUNTIME_ROOT: root,
        RUNTIME_SUBDIRECTORY: "ratelimit",
        RUNTIME_WATCH_ROOT: "false",
        HOST: "127.0.0.1",
        GRPC_HOST: "127.0.0.1",
        DEBUG_HOST: "127.0.0.1",
        PORT: String(http),
        GRPC_PORT: String(grpc),
        DEBUG_PORT: String(debug),
      },
      stdout: "null",
      stderr: "null",
    }),
  );
  const healthy = () =>
    fetch(`http://127.0.0.1:${http}/healthcheck`).then(async (response) => {
      await response.body?.cancel();
      return response.ok;
    }, () => false);
  while (!await healthy()) await delay(LOOK_MS);
  const owned = stack.move();
  return {
    address: `127.0.0.1:${grpc}`,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

for (
  const [form, body] of [
    ["JSON", {}],
    ["SSE", { stream: true, stream_options: { include_usage: true } }],
  ] as const
) {
  Deno.test({
    name: `envoyproxy/ratelimit counts ${form} answers of a tenant through two gateways${skipped}`,
    ignore: missing !== "",
    async fn() {
      await using redis = await startRedis();
      await using service = await startRatelimit(redis.url);
      const options = { rules: RULES, limitsAddress: service.address };
      await using one = await startEdge(options);
      await using other = await startEdge(options);
      const ask = (edge: EdgeStack, tenant: string) =>
        outcome(chat(edge.url, { headers: { "x-api-key": `key-${tenant}` }, body }));
      const statuses: unknown[] = [];
      // A charge comes after its answer, so a few more than four may pass; never all.
      while (statuses.at(-1) !== 429 && statuses.length < 50) {
        const edge = statuses.length % 2 === 0 ? one : other;
        statuses.push((await ask(edge, "a"))[0]);
      }
      assert.equal(statuses.pop(), 429);
      assert.ok(statuses.length >= 2 && statuses.every((status) => status === 200));
      for (const edge of [one, other]) {
        const exceeded = [429, "rate_limit_error", "requests_exceeded"];
        assert.deepEqual(await ask(edge, "a"), exceeded);
        assert.deepEqual(await ask(edge, "b"), [200]);
      }
      const refused = await chat(one.url, { headers: { "x-api-key": "key-a" }, body });
      assert.ok(Number(refused.headers.get("retry-after")) > 0);
      await refused.text();
    },
  });
}
