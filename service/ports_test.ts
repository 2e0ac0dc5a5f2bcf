import assert from "node:assert/strict";
import { UnavailableError } from "./errors.ts";
import { assertPortFree, whoListens } from "./ports.ts";

Deno.test("assertPortFree() names the process that holds the port", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  await assert.rejects(
    assertPortFree({ host: "127.0.0.1", port, what: "the policy", remedy: "use --policy-port 0" }),
    (error) =>
      error instanceof UnavailableError && error.message.includes(`(pid ${Deno.pid})`) &&
      error.message.includes("--policy-port 0"),
  );
});

Deno.test("assertPortFree() accepts port 0 and a free port", async () => {
  await assertPortFree({ host: "127.0.0.1", port: 0, what: "a test" });
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  await assertPortFree({ host: "127.0.0.1", port, what: "a test" });
});

Deno.test("whoListens() returns undefined for a port without a listener", async () => {
  assert.equal(await whoListens(1), undefined);
});
