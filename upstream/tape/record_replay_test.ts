import assert from "node:assert/strict";
import { startUpstream } from "../mod.ts";
import { folder as folderOf } from "../testing/folder.ts";
import { contentOf, parseRecording, requestKey } from "./recording.ts";

const encode = (text: string) => new TextEncoder().encode(text);

async function temporaryFolder(): Promise<string & Disposable> {
  const path = await Deno.makeTempDir();
  return Object.assign(path, {
    [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }),
  });
}

async function filesOf(folder: string): Promise<string[]> {
  const names = [];
  for await (const { name } of Deno.readDir(folder)) names.push(`${folder}/${name}`);
  return names.sort();
}

const CHAT = { model: "m", messages: [{ role: "user", content: "Hi" }], stream: true };

function post(url: string, body: unknown): Promise<Response> {
  return fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: "Bearer sk-client", "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

/** Records one chat from a real upstream; returns the answer's bytes. */
async function record(folder: string): Promise<Uint8Array> {
  await using real = await startUpstream({ pace: "none" });
  await using recorder = await startUpstream({
    record: { folder, upstream: real.url, key: "sk-provider" },
  });
  const response = await fetch(`${recorder.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: "Bearer sk-client", cookie: "c=sk-cookie" },
    body: JSON.stringify(CHAT),
  });
  const bytes = new Uint8Array(await response.arrayBuffer());
  const sent = new Headers(real.journal.entries()[0]?.headers);
  assert.equal(sent.get("authorization"), "Bearer sk-provider");
  return bytes;
}

Deno.test("a recorded stream is replayed byte for byte, without secrets on disk", async () => {
  using folder = await temporaryFolder();
  const recorded = await record(`${folder}`);
  const [file = "", ...others] = await filesOf(`${folder}`);
  assert.deepEqual(others, [`${folder}/scenarios`]);
  assert.match(file, /post-v1-chat-completions-[0-9a-f]{12}\.jsonl$/);
  const text = await Deno.readTextFile(file);
  for (const secret of ["sk-client", "sk-provider", "sk-cookie"]) assert.ok(!text.includes(secret));
  const recording = parseRecording(text, file);
  assert.equal(
    recording.response.headers.find(([name]) => name === "content-type")?.[1].slice(0, 17),
    "text/event-stream",
  );
  await using replay = await startUpstream({ replay: { folder: `${folder}`, scale: 0 } });
  const answer = await post(replay.url, CHAT);
  assert.equal(answer.headers.get("content-type"), "text/event-stream; charset=utf-8");
  assert.deepEqual(new Uint8Array(await answer.arrayBuffer()), recorded);
  const reordered = { stream: true, messages: CHAT.messages, model: "m" };
  const again = await post(replay.url, reordered);
  assert.deepEqual(new Uint8Array(await again.arrayBuffer()), recorded);
});

/** Asks a recorder in front of a scripted upstream, in one dialect and whole or streamed. */
const ASKED: readonly (readonly [path: string, body: object, headers?: HeadersInit])[] = [
  ["/v1/chat/completions", { model: "m", messages: CHAT.messages }],
  ["/v1/chat/completions", { ...CHAT, stream_options: { include_usage: true } }],
  ["/v1/responses", { model: "m", input: "Hi" }],
  ["/v1/responses", { model: "m", input: "Hi", stream: true }],
  ["/v1/messages", { model: "m", max_tokens: 99, messages: CHAT.messages }],
  ["/v1/messages", { model: "m", max_tokens: 99, messages: CHAT.messages, stream: true }],
  ["/v1beta/models/m:generateContent?key=sk-query", { contents: [{ parts: [{ text: "Hi" }] }] }],
  ["/v1beta/models/m:streamGenerateContent?alt=sse&key=sk-query", {
    contents: [{ parts: [{ text: "Hi" }] }],
  }],
];

const SAID = `
match: {}
reply:
  text: Let me look.
  reasoning: hm
  tool_calls: [{ name: look_up, arguments: { city: Oslo, days: 2 } }]
  usage: { input: 12, output: 7, cached: 4 }
`;

for (const [path, body] of ASKED) {
  const kind = "stream" in body || path.includes("sse") ? "stream" : "answer";
  Deno.test(`a recorded ${kind} of ${path.split("?")[0]} is a scenario for every dialect`, async () => {
    using scripted = await folderOf({ "a.yaml": SAID });
    using kept = await folderOf({});
    const post = (url: string, target: string, asked: object) =>
      fetch(`${url}${target}`, { method: "POST", body: JSON.stringify(asked) });
    await using real = await startUpstream({ pace: "none", scenarios: `${scripted}` });
    await using recorder = await startUpstream({
      record: { folder: `${kept}`, upstream: real.url, key: "sk-provider" },
    });
    await (await post(recorder.url, path, body)).text();
    for (const name of ["", "/scenarios"]) {
      for await (const file of Deno.readDir(`${kept}${name}`)) {
        if (!file.isFile) continue;
        assert.doesNotMatch(await Deno.readTextFile(`${kept}${name}/${file.name}`), /sk-/);
      }
    }
    assert.doesNotMatch(real.journal.entries()[0]?.target ?? "", /sk-query/);
    await using mock = await startUpstream({
      pace: "none",
      scenarios: `${kept}/scenarios`,
      strict: true,
    });
    const chat = await (await post(mock.url, "/v1/chat/completions", {
      model: "m",
      messages: CHAT.messages,
    })).json();
    const { message, finish_reason } = chat.choices[0];
    assert.equal(message.content, "Let me look.");
    assert.equal(message.reasoning_content, "hm");
    assert.equal(finish_reason, "tool_calls");
    assert.deepEqual(JSON.parse(message.tool_calls[0].function.arguments), {
      city: "Oslo",
      days: 2,
    });
    assert.equal(chat.usage.prompt_tokens_details.cached_tokens, 4);
    assert.equal(chat.usage.total_tokens, 19);
  });
}

Deno.test("a recorded error is a scenario with its status, words and retry-after", async () => {
  using scripted = await folderOf({
    "a.yaml": "match: {}\nerror: { status: 429, message: Slow, retry_after: 3 }",
  });
  using kept = await folderOf({});
  await using real = await startUpstream({ pace: "none", scenarios: `${scripted}` });
  await using recorder = await startUpstream({ record: { folder: `${kept}`, upstream: real.url } });
  await (await post(recorder.url, CHAT)).text();
  await using mock = await startUpstream({ pace: "none", scenarios: `${kept}/scenarios` });
  const again = await post(mock.url, CHAT);
  assert.equal(again.status, 429);
  assert.equal(again.headers.get("retry-after"), "3");
  assert.equal((await again.json()).error.message, "Slow");
});

const line = (value: unknown) => `${JSON.stringify(value)}\n`;
const HAND_MADE = line({
  llmgate: "recording/v1",
  request: {
    method: "POST",
    target: "/v1/chat/completions",
    headers: [],
    body: { text: JSON.stringify(CHAT) },
  },
}) + line({ response: { status: 200, headers: [["content-type", "text/event-stream"]], t: 1 } }) +
  line({ t: 10, text: "data: a\r\n\r" }) + line({ t: 40, base64: btoa("\ndata: \xf0\x9f") }) +
  line({ t: 60, base64: btoa("\x99\x82\n\n") });

Deno.test("replay keeps chunks that cut a character, and their original times", async () => {
  using folder = await temporaryFolder();
  await Deno.writeTextFile(`${folder}/a.jsonl`, HAND_MADE);
  await using replay = await startUpstream({ replay: { folder: `${folder}` } });
  const bytes = await (await post(replay.url, CHAT)).bytes();
  assert.deepEqual(bytes, encode("data: a\r\n\r\ndata: 🙂\n\n"));
  const exchange = replay.journal.entries()[0];
  assert.ok(exchange?.endedAt !== undefined);
  assert.ok(exchange.endedAt - exchange.receivedAt >= 59);
});

Deno.test("a strict miss names the nearest recording and where it differs", async () => {
  using folder = await temporaryFolder();
  await Deno.writeTextFile(`${folder}/a.jsonl`, HAND_MADE);
  await using replay = await startUpstream({ replay: { folder: `${folder}`, scale: 0 } });
  const other = { ...CHAT, messages: [{ role: "user", content: "Bye" }] };
  const response = await post(replay.url, other);
  assert.equal(response.status, 404);
  const { error } = await response.json();
  assert.equal(error.code, "recording_not_found");
  assert.match(
    error.message,
    /nearest is ".*a\.jsonl", which has messages\[0\]\.content = "Hi", not "Bye"/,
  );
});

Deno.test("a miss goes to the endpoints when replay is not strict", async () => {
  using folder = await temporaryFolder();
  await using replay = await startUpstream({
    pace: "none",
    replay: { folder: `${folder}`, strict: false },
  });
  const response = await post(replay.url, { ...CHAT, stream: false });
  assert.equal((await response.json()).object, "chat.completion");
});

Deno.test("a broken recording is refused with its line", async () => {
  using folder = await temporaryFolder();
  await Deno.writeTextFile(`${folder}/a.jsonl`, HAND_MADE.replace('"t":40', '"t":"soon"'));
  await assert.rejects(
    startUpstream({ replay: { folder: `${folder}` } }),
    /a\.jsonl:4:1: Cannot read the recording/,
  );
});

Deno.test("an answer that breaks off is passed on broken and not recorded", async () => {
  using scenarios = await temporaryFolder();
  const steps = [{ headers: {} }, { event: { data: "1" } }, { barrier: "seen" }, { abort: "rst" }];
  const scenario = { name: "broken", match: { path: "/v1/broken" }, steps };
  await Deno.writeTextFile(`${scenarios}/broken.json`, JSON.stringify(scenario));
  using folder = await temporaryFolder();
  await using real = await startUpstream({ scenarios: `${scenarios}` });
  await using recorder = await startUpstream({
    record: { folder: `${folder}`, upstream: real.url },
  });
  const response = await fetch(`${recorder.url}/v1/broken`);
  assert.equal(response.status, 200);
  const reader = response.body?.getReader();
  assert.ok((await reader?.read())?.value);
  real.barriers.release("broken/seen");
  await assert.rejects(async () => {
    while (!(await reader?.read())?.done);
  });
  assert.deepEqual(await filesOf(`${folder}`), []);
  const passedOn = await recorder.journal.waitFor(({ end }) => end !== undefined);
  assert.equal(passedOn.end, "aborted");
});

Deno.test("a recorded upstream that cannot be reached is a 502, OpenAI-shaped", async () => {
  using folder = await temporaryFolder();
  await using real = await startUpstream();
  await using recorder = await startUpstream({
    record: { folder: `${folder}`, upstream: real.url },
  });
  await real.close();
  const response = await fetch(`${recorder.url}/v1/models`);
  assert.equal(response.status, 502);
  assert.equal((await response.json()).error.code, "upstream_unavailable");
});

Deno.test("requestKey() ignores blanks and the order of keys, and nothing else", () => {
  const key = (body: string) => requestKey("POST", "/x", encode(body));
  assert.equal(key('{"a":1,"b":[1,2]}'), key('{ "b": [1, 2], "a": 1 }'));
  assert.notEqual(key('{"b":[1,2]}'), key('{"b":[2,1]}'));
  assert.notEqual(key("{}"), requestKey("POST", "/x?a", encode("{}")));
});

Deno.test("contentOf() keeps what is not UTF-8 as base64", () => {
  assert.deepEqual(contentOf(encode("é")), { text: "é" });
  assert.deepEqual(contentOf(new Uint8Array([0xc3])), { base64: "ww==" });
});
