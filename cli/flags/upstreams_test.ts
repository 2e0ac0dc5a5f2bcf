import assert from "node:assert/strict";
import { startAdapters, UPSTREAM_OPTIONS } from "./upstreams.ts";

Deno.test("an upstream that is a provider's name is an adapter on a port of its own; others stay", async () => {
  const host = { env: () => "a key of this test" } as unknown as Parameters<
    typeof startAdapters
  >[1]["host"];
  const names = ["http://127.0.0.1:9000/", "gemini"];
  await using adapted = await startAdapters(names, { host, log: () => {} });
  const [first, second = ""] = adapted.upstream;
  assert.equal(first, "http://127.0.0.1:9000/");
  assert.equal(await (await fetch(`${second}/healthz`)).text(), "ok\n");
});

Deno.test("--upstream takes a provider's name alone, and URLs as replicas of each other", () => {
  const { parse } = UPSTREAM_OPTIONS.upstream;
  assert.equal(parse("anthropic", "--upstream"), "anthropic");
  assert.equal(parse("http://a:1,http://b:2/v1", "--upstream"), "http://a:1,http://b:2/v1");
  for (const wrong of ["antropic", "anthropic,http://a:1", "http://a:1,gemini"]) {
    assert.throws(() => parse(wrong, "--upstream"), /must be an http/, wrong);
  }
});
