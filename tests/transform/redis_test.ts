/** Two processors on one Redis-compatible server, and what they do without it. */
import assert from "node:assert/strict";
import { redisMissing, startRedis } from "../../redis/testing/redis_server.ts";
import { ask, json, startTransformed, type TransformedGateway } from "./stack.ts";

const missing = await redisMissing();
const skipped = missing === "" ? "" : ` (skipped: ${missing})`;

const ASK = { model: "gpt-4o-mini", messages: [{ role: "user", content: "Hi" }] };
const answer = (content: string) => ({
  id: "chatcmpl-1",
  object: "chat.completion",
  choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
});

/** Equal requests at once, over both machines. */
const CROWD = 50;

async function startBoth(steps: string) {
  await using stack = new AsyncDisposableStack();
  const redis = stack.use(await startRedis());
  const yaml = `store: { redis_env: TRANSFORM_REDIS }\n${steps}`;
  const env = (name: string) => name === "TRANSFORM_REDIS" ? redis.url : undefined;
  const one = stack.use(await startTransformed(yaml, { env }));
  const two = stack.use(await startTransformed(yaml, { env }));
  const owned = stack.move();
  return { redis, one, two, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

Deno.test({
  name:
    `Redis: a session goes on at another machine, and is refused while the server is away${skipped}`,
  ignore: missing !== "",
  async fn() {
    await using both = await startBoth("steps: [{ context: {} }]\n");
    const { redis, one, two } = both;
    const say = async (gateway: TransformedGateway) => {
      const headers = { "x-session-id": "s" };
      const response = await ask(gateway, ASK, { headers, steps: json(answer("Hello")) });
      return { status: response.status, body: await response.json(), headers: response.headers };
    };
    await say(one);
    assert.match((await say(two)).headers.get("x-llm-context") ?? "", /^turns=1 /);
    // Turns that end at the same time, on both machines: none is lost.
    await Promise.all([one, two, one, two].map(say));
    assert.match((await say(one)).headers.get("x-llm-context") ?? "", /^turns=6 /);
    await redis.stop();
    const before = one.part.mock?.journal.entries().length;
    const refused = await say(one);
    assert.deepEqual([refused.status, refused.body.error.code], [503, "context_unavailable"]);
    assert.equal(one.part.mock?.journal.entries().length, before);
    await redis.start();
    assert.equal((await say(two)).status, 200);
  },
});

Deno.test({
  name:
    `Redis: of ${CROWD} equal requests on two machines one asks a model, and without the server all do${skipped}`,
  ignore: missing !== "",
  async fn() {
    await using both = await startBoth("steps: [{ cache: {} }]\n");
    const { redis, one, two } = both;
    const asked = () =>
      [one, two].reduce((sum, { part }) => sum + (part.mock?.journal.entries().length ?? 0), 0);
    const crowd = async (seed: number, size: number) => {
      const answers = await Promise.all(
        Array.from({ length: size }, async (_, at) => {
          const response = await ask(at % 2 ? one : two, { ...ASK, seed });
          return `${response.status} ${await response.text()}`;
        }),
      );
      return new Set(answers).size;
    };
    const before = asked();
    assert.equal(await crowd(1, CROWD), 1);
    assert.equal(asked() - before, 1);
    await redis.stop();
    const down = asked();
    for (const gateway of [one, two]) {
      const response = await ask(gateway, { ...ASK, seed: 1 });
      await response.body?.cancel();
      assert.deepEqual([response.status, response.headers.get("x-llm-cache")], [200, "miss"]);
    }
    assert.equal(asked() - down, 2);
  },
});
