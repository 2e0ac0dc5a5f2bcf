/** Responses over a WebSocket: the events of a stream, one message each. */
import assert from "node:assert/strict";
import { httpApp } from "../http/app.ts";
import { startTestEngine } from "../testing/engine.ts";
import { responsesResource } from "./responses.ts";

// deno-lint-ignore no-explicit-any -- events of every shape
type Event = any;

async function startServer({ webSocket = true } = {}) {
  const test = await startTestEngine({ forwardHeaders: ["x-request-id"] });
  const onFault = (error: unknown) => {
    throw error;
  };
  const { engine, store } = test;
  const app = httpApp({ resources: [responsesResource({ engine, store, onFault, webSocket })] });
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, app.fetch);
  const base = `127.0.0.1:${server.addr.port}/v1/responses`;
  return {
    ...test,
    base,
    async [Symbol.asyncDispose]() {
      await server.shutdown();
      await test[Symbol.asyncDispose]();
    },
  };
}

async function connect(base: string) {
  const socket = new WebSocket(`ws://${base}`);
  const events: Event[] = [];
  let arrived = Promise.withResolvers<void>();
  socket.onmessage = ({ data }) => {
    events.push(JSON.parse(data));
    arrived.resolve();
  };
  await new Promise((opened) => socket.onopen = opened);
  let read = 0;
  const next = async (type: RegExp): Promise<Event> => {
    while (true) {
      for (; read < events.length; read++) {
        if (type.test(events[read].type)) return events[read++];
      }
      await arrived.promise;
      arrived = Promise.withResolvers();
    }
  };
  return {
    events,
    next,
    create: (body: object) =>
      socket.send(JSON.stringify({ type: "response.create", model: "m", ...body })),
    raw: (text: string) => socket.send(text),
    async [Symbol.asyncDispose]() {
      const closed = new Promise((done) => socket.onclose = done);
      socket.close();
      await closed;
    },
  };
}

Deno.test("a socket has the events of a stream, and responses follow each other", async () => {
  await using test = await startServer();
  await using socket = await connect(test.base);
  socket.create({ input: "one", store: false });
  const first = await socket.next(/completed$/);
  const types = socket.events.map(({ type }) => type);
  const streamed = await test.stream({ input: "one" });
  assert.deepEqual(types, streamed.map(({ type }) => type));
  assert.deepEqual(socket.events.map(({ sequence_number }) => sequence_number), [...types.keys()]);
  const previous_response_id = first.response.id;
  socket.create({ input: "two", store: false, previous_response_id });
  await socket.next(/completed$/);
  const roles = test.model.asked.at(-1)?.body.messages.map(({ role }: Event) => role);
  assert.deepEqual(roles, ["user", "assistant", "user"]);
});

Deno.test("requests on one socket are answered one after the other", async () => {
  await using test = await startServer();
  await using socket = await connect(test.base);
  socket.create({ input: "one" });
  socket.create({ input: "two" });
  const ids = [(await socket.next(/completed$/)).response.id];
  ids.push((await socket.next(/completed$/)).response.id);
  const order = socket.events.filter(({ response }) => response).map(({ response }) => response.id);
  assert.deepEqual(order, [ids[0], ids[0], ids[0], ids[1], ids[1], ids[1]]);
});

Deno.test("a warm-up asks no model, and can be followed", async () => {
  await using test = await startServer();
  await using socket = await connect(test.base);
  socket.create({ input: "context", generate: false, store: false });
  const warm = await socket.next(/completed$/);
  assert.equal(test.model.asked.length, 0);
  socket.create({ input: "go", store: false, previous_response_id: warm.response.id });
  await socket.next(/completed$/);
  const texts = test.model.asked[0]?.body.messages.map(({ content }: Event) => content);
  assert.deepEqual(texts, ["context", "go"]);
});

Deno.test("an error is an event with its status, and the socket stays open", async () => {
  await using test = await startServer();
  await using socket = await connect(test.base);
  socket.raw("{");
  assert.equal((await socket.next(/^error$/)).status, 400);
  socket.raw('{"type":"session.update"}');
  assert.match((await socket.next(/^error$/)).error.message, /response\.create/);
  test.model.queue({
    refuse: { status: 429, body: { error: { message: "slow" } }, headers: { "retry-after": "3" } },
  });
  socket.create({ input: "x" });
  const refused = await socket.next(/^error$/);
  assert.deepEqual([refused.status, refused.error.code], [429, "rate_limit_exceeded"]);
  socket.create({ input: "x" });
  await socket.next(/completed$/);
});

Deno.test("closing the socket cancels its response", async () => {
  await using test = await startServer();
  const socket = await connect(test.base);
  test.model.queue({ text: ["Hel", "lo"], amid: new Promise(() => {}) });
  socket.create({ input: "x" });
  const { response: { id } } = await socket.next(/created$/);
  await socket.next(/output_text.delta$/);
  await socket[Symbol.asyncDispose]();
  await test.model.left;
  await test.engine[Symbol.asyncDispose]();
  const page = await test.store.responses.list("default", { limit: 1, order: "desc" });
  assert.deepEqual([page.data[0]?.id, page.data[0]?.status], [id, "cancelled"]);
});

Deno.test("where it is off, and for web pages, the upgrade is refused in the API's words", async () => {
  await using off = await startServer({ webSocket: false });
  const headers = { upgrade: "websocket", connection: "upgrade" };
  const answer = await upgraded(off.base, headers);
  assert.match(answer, /^HTTP\/1.1 426 /);
  assert.match(answer, /"code":"websocket_disabled"/);
  await using on = await startServer();
  const page = await upgraded(on.base, { ...headers, origin: "https://a.test" });
  assert.match(page, /^HTTP\/1.1 403 /);
});

/** `fetch` sends no upgrade. */
async function upgraded(base: string, headers: Record<string, string>): Promise<string> {
  const [authority = "", ...path] = base.split("/");
  const [hostname = "", port] = authority.split(":");
  using connection = await Deno.connect({ hostname, port: Number(port) });
  const lines = Object.entries({ host: authority, ...headers }).map(([name, value]) =>
    `${name}: ${value}\r\n`
  );
  const text = `GET /${path.join("/")} HTTP/1.1\r\n${lines.join("")}\r\n`;
  await connection.write(new TextEncoder().encode(text));
  const buffer = new Uint8Array(4096);
  let answer = "";
  while (!answer.includes("}")) {
    const read = await connection.read(buffer);
    if (read === null) break;
    answer += new TextDecoder().decode(buffer.subarray(0, read));
  }
  return answer;
}
