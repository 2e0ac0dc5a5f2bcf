/** Envoy speaks h2c to the mock (check/h2c_upstream): streams, faults and witnesses as over HTTP/1.1. */
import assert from "node:assert/strict";
import type { Gateway, SinglePart } from "../../gateway/mod.ts";
import type { Upstream, UpstreamScript } from "../../upstream/mod.ts";
import { chat, patient, startTestGateway } from "../testing/stack.ts";

const start = async () => startTestGateway({ config: await patient("check/h2c_upstream") });

function mockOf(gateway: Gateway<SinglePart>): Upstream {
  assert.ok(gateway.part.mock);
  return gateway.part.mock;
}

/** A stream whose events wait for a release each. */
const STEPS: UpstreamScript["steps"] = [
  { event: { data: "1" } },
  { barrier: "next" },
  { event: { data: "2" } },
  { barrier: "next" },
  { event: { data: "[DONE]" } },
];

/** Asks for a stream that a script makes; returns how to read it on. */
async function stream(gateway: Gateway<SinglePart>, script: string) {
  const response = await chat(gateway, { stream: true, headers: { "x-mock-script": script } });
  assert.ok(response.body);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  return {
    response,
    /** Reads until the text ends so; rejects when the answer breaks off before. */
    async until(end: string): Promise<string> {
      while (!text.endsWith(end)) {
        const { value, done } = await reader.read();
        if (done) throw new Error(`the answer ended after ${JSON.stringify(text)}`);
        text += value;
      }
      return text;
    },
    leave: () => reader.cancel(),
  };
}

Deno.test("events pass one by one, and the mock saw HTTP/2", async () => {
  await using gateway = await start();
  const mock = mockOf(gateway);
  mock.scripts.set("lockstep", { steps: STEPS });
  const asked = await stream(gateway, "lockstep");
  assert.equal(await asked.until("data: 1\n\n"), "data: 1\n\n");
  await mock.barriers.arrival("lockstep/next");
  mock.barriers.release("lockstep/next");
  assert.equal(await asked.until("data: 2\n\n"), "data: 1\n\ndata: 2\n\n");
  mock.barriers.release("lockstep/next");
  await asked.until("data: [DONE]\n\n");
  const exchange = await mock.journal.waitFor(({ end }) => end === "completed");
  assert.equal(exchange.protocol, "h2");
  await asked.leave();
});

Deno.test("a stream that the mock resets breaks off for its client, and its sibling goes on", async () => {
  await using gateway = await start();
  const mock = mockOf(gateway);
  mock.scripts.set("sibling", { steps: STEPS });
  mock.scripts.set("reset", {
    steps: [{ event: { data: "1" } }, { barrier: "seen" }, { abort: "rst" }],
  });
  const sibling = await stream(gateway, "sibling");
  await sibling.until("data: 1\n\n");
  const reset = await stream(gateway, "reset");
  await reset.until("data: 1\n\n");
  mock.barriers.release("reset/seen");
  await assert.rejects(reset.until("data: [DONE]\n\n"));
  for (let i = 0; i < 2; i++) mock.barriers.release("sibling/next");
  await sibling.until("data: [DONE]\n\n");
  const [one, other] = mock.journal.entries().filter(({ script }) => script !== undefined);
  assert.equal(one?.connection, other?.connection);
  await sibling.leave();
});

Deno.test("an upstream that goes away unasked is a 503, and the next request finds it again", async () => {
  await using gateway = await start();
  mockOf(gateway).scripts.set("away", { steps: [{ abort: "goaway" }] });
  const refused = await chat(gateway, { headers: { "x-mock-script": "away" } });
  assert.equal(refused.status, 503);
  assert.equal((await refused.json()).error.code, "upstream_unavailable");
  const healthy = await chat(gateway);
  await healthy.text();
  assert.equal(healthy.status, 200);
});

Deno.test("a client that leaves is one stream's reset at the mock, not the connection's end", async () => {
  await using gateway = await start();
  const mock = mockOf(gateway);
  mock.scripts.set("hangs", { steps: [{ event: { data: "1" } }, { hang: true }] });
  const asked = await stream(gateway, "hangs");
  await asked.until("data: 1\n\n");
  await asked.leave();
  const left = await mock.journal.waitFor(({ script, end }) =>
    script !== undefined && end !== undefined
  );
  assert.equal(left.end, "h2-rst");
  await (await chat(gateway)).text();
  assert.equal(mock.journal.entries().at(-1)?.connection, left.connection);
});
