import assert from "node:assert/strict";
import { startPolicy } from "../policy/mod.ts";
import { UsageError } from "../service/mod.ts";
import { startUpstream } from "../upstream/mod.ts";
import { Faults } from "./faults.ts";

async function fixture() {
  await using stack = new AsyncDisposableStack();
  const upstream = stack.use(await startUpstream({ port: 0, pace: "none" }));
  const policy = stack.use(await startPolicy());
  const faults = stack.use(new Faults({ policy, mocks: [upstream] }));
  const owned = stack.move();
  const chat = (tenant: string, stream = false) =>
    fetch(`${upstream.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "x-tenant": tenant },
      body: JSON.stringify({ model: "m", stream, messages: [{ role: "user", content: "Hi" }] }),
    });
  return { faults, chat, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

const status = async (answer: Promise<Response>) => {
  const { status, body } = await answer;
  await body?.cancel();
  return status;
};

Deno.test("a fault of the model server is for one tenant alone, and goes with its switch", async () => {
  await using run = await fixture();
  const { faults, chat } = run;
  await faults.on("upstream-429", { tenant: "a" });
  assert.deepEqual([await status(chat("a")), await status(chat("b"))], [429, 200]);
  await faults.on("upstream-500");
  assert.deepEqual(faults.list().filter(({ on }) => on).map(({ name }) => name), ["upstream-500"]);
  assert.equal(await status(chat("b")), 500);
  await faults.off("upstream-500");
  assert.equal(await status(chat("a")), 200);
});

Deno.test("a stream without its last event ends properly all the same", async () => {
  await using run = await fixture();
  const { faults, chat } = run;
  const whole = await (await chat("a", true)).text();
  await faults.on("upstream-no-done");
  const cut = await (await chat("a", true)).text();
  assert.ok(whole.endsWith("data: [DONE]\n\n"));
  assert.equal(`${cut}data: [DONE]\n\n`, whole);
});

Deno.test("a stream that is cut fails its client", async () => {
  await using run = await fixture();
  const { faults, chat } = run;
  await faults.on("upstream-cut");
  await assert.rejects(async () => await (await chat("a", true)).text());
});

Deno.test("an unknown fault, and a tenant where it is everybody's, are refused with what there is", async () => {
  await using run = await fixture();
  const { faults } = run;
  await assert.rejects(
    faults.on("nothing"),
    (error) =>
      error instanceof UsageError &&
      /this gateway has policy-down, policy-slow/.test(error.message),
  );
  await assert.rejects(faults.on("policy-down", { tenant: "a" }), /it is everybody's/);
});
