/** Journeys through a real Envoy: strategies that look at the prompt, and at the engines. */
import assert from "node:assert/strict";
import { parseHosts } from "../../router/mod.ts";
import { delay, withDeadline } from "../../service/mod.ts";
import { CHAT, chat, counts, done, post, startRouterGateway } from "../testing/router_stack.ts";

Deno.test("prefix_aware sends a conversation where its beginning was read", async () => {
  await using gateway = await startRouterGateway({ router: { logic: "prefix_aware" } });
  const talk = (...contents: string[]) => ({
    model: CHAT.model,
    messages: contents.map((content) => ({ role: "user", content })),
  });
  const say = (...contents: string[]) =>
    post(gateway, "/v1/chat/completions", { body: talk(...contents) });
  const first = "one ".repeat(200);
  const second = "two ".repeat(200);
  for (let turns = 1; turns <= 4; turns++) {
    const history = Array.from({ length: turns }, (_, turn) => `message ${turn}`);
    assert.equal(await done(await say(first, ...history)), 200);
    assert.equal(await done(await say(second, ...history)), 200);
  }
  assert.deepEqual(counts(gateway).sort(), [0, 4, 4]);
});

/** A model server with an engine whose load is what it is told. */
function startEngine(metrics: string) {
  const seen = { stats: 0, chats: 0 };
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    if (new URL(request.url).pathname === "/metrics") {
      seen.stats++;
      return new Response(metrics);
    }
    seen.chats++;
    return Response.json({ object: "chat.completion" });
  });
  return Object.assign(seen, {
    address: `127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  });
}

Deno.test("kv_aware asks the engines, and leaves the busy and the full ones alone", async () => {
  const gauges = (running: number, cache: number) =>
    `vllm:num_requests_running{engine="0"} ${running}\n` +
    `vllm:num_requests_waiting{engine="0"} 0\nvllm:kv_cache_usage_perc{engine="0"} ${cache}\n`;
  await using busy = startEngine(gauges(50, 0.2));
  await using full = startEngine(gauges(1, 0.97));
  await using free = startEngine(gauges(2, 0.3));
  const engines = [busy, full, free];
  await using gateway = await startRouterGateway({
    router: {
      logic: "kv_aware",
      hosts: parseHosts(engines.map(({ address }) => address).join(",")),
      health: { engineStatsMs: 20 },
    },
  });
  // A second question means that the first answer was noted.
  const read = async () => {
    while (engines.some(({ stats }) => stats < 2)) await delay(5);
  };
  await withDeadline(read(), 60_000, "Every engine was read");
  for (let i = 0; i < 6; i++) assert.equal(await done(await chat(gateway)), 200);
  assert.deepEqual(engines.map(({ chats }) => chats), [0, 0, 6]);
});
