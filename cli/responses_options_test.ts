import assert from "node:assert/strict";
import { FREE_PORTS } from "../gateway/mod.ts";
import { UsageError } from "../service/mod.ts";
import { answeringOf } from "./responses_options.ts";
import { fakeHost } from "./testing.ts";

const PORTS = { ...FREE_PORTS, responses: 8081, extproc: 10_000 };

async function fileOf(text: string): Promise<string> {
  const file = await Deno.makeTempFile({ suffix: ".yaml" });
  await Deno.writeTextFile(file, text);
  return file;
}

Deno.test("the flags of the Responses gateway are for its profile alone", async () => {
  const host = fakeHost();
  for (const profile of [undefined, "base", "router"] as const) {
    const chosen = profile === undefined ? {} : { profile };
    assert.deepEqual(await answeringOf(chosen, { ports: PORTS, host }), {});
    for (const flag of [{ config: "f.yaml" }, { modelEndpoint: "http://127.0.0.1:1/v1" }]) {
      await assert.rejects(
        answeringOf({ ...chosen, ...flag }, { ports: PORTS, host }),
        (error) => error instanceof UsageError && error.message.includes("--profile responses"),
      );
    }
  }
});

Deno.test("the file says which ports, and --model-endpoint wins over it", async () => {
  const host = fakeHost();
  const config = await fileOf(
    "http: { port: 9 }\nextproc: { port: 8 }\nengine: { model_endpoint: http://a.test/v1 }\n",
  );
  const profile = "responses" as const;
  const read = await answeringOf({ profile, config }, { ports: PORTS, host });
  assert.deepEqual([read.ports?.responses, read.ports?.extproc], [9, 8]);
  assert.equal(read.answering?.modelEndpoint, "http://a.test/v1");
  const modelEndpoint = "http://b.test/v1";
  const moved = await answeringOf({ profile, config, modelEndpoint }, { ports: PORTS, host });
  assert.equal(moved.answering?.modelEndpoint, modelEndpoint);
  const mock = await answeringOf({ profile }, { ports: PORTS, host });
  assert.deepEqual(mock, { answering: {} });
  await Deno.remove(config);
});
