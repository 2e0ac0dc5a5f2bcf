import assert from "node:assert/strict";
import type { Answer, HeaderList, PhaseMessage, Processor } from "../../ext_proc/mod.ts";
import { MAX_BODY_BYTES } from "../api/body.ts";
import type { Reply } from "../resources/create.ts";
import { startTestEngine, type TestEngine } from "../testing/engine.ts";
import { responsesProcessor } from "./processor.ts";

const MAJOR = "xds.node.user_agent_build_version.version.major_number";
const MINOR = "xds.node.user_agent_build_version.version.minor_number";
const encoder = new TextEncoder();

function head(
  headers: HeaderList = [],
  { endOfStream = false, minor = 40 }: { endOfStream?: boolean; minor?: number } = {},
): PhaseMessage {
  const attributes = { [MAJOR]: 1, [MINOR]: minor };
  return { phase: "request_headers", headers, endOfStream, attributes };
}

function piece(text: string, endOfStream = false): PhaseMessage {
  return { phase: "request_body", body: encoder.encode(text), endOfStream };
}

/** Plays a request to its end; every message but the last must be left waiting. */
async function play(test: TestEngine, messages: PhaseMessage[]) {
  const replies: { reply: Reply; tenant: string }[] = [];
  const processor: Processor = responsesProcessor({
    engine: test.engine,
    onFault: (error) => {
      throw error;
    },
    onCreate: (reply, { tenant }) => replies.push({ reply, tenant }),
  });
  const stream = { signal: new AbortController().signal };
  let answer: Answer = { kind: "wait" };
  for (const message of messages) {
    assert.equal(answer.kind, "wait");
    answer = await processor.answer(message, stream);
  }
  return { answer, replies };
}

function jsonOf(answer: Answer) {
  assert.ok(answer.kind === "immediate");
  return { status: answer.status, body: JSON.parse(new TextDecoder().decode(answer.body)) };
}

Deno.test("the processor waits for the whole request, however it is cut", async () => {
  await using test = await startTestEngine();
  const bodies = [
    [piece('{"model":"m","input":"Hi"}', true)],
    [piece('{"model":"m",'), piece('"input":'), piece('"Hi"}'), piece("", true)],
    [piece('{"model":"m","input":"Hi"}'), { phase: "request_trailers", headers: [] } as const],
  ];
  for (const body of bodies) {
    const { answer, replies } = await play(test, [head([["x-tenant", "acme"]]), ...body]);
    const { status, body: response } = jsonOf(answer);
    assert.deepEqual([status, response.status], [200, "completed"]);
    assert.equal(replies[0]?.tenant, "acme");
    assert.ok(answer.kind === "immediate");
    assert.deepEqual(answer.metadata, { "llmgate.responses": { model: "m", id: response.id } });
  }
});

Deno.test("the processor streams where Envoy can, and says why where it cannot", async () => {
  await using test = await startTestEngine();
  const body = piece('{"model":"m","input":"Hi","stream":true}', true);
  const { answer } = await play(test, [head(), body]);
  assert.ok(answer.kind === "stream");
  const text = (await Array.fromAsync(answer.body)).map((part) => new TextDecoder().decode(part));
  assert.match(text.join(""), /^event: response\.created\ndata: \{/);
  const old = jsonOf((await play(test, [head([], { minor: 36 }), body])).answer);
  assert.equal(old.status, 400);
  assert.match(old.body.error.message, /Envoy 1\.36.*Envoy 1\.37/);
});

Deno.test("the processor refuses what is too long: before it is read, and while it is", async () => {
  await using test = await startTestEngine();
  const long = [["content-length", String(MAX_BODY_BYTES + 1)]] as const;
  assert.equal(jsonOf((await play(test, [head(long)])).answer).status, 413);
  const half: PhaseMessage = {
    phase: "request_body",
    body: new Uint8Array(MAX_BODY_BYTES / 2 + 1),
    endOfStream: false,
  };
  assert.equal(jsonOf((await play(test, [head(), half, half])).answer).status, 413);
});

Deno.test("a request without a body is refused, not crashed on", async () => {
  await using test = await startTestEngine();
  const { answer } = await play(test, [head([], { endOfStream: true })]);
  assert.equal(jsonOf(answer).status, 400);
});
