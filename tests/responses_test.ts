/** Journeys through a real Envoy with the Responses gateway: what docs/responses.md promises. */
import assert from "node:assert/strict";
import OpenAI from "openai";
import type { Gateway, GatewayOptions } from "../gateway/mod.ts";
import { OLDER_ENVOY, startTestGateway } from "./stack.ts";

function startResponsesGateway(
  options: Partial<GatewayOptions> & { envoyVersion?: string } = {},
): Promise<Gateway> {
  return startTestGateway({ profile: "responses", ...options });
}

function clientOf(gateway: Gateway, apiKey = "demo-key"): OpenAI {
  return new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey, maxRetries: 0 });
}

const ASK = { model: "m", input: "What is 2+2?" } as const;

for (const envoyVersion of [undefined, OLDER_ENVOY]) {
  const on = `on Envoy ${envoyVersion ?? "(default)"}`;
  const version = envoyVersion === undefined ? {} : { envoyVersion };

  Deno.test(`a response is made, stored, read and deleted ${on}`, async () => {
    await using gateway = await startResponsesGateway(version);
    const client = clientOf(gateway);
    const made = await client.responses.create(ASK);
    assert.equal(made.status, "completed");
    assert.notEqual(made.output_text, "");
    assert.ok(made.usage && made.usage.total_tokens > 0);
    const read = await client.responses.retrieve(made.id);
    assert.deepEqual(read.output, made.output);
    assert.deepEqual(read.conversation, made.conversation);
    const items = await client.responses.inputItems.list(made.id);
    assert.equal(items.data.length, 1);
    await client.responses.delete(made.id);
    await assert.rejects(client.responses.retrieve(made.id), OpenAI.NotFoundError);
  });
}

Deno.test("a response streams every event, numbered from 0, and is stored by the last", async () => {
  await using gateway = await startResponsesGateway();
  const client = clientOf(gateway);
  const events: OpenAI.Responses.ResponseStreamEvent[] = [];
  for await (const event of await client.responses.create({ ...ASK, stream: true })) {
    events.push(event);
  }
  assert.deepEqual(events.map(({ sequence_number }) => sequence_number), [...events.keys()]);
  const types = events.map(({ type }) => type).filter((type, i, all) => type !== all[i - 1]);
  assert.deepEqual(types, [
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.completed",
  ]);
  const last = events.at(-1);
  assert.ok(last?.type === "response.completed");
  const read = await client.responses.retrieve(last.response.id);
  assert.equal(read.status, "completed");
  assert.deepEqual(read.output, last.response.output);
});
