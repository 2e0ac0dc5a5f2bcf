import assert from "node:assert/strict";
import { startTogether } from "./start_together.ts";

function thing(name: string, ended: string[]): AsyncDisposable {
  return { [Symbol.asyncDispose]: () => Promise.resolve(void ended.push(name)) };
}

Deno.test("startTogether() returns all in order and disposes them in the order they came up", async () => {
  const ended: string[] = [];
  const first = Promise.withResolvers<AsyncDisposable>();
  {
    await using stack = new AsyncDisposableStack();
    const both = startTogether(stack, [first.promise, Promise.resolve(thing("b", ended))]);
    first.resolve(thing("a", ended));
    assert.equal((await both).length, 2);
  }
  assert.deepEqual(ended.sort(), ["a", "b"]);
});

Deno.test("startTogether() throws the failure, and what did start is on the stack", async () => {
  const ended: string[] = [];
  const slow = Promise.withResolvers<AsyncDisposable>();
  const stack = new AsyncDisposableStack();
  const both = startTogether(stack, [Promise.reject(new Error("no port")), slow.promise]);
  slow.resolve(thing("slow", ended));
  await assert.rejects(both, /no port/);
  await stack.disposeAsync();
  assert.deepEqual(ended, ["slow"]);
});
