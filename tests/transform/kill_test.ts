/** The processor dies under load: nothing that was acknowledged is lost, and nothing gets past it. */
import assert from "node:assert/strict";
import { singleUpstream, startGateway, withAddOns } from "../../gateway/mod.ts";
import { transformOverlay } from "../../gateway/profiles/mod.ts";
import { openStore, sessionKey } from "../../transform/mod.ts";
import { startProgram } from "../testing/program.ts";
import { envoyPath, RUN_PARENTS } from "../testing/stack.ts";

const WRITES = 500;
const AT_ONCE = 8;
/** Acknowledged turns after which the processor is killed. */
const ENOUGH = 150;
const MAIL = "jane.doe@example.com";

Deno.test(`kill -9 during ${WRITES} writes: no acknowledged turn is lost, 503 afterwards, and no leak`, async () => {
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "llmgate-kill-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const path = `${folder}/store.sqlite`;
  await Deno.writeTextFile(
    `${folder}/transform.yaml`,
    `version: 1\nstore: { path: ${path} }\nsteps:\n  - redact: { detect: [email] }\n  - context: {}\n`,
  );
  const processor = stack.use(
    startProgram(["transform", "--config", `${folder}/transform.yaml`, "--port", "0", "--json"]),
  );
  const { transform } = JSON.parse(await processor.line());
  const bodies: string[] = [];
  const model = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    bodies.push(await request.text());
    return Response.json({
      id: "chatcmpl-1",
      choices: [{
        index: 0,
        message: { role: "assistant", content: `Write to ${MAIL}` },
        finish_reason: "stop",
      }],
    });
  });
  stack.defer(() => model.shutdown());
  const port = Number(transform.split(":").at(-1));
  const gateway = stack.use(
    await startGateway({
      profile: withAddOns(
        singleUpstream({ upstream: { url: `http://127.0.0.1:${model.addr.port}` } }),
        [{
          ...transformOverlay(),
          start: () =>
            Promise.resolve({
              ports: { transform: port },
              [Symbol.asyncDispose]: () => Promise.resolve(),
            }),
        }],
      ),
      ports: {},
      envoyPath: await envoyPath(),
      runParents: RUN_PARENTS,
      graceMs: 0,
      concurrency: 1,
    }),
  );
  const acknowledged: number[] = [];
  const others = new Map<string, number>();
  let next = 0;
  const write = async () => {
    for (let n = next++; n < WRITES; n = next++) {
      const response = await fetch(`${gateway.url}/v1/chat/completions`, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          "x-api-key": "demo-key",
          "x-session-id": `s-${n}`,
        },
        body: JSON.stringify({ model: "m", messages: [{ role: "user", content: `I am ${MAIL}` }] }),
      });
      const text = await response.text();
      assert.ok(!text.includes("jane"), text);
      if (response.status === 200) {
        if (acknowledged.push(n) === ENOUGH) processor.kill("SIGKILL");
      } else {
        const code = `${response.status} ${JSON.parse(text).error.code}`;
        others.set(code, (others.get(code) ?? 0) + 1);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, write));
  assert.ok(acknowledged.length >= ENOUGH && acknowledged.length < WRITES);
  assert.deepEqual([...others.keys()], ["503 transform_unavailable"]);
  assert.ok(bodies.length > 0 && bodies.every((body) => !body.includes("jane")));
  await using store = openStore(path);
  for (const n of acknowledged) {
    const found = await store.get(sessionKey("demo", `s-${n}`));
    const { turns } = JSON.parse(new TextDecoder().decode(found?.value));
    assert.equal(turns.length, 1, `turn ${n}`);
    assert.ok(!JSON.stringify(turns).includes("jane"));
  }
});
