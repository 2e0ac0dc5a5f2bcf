import assert from "node:assert/strict";
import { boundedText } from "./mod.ts";

Deno.test("boundedText() reads what is short enough, and hangs up on what has no end", async () => {
  assert.equal(await boundedText(new Response("ü".repeat(4)), 8), "ü".repeat(4));
  assert.equal(await boundedText(new Response(null), 8), "");
  const hungUp = Promise.withResolvers<void>();
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(1024)),
    cancel: () => hungUp.resolve(),
  });
  await assert.rejects(boundedText(new Response(endless), 10_000), /longer than 10000 bytes/);
  await hungUp.promise;
});
