import assert from "node:assert/strict";
import { startAdapters } from "./adapters.ts";

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
