import assert from "node:assert/strict";
import { UnavailableError } from "../service/mod.ts";
import { logMessages, validateConfig } from "./validate.ts";

Deno.test("logMessages() keeps level and text, and joins continued lines", () => {
  const text = `[2026-11-21 09:10:55.804][23638][critical][main] [source/server/x.cc:76] Bad thing
  at line 2
[2026-11-21 09:10:55.804][23638][warning][misc] Deprecated field
`;
  assert.deepEqual(logMessages(text), [
    "critical: Bad thing\n  at line 2",
    "warning: Deprecated field",
  ]);
});

Deno.test("validateConfig() says that there is no such Envoy", async () => {
  await assert.rejects(() => validateConfig("/nonexistent/envoy", "x.yaml"), UnavailableError);
});
