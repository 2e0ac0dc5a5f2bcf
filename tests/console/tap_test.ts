/** The tap beside a real Envoy: what passes is the same bytes, at the same pace, whatever the tap does. */
import assert from "node:assert/strict";
import { EXTERNAL_PROCESSOR } from "../../ext_proc/mod.ts";
import { type AddOn, singleUpstream, withAddOns } from "../../gateway/mod.ts";
import { TAP_CLUSTER, tapAddOn, withTap } from "../../gateway/profiles/mod.ts";
import { type GrpcServer, startGrpcServer } from "../../grpc/mod.ts";
import { chat, patient, startTestGateway } from "../testing/stack.ts";

/** A tap that is there and never reads. */
const HANGING: AddOn = {
  ...tapAddOn(),
  async start() {
    const ended = Promise.withResolvers<void>();
    const server = await startGrpcServer({
      services: [{
        name: EXTERNAL_PROCESSOR,
        methods: { Process: { bidi: () => ended.promise } },
      }],
    });
    return {
      ports: { tap: server.port },
      async [Symbol.asyncDispose]() {
        ended.resolve();
        await server.stop();
      },
    };
  },
};

/** No tap at all, where Envoy looks for one: port 1 of this machine. */
const DEAD: AddOn = {
  ...tapAddOn(),
  overlay: () => ({ clusters: { [TAP_CLUSTER]: { host: "127.0.0.1", port: 1 } } }),
  start: () => Promise.resolve({ [Symbol.asyncDispose]: () => Promise.resolve() }),
};

const TAPS: Readonly<Record<string, AddOn | undefined>> = {
  none: undefined,
  on: tapAddOn(),
  dead: DEAD,
  hanging: HANGING,
};

/** Streams side by side, each of the same request. */
const STREAMS = 100;

/** Streams that are on their way while a tap hangs, or dies. */
const MANY = 1_000;

/** A tap that reads until it is told to hang, or dies. */
function unsteadyTap() {
  const reads = Promise.withResolvers<void>();
  const over = Promise.withResolvers<void>();
  let server: GrpcServer | undefined;
  let isHanging = false;
  let messages = 0;
  const addOn: AddOn = {
    ...tapAddOn(),
    async start() {
      server = await startGrpcServer({
        services: [{
          name: EXTERNAL_PROCESSOR,
          methods: {
            Process: {
              bidi: async (call) => {
                for await (const _ of call.messages) {
                  if (++messages >= MANY) reads.resolve();
                  if (isHanging) await over.promise;
                }
              },
            },
          },
        }],
      });
      return {
        ports: { tap: server.port },
        async [Symbol.asyncDispose]() {
          over.resolve();
          await server?.stop();
        },
      };
    },
  };
  return {
    addOn,
    /** Resolves when it has heard of many streams. */
    reads: reads.promise,
    hang: () => void (isHanging = true),
    async kill() {
      over.resolve();
      await server?.stop(0);
    },
  };
}

/** Opens many streams of two events each; `between` runs while all have had the first and none the second. */
async function inTwoSteps(
  gateway: Awaited<ReturnType<typeof tapped>>,
  name: string,
  between: () => unknown,
): Promise<string[]> {
  const { mock } = gateway.part;
  assert.ok(mock, "the mock runs");
  mock.scripts.set(name, {
    steps: [{ event: { data: "1" } }, { barrier: "second" }, { event: { data: "2" } }],
  });
  const firsts = Array.from({ length: MANY }, () => Promise.withResolvers<void>());
  const streams = firsts.map(async (first) => {
    const answer = await chat(gateway, { headers: { "x-mock-script": name } });
    let text = `${answer.status}: `;
    for await (const part of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += part;
      if (text.includes("data: 1")) first.resolve();
    }
    return text;
  });
  await Promise.race([Promise.all(firsts.map(({ promise }) => promise)), Promise.all(streams)]);
  await between();
  for (const _ of streams) mock.barriers.release(`${name}/second`);
  return await Promise.all(streams);
}

/** Starts a gateway with a tap. */
async function tapped(addOn: AddOn | undefined) {
  const profile = withAddOns(singleUpstream(), addOn === undefined ? [] : [addOn]);
  const config = await patient("base");
  return await startTestGateway({
    profile,
    config: addOn === undefined ? config : withTap(config),
  });
}

Deno.test("bytes and order of events are the same with a tap that is on, dead, or hangs", async () => {
  const seen = new Map<string, string>();
  for (const [name, addOn] of Object.entries(TAPS)) {
    await using gateway = await tapped(addOn);
    const { mock } = gateway.part;
    assert.ok(mock, "the mock runs");
    // In lock-step: an event leaves only when the one before has come, so that nothing can be held back.
    mock.scripts.set("steps", {
      steps: [1, 2, 3].flatMap((n) => [
        { event: { data: String(n) } },
        { barrier: `after-${n}` },
      ]),
    });
    const answer = await chat(gateway, { headers: { "x-mock-script": "steps" } });
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
    let stepped = "";
    for (const n of [1, 2, 3]) {
      while (!stepped.includes(`data: ${n}\n\n`)) stepped += (await reader?.read())?.value ?? "";
      mock.barriers.release(`steps/after-${n}`);
    }
    while (!(await reader?.read())?.done);
    const streams = await Promise.all(
      Array.from(
        { length: STREAMS },
        async () => await (await chat(gateway, { stream: true })).text(),
      ),
    );
    assert.equal(new Set(streams).size, 1, `${name}: all streams are alike`);
    const large = await fetch(`${gateway.url}/v1/embeddings`, {
      method: "POST",
      headers: { "x-api-key": "demo-key", "content-type": "application/json" },
      body: JSON.stringify({ model: "m", input: ["x".repeat(4_000_000), "y"] }),
    });
    seen.set(name, JSON.stringify([stepped, streams[0], large.status, await large.text()]));
  }
  assert.equal(new Set(seen.values()).size, 1, `same bytes with ${[...seen.keys()].join(", ")}`);
});

Deno.test(`a tap that hangs or dies in the middle of ${MANY} streams touches none of them`, async () => {
  const tap = unsteadyTap();
  await using gateway = await tapped(tap.addOn);
  const seen = {
    on: await inTwoSteps(gateway, "on", () => tap.reads),
    hung: await inTwoSteps(gateway, "hung", () => tap.hang()),
    killed: await inTwoSteps(gateway, "killed", () => tap.kill()),
    dead: await inTwoSteps(gateway, "dead", () => {}),
  };
  for (const [name, texts] of Object.entries(seen)) {
    assert.deepEqual([...new Set(texts)], ["200: data: 1\n\ndata: 2\n\n"], name);
    assert.equal(texts.length, MANY);
  }
});

Deno.test("the console shows what the tap saw, sends a request again, and hides its credential", async () => {
  const profile = withAddOns(singleUpstream(), [tapAddOn()]);
  await using gateway = await startTestGateway({ profile, config: withTap(await patient("base")) });
  const api = async (path: string, init?: RequestInit) => {
    const answer = await fetch(`${gateway.control.url}/api/v1${path}`, init);
    return { status: answer.status, json: await answer.json() };
  };
  const headers = { "x-request-id": "tapped-1" };
  await (await chat(gateway, { stream: true, headers })).text();
  // Envoy closes the copy after the answer: the last event may still be on its way.
  const seen = async () => (await api("/requests/tapped-1")).json;
  let detail = await seen();
  while (!JSON.stringify(detail.tap?.answer ?? []).includes("[DONE]")) detail = await seen();
  assert.match(detail.tap.said, /^Hello from the mock upstream/);
  assert.match(detail.tap.request, /"model":"gpt-4o-mini"/);
  assert.equal(detail.tap.answer.length, detail.events);
  const again = await api("/requests/tapped-1/replay", { method: "POST" });
  assert.deepEqual([again.status, again.json.status], [200, 200]);
  assert.match(again.json.id, /^replay-tapped-1-/);
  assert.ok(!JSON.stringify(detail).includes("demo-key"));
});
