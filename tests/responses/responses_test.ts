/** Journeys through a real Envoy with the Responses gateway: what docs/responses.md promises. */
import assert from "node:assert/strict";
import { OpenAI, type Wire } from "../../openai/testing/sdk.ts";
import type { Gateway } from "../../gateway/mod.ts";
import { type ResponsesPart, responsesProfile } from "../../gateway/profiles/mod.ts";
import { connectGrpc } from "../../grpc/mod.ts";
import { messageCodec } from "../../grpc/messages/mod.ts";
import { defaultConfig } from "../../responses/mod.ts";
import { makePeerSecret, PEER_HEADER } from "../../service/mod.ts";
import type { UpstreamStep } from "../../upstream/mod.ts";
import { OLDER_ENVOY, startTestGateway, type TestGatewayOptions } from "../testing/stack.ts";

interface JourneyOptions extends TestGatewayOptions<ResponsesPart> {
  /** How long the model may take to its first piece. */
  readonly firstEventTimeoutMs?: number;
}

/** The model is the mock upstream, which obeys the scripts that a request's header names. */
function startResponsesGateway(options: JourneyOptions = {}): Promise<Gateway<ResponsesPart>> {
  const { firstEventTimeoutMs, ...rest } = options;
  const config = defaultConfig();
  return startTestGateway({
    profile: responsesProfile({
      config: {
        ...config,
        engine: {
          ...config.engine,
          forward_headers: ["x-request-id", "x-mock-script"],
          first_event_timeout_ms: firstEventTimeoutMs ?? config.engine.first_event_timeout_ms,
        },
      },
    }),
    ...rest,
  });
}

/** Sets a script on the model, and returns what asks for it. */
function script(
  gateway: Gateway<ResponsesPart>,
  steps: UpstreamStep[],
): { headers: Record<string, string> } {
  gateway.part.mocks[0]?.scripts.set("held", { steps });
  return { headers: { "x-mock-script": "held" } };
}

const delta = (content: string): UpstreamStep => ({
  event: { data: { choices: [{ index: 0, delta: { content }, finish_reason: null }] } },
});
const FINISH: UpstreamStep = {
  event: { data: { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] } },
};
const EVENT_STREAM = { headers: { headers: { "content-type": "text/event-stream" } } };

function post(
  gateway: Gateway<ResponsesPart>,
  body: BodyInit,
  headers: Record<string, string> = {},
) {
  return fetch(`${gateway.url}/v1/responses`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-api-key": "demo-key", ...headers },
    body,
  });
}

function clientOf(gateway: Gateway<ResponsesPart>, apiKey = "demo-key"): OpenAI {
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

  Deno.test(`what cannot be answered is an OpenAI-shaped error ${on}`, async () => {
    await using gateway = await startResponsesGateway(version);
    const cases: readonly [BodyInit, number, string][] = [
      ["{", 400, "invalid_request"],
      ["", 400, "invalid_request"],
      ['{"model":"m"}', 400, "invalid_request"],
      ['{"model":"m","input":"x","previous_response_id":"no"}', 400, "previous_response_not_found"],
      // Of unsaid length, and with more behind it than one message holds.
      [new Blob(["[", new Uint8Array(3_000_000).fill(32), "]"]), 400, "invalid_request"],
    ];
    for (const [body, status, code] of cases) {
      const response = await post(gateway, body instanceof Blob ? body.stream() : body);
      const { error } = await response.json();
      assert.deepEqual([response.status, error.code], [status, code]);
      assert.equal(response.headers.get("content-type"), "application/json");
    }
    const denied = await post(gateway, "{}", { "x-api-key": "nobody" });
    assert.equal((await denied.json()).error.code, "invalid_api_key");
    assert.equal(gateway.part.mocks[0]?.journal.entries().length, 0);
  });

  Deno.test(`without the gateway, requests are refused ${on}`, async () => {
    await using gateway = await startResponsesGateway(version);
    await gateway.part.responses[Symbol.asyncDispose]();
    const response = await post(gateway, JSON.stringify(ASK));
    assert.equal(response.status, 503);
    assert.equal((await response.json()).error.code, "responses_unavailable");
  });
}

Deno.test("a response streams every event, numbered from 0, and is stored by the last", async () => {
  await using gateway = await startResponsesGateway();
  const client = clientOf(gateway);
  const events: Wire[] = [];
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

Deno.test("a stream passes event by event: the model waits until the client has the first", async () => {
  await using gateway = await startResponsesGateway();
  const held = [EVENT_STREAM, delta("one"), { barrier: "go" }, delta(" two"), FINISH];
  const stream = await clientOf(gateway).responses.create(
    { ...ASK, stream: true },
    script(gateway, held),
  );
  const seen: string[] = [];
  for await (const event of stream) {
    if (event.type !== "response.output_text.delta") continue;
    seen.push(event.delta);
    gateway.part.mocks[0]?.barriers.release("held/go");
  }
  assert.deepEqual(seen, ["one", " two"]);
});

Deno.test("a client that leaves ends the model's answer, and the response is stored as cancelled", async () => {
  await using gateway = await startResponsesGateway();
  const held = [EVENT_STREAM, delta("one"), { barrier: "never" }];
  const client = clientOf(gateway);
  const stream = await client.responses.create({ ...ASK, stream: true }, script(gateway, held));
  let id = "";
  for await (const event of stream) {
    if (event.type === "response.created") id = event.response.id;
    if (event.type === "response.output_text.delta") break;
  }
  await gateway.part.mocks[0]?.journal.waitFor(({ end }) => end?.startsWith("client-") ?? false);
  let { status } = await client.responses.retrieve(id);
  // The model's connection ends before the store has taken the response.
  while (status === "in_progress") ({ status } = await client.responses.retrieve(id));
  assert.equal(status, "cancelled");
});

Deno.test("a model that hangs gives the client 504 once its time is over", async () => {
  await using gateway = await startResponsesGateway({ firstEventTimeoutMs: 300 });
  const client = clientOf(gateway);
  for (const stream of [false, true]) {
    await assert.rejects(
      client.responses.create({ ...ASK, stream }, script(gateway, [{ hang: true }])),
      (error: Wire) => error instanceof OpenAI.APIError && error.status === 504,
    );
  }
});

Deno.test("a model that breaks off or is gone gives the client an error it understands", async () => {
  await using gateway = await startResponsesGateway();
  const client = clientOf(gateway);
  const broken = await client.responses.create(
    { ...ASK, stream: true },
    script(gateway, [EVENT_STREAM, delta("one"), { abort: "fin" }]),
  );
  const events = await Array.fromAsync<Wire>(broken);
  const last = events.at(-1);
  assert.ok(last?.type === "response.failed");
  assert.equal((await client.responses.retrieve(last.response.id)).status, "failed");
  await gateway.part.mocks[0]?.[Symbol.asyncDispose]();
  await assert.rejects(
    client.responses.create(ASK),
    (error: Wire) => error instanceof OpenAI.APIError && error.status === 503,
  );
  const health = await (await fetch(`${gateway.url}/health`)).json();
  assert.deepEqual([health.status, health.backend.status], ["healthy", "down"]);
});

Deno.test(`Envoy ${OLDER_ENVOY} is told which one can stream`, async () => {
  await using gateway = await startResponsesGateway({ envoyVersion: OLDER_ENVOY });
  await assert.rejects(
    clientOf(gateway).responses.create({ ...ASK, stream: true }),
    (error: Wire) =>
      error instanceof OpenAI.BadRequestError && error.code === "streaming_unsupported" &&
      /1\.36.*Envoy 1\.37/.test(error.message),
  );
});

Deno.test("turns, conversations, background and cancel work with the official client", async () => {
  await using gateway = await startResponsesGateway();
  const client = clientOf(gateway);
  const first = await client.responses.create(ASK);
  const second = await client.responses.create({ ...ASK, previous_response_id: first.id });
  assert.equal(second.previous_response_id, first.id);
  const conversation = await client.conversations.create({ metadata: { topic: "sums" } });
  const third = await client.responses.create({ ...ASK, conversation: conversation.id });
  assert.equal(third.conversation?.id, conversation.id);
  const items = await client.conversations.items.list(conversation.id, { order: "asc" });
  assert.deepEqual(items.data.map(({ type }: Wire) => type), ["message", "message"]);
  const held = [EVENT_STREAM, delta("one"), { barrier: "never" }];
  const queued = await client.responses.create(
    { ...ASK, background: true },
    script(gateway, held),
  );
  assert.equal(queued.status, "queued");
  const cancelled = await client.responses.cancel(queued.id);
  assert.equal(cancelled.status, "cancelled");
  const done = await client.responses.create({ ...ASK, background: true });
  const followed = await client.responses.retrieve(done.id, { stream: true, starting_after: 2 });
  const events = await Array.fromAsync<Wire>(followed);
  assert.equal(events[0]?.sequence_number, 3);
  assert.equal(events.at(-1)?.type, "response.completed");
});

Deno.test("nobody can be taken for another tenant, and the processor tells its health", async () => {
  const peerSecret = makePeerSecret();
  await using gateway = await startResponsesGateway({ peerSecret });
  const own = await (await post(gateway, JSON.stringify(ASK), { "x-tenant": "other" })).json();
  const read = async (tenant: string) => {
    const url = `${gateway.part.responses.http.url}/v1/responses/${own.id}`;
    const response = await fetch(url, {
      headers: { "x-tenant": tenant, [PEER_HEADER]: peerSecret },
    });
    await response.text();
    return response.status;
  };
  assert.equal(await read("demo"), 200, "policy's word counts");
  assert.equal(await read("other"), 404);
  const address = gateway.part.responses.extproc.address ?? "";
  using grpc = connectGrpc({ address });
  const request = messageCodec("grpc.health.v1.HealthCheckRequest");
  const answer = messageCodec("grpc.health.v1.HealthCheckResponse");
  const service = "envoy.service.ext_proc.v3.ExternalProcessor";
  const reply = await grpc.unary("/grpc.health.v1.Health/Check", request.encode({ service }), {
    deadlineMs: 60_000,
  });
  assert.equal(answer.decode(reply)["status"], "SERVING");
  const metrics = await (await fetch(`${gateway.control.url}/metrics`)).text();
  assert.match(metrics, /llmgate_responses_requests_total\{front="extproc",status="200"\} 1/);
});

Deno.test("both ways in give the same answer, but for ids and times; Envoy's log names it", async () => {
  const peerSecret = makePeerSecret();
  await using gateway = await startResponsesGateway({ peerSecret });
  const logged = Promise.withResolvers<{ model?: string | undefined; responseId: string }>();
  using _ = gateway.onLogged(({ model, responseId }) => {
    if (responseId !== undefined) logged.resolve({ model, responseId });
  });
  const ask = async (base: string, stream: boolean) => {
    const response = await fetch(`${base}/v1/responses`, {
      method: "POST",
      headers: { "x-api-key": "demo-key", "x-tenant": "demo", [PEER_HEADER]: peerSecret },
      body: JSON.stringify({ ...ASK, stream }),
    });
    const text = (await response.text())
      .replaceAll(/\b(resp|conv|msg)_[0-9a-f]{32}/g, "$1")
      .replaceAll(/"(created|completed)_at":\d+/g, "");
    return [response.status, response.headers.get("content-type"), text];
  };
  const http = gateway.part.responses.http.url ?? "";
  for (const stream of [false, true]) {
    assert.deepEqual(await ask(gateway.url, stream), await ask(http, stream));
  }
  const { model, responseId } = await logged.promise;
  assert.equal(model, ASK.model);
  assert.match(responseId, /^resp_/);
});
