import assert from "node:assert/strict";
import { connectGrpc } from "../grpc/mod.ts";
import { messageCodec } from "../grpc/messages/mod.ts";
import { redisMissing, startRedis } from "../redis/testing/redis_server.ts";
import { type LimitsOptions, RATE_LIMIT_SERVICE, startLimits } from "./mod.ts";
import { SqliteCounters } from "./counters/sqlite.ts";

const PACKAGE = "envoy.service.ratelimit.v3";
const LIMITS = `{ version: 1, limits: [{ match: { tenant: "*" },
  requests: { per: minute, max: 3 }, tokens: { per: day, max: 100 } }] }`;
const NOON = Date.UTC(2026, 11, 1, 12);

const entries = (names: Record<string, string>) =>
  Object.entries(names).map(([key, value]) => ({ key, value }));

/** A service and a client of it, at noon. */
async function start(options: LimitsOptions = {}) {
  const stack = new AsyncDisposableStack();
  const given = options.limitsFile === undefined ? { limits: LIMITS } : {};
  const limits = stack.use(await startLimits({ now: () => NOON, ...given, ...options }));
  const client = stack.use(connectGrpc({ address: limits.address }));
  const ask = async (...descriptors: Record<string, unknown>[]) => {
    const answer = await client.unary(
      `/${RATE_LIMIT_SERVICE}/ShouldRateLimit`,
      messageCodec(`${PACKAGE}.RateLimitRequest`).encode({ domain: "llmgate", descriptors }),
    );
    // deno-lint-ignore no-explicit-any -- proto3 JSON
    return messageCodec(`${PACKAGE}.RateLimitResponse`).decode(answer) as any;
  };
  const question = { entries: entries({ llm: "ask", tenant: "a" }) };
  return {
    limits,
    ask,
    question,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

Deno.test("a pass carries the quota in OpenAI's names and units", async () => {
  await using service = await start();
  const answer = await service.ask(service.question);
  assert.equal(answer.overall_code, "OK");
  assert.deepEqual(answer.response_headers_to_add, [
    { key: "x-ratelimit-limit-requests", value: "3" },
    { key: "x-ratelimit-remaining-requests", value: "2" },
    { key: "x-ratelimit-reset-requests", value: "1m0s" },
    { key: "x-ratelimit-limit-tokens", value: "100" },
    { key: "x-ratelimit-remaining-tokens", value: "100" },
    { key: "x-ratelimit-reset-tokens", value: "12h0m0s" },
  ]);
});

Deno.test("a refusal has OpenAI's shape, and says what is used up and when it is back", async () => {
  await using service = await start();
  for (const _ of [1, 2, 3]) await service.ask(service.question);
  const answer = await service.ask(service.question);
  assert.equal(answer.overall_code, "OVER_LIMIT");
  const [{ duration_until_reset, current_limit }] = answer.statuses;
  assert.equal(duration_until_reset, "60s");
  assert.deepEqual(current_limit, {
    requests_per_unit: 3,
    unit: "MINUTE",
    name: "requests/minute",
  });
  assert.deepEqual(JSON.parse(new TextDecoder().decode(answer.raw_body)), {
    error: {
      message: 'The limit for tenant "a" is used up: 3 requests per minute. Try again in 1m0s.',
      type: "rate_limit_error",
      param: null,
      code: "requests_exceeded",
    },
  });
  assert.equal(service.limits.journal.entries().at(-1)?.code, "requests_exceeded");
  assert.match(await service.limits.metrics(), /answers_total\{outcome="requests_exceeded"\} 1/);
});

Deno.test("descriptors that no limit names pass, each with a status of its own", async () => {
  await using service = await start();
  const answer = await service.ask({ entries: entries({ tenant_tokens: "a" }) }, service.question);
  assert.equal(answer.statuses.length, 2);
  assert.deepEqual(answer.statuses[0], { code: "OK" });
  assert.equal(answer.statuses[1].limit_remaining, 2);
});

Deno.test("a message that cannot be read is refused, and the service lives", async () => {
  await using service = await start();
  using client = connectGrpc({ address: service.limits.address });
  const path = `/${RATE_LIMIT_SERVICE}/ShouldRateLimit`;
  await assert.rejects(client.unary(path, new Uint8Array([255, 255])), /Cannot decode/);
  assert.equal((await service.ask(service.question)).overall_code, "OK");
});

Deno.test("the file is read again when it changes, and a broken one changes nothing", async () => {
  const folder = await Deno.makeTempDir();
  const limitsFile = `${folder}/limits.yaml`;
  await Deno.writeTextFile(limitsFile, LIMITS);
  const lines: string[] = [];
  let heard = Promise.withResolvers<void>();
  const log = (line: string) => {
    lines.push(line);
    heard.resolve();
  };
  {
    await using service = await start({ limitsFile, log });
    for (const _ of [1, 2, 3]) await service.ask(service.question);
    await Deno.writeTextFile(limitsFile, "version: 7");
    await heard.promise;
    assert.match(lines.at(-1) ?? "", /old limits stay in force.*limits\.yaml:1:1/s);
    assert.equal((await service.ask(service.question)).overall_code, "OVER_LIMIT");
    heard = Promise.withResolvers();
    await Deno.writeTextFile(limitsFile, LIMITS.replace("max: 3", "max: 4"));
    await heard.promise;
    assert.equal((await service.ask(service.question)).overall_code, "OK");
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("counters are kept beside the file over a restart, and by one process at a time", async () => {
  const folder = await Deno.makeTempDir();
  const limitsFile = `${folder}/limits.yaml`;
  await Deno.writeTextFile(limitsFile, LIMITS);
  {
    await using service = await start({ limitsFile });
    assert.equal(service.limits.place, `${folder}/limits.sqlite`);
    for (const _ of [1, 2, 3]) await service.ask(service.question);
    await assert.rejects(start({ limitsFile }), /Cannot keep the counters in .*limits\.sqlite/);
  }
  {
    await using service = await start({ limitsFile });
    assert.equal((await service.ask(service.question)).overall_code, "OVER_LIMIT");
  }
  // Once their windows are over, the counters are gone from the file, too.
  const later = new SqliteCounters(`${folder}/limits.sqlite`, () => NOON + 86_400_000);
  const take = { counter: "x", amount: 0, max: 1, expiresAt: 0 };
  assert.deepEqual(later.take([take]), { granted: true, used: [0] });
  await later[Symbol.asyncDispose]();
  await Deno.remove(folder, { recursive: true });
});

Deno.test("redis_env must name a variable that is set, and a server that answers", async () => {
  const limits = LIMITS.replace("version: 1,", "version: 1, redis_env: COUNTERS,");
  await assert.rejects(startLimits({ limits }), /"COUNTERS" is not set/);
  await assert.rejects(startLimits({ limits, env: () => "http://x" }), /must be redis:\/\//);
  await assert.rejects(
    startLimits({ limits, env: () => "redis://127.0.0.1:1" }),
    /Cannot use redis 127\.0\.0\.1:1/,
  );
});

const missing = await redisMissing();

Deno.test({
  name: `counters that cannot be had are said once, and whoever asks hears UNAVAILABLE${
    missing === "" ? "" : ` (skipped: ${missing})`
  }`,
  ignore: missing !== "",
  async fn() {
    await using server = await startRedis();
    const said: string[] = [];
    await using service = await start({
      limits: LIMITS.replace("version: 1,", "version: 1, redis_env: COUNTERS,"),
      env: () => server.url,
      log: (line) => said.push(line),
    });
    await service.ask(service.question);
    await server.stop();
    for (let i = 0; i < 3; i++) {
      await assert.rejects(
        service.ask(service.question),
        /UNAVAILABLE: the counters cannot be had/,
      );
    }
    assert.equal(said.length, 1, said.join("\n"));
    assert.match(said[0] ?? "", /^limits: no request is decided on: /);
  },
});
