/** The adapters under the group `dialect`: OpenAI's Chat in front of the mock in each provider's dialect. */
import assert from "node:assert/strict";
import { type ProviderName, startAdapter } from "../../adapters/mod.ts";
import type { Dialect } from "../../dialects/mod.ts";

import { singleUpstream } from "../../gateway/mod.ts";
import { startUpstream } from "../../upstream/mod.ts";
import { startTestGateway } from "../testing/stack.ts";
import { judge, redOf } from "./judge.ts";

const PROVIDERS: readonly { provider: ProviderName; dialect: Dialect; path: string }[] = [
  { provider: "anthropic", dialect: "anthropic", path: "/v1" },
  { provider: "gemini", dialect: "gemini", path: "/v1beta" },
];

Deno.test.each(PROVIDERS)(
  "every case of the group holds on the adapter for $provider",
  async ({ provider, dialect, path }) => {
    const report = await judge(
      { client: "openai", upstream: dialect },
      ({ url }) =>
        startAdapter({ provider, baseUrl: `${url}${path}`, env: () => "a key of this test" }),
    );
    assert.deepEqual(redOf(report), []);
    assert.ok(report.summary.passed >= 60, String(report.summary.passed));
  },
);

Deno.test("behind Envoy and policy a provider streams as a model server does, and a denial never reaches it", async () => {
  await using provider = await startUpstream({ pace: "none" });
  await using adapter = await startAdapter({
    provider: "anthropic",
    baseUrl: `${provider.url}/v1`,
    env: () => "a key of this test",
  });
  await using gateway = await startTestGateway({
    profile: singleUpstream({ upstream: { url: adapter.url } }),
  });
  const ask = (headers: Record<string, string>) =>
    fetch(`${gateway.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify({
        model: "claude-sonnet-4-5",
        messages: [{ role: "user", content: "Say hello to Envoy" }],
        stream: true,
      }),
    });
  const denied = await ask({});
  assert.equal(denied.status, 401);
  await denied.body?.cancel();
  assert.equal(provider.journal.entries().length, 0);
  const answer = await ask({ "x-api-key": "demo-key" });
  assert.match(answer.headers.get("content-type") ?? "", /^text\/event-stream/);
  const text = await answer.text();
  assert.ok(text.split("chat.completion.chunk").length > 3, text);
  assert.match(text, /data: \[DONE\]\n\n$/);
  assert.deepEqual(provider.journal.entries().map(({ target }) => target), ["/v1/messages"]);
});
