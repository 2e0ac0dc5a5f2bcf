/** The steps of the transform processor through a real Envoy. */
import assert from "node:assert/strict";
import type { UpstreamStep } from "../../upstream/mod.ts";
import { ask, contentOf, json, startTransformed, stream } from "./stack.ts";

const MAIL = "jane.doe@example.com";
const ASK = { model: "gpt-4o-mini", messages: [{ role: "user", content: "Hello" }] };

const answer = (content: string) => ({
  id: "chatcmpl-1",
  object: "chat.completion",
  created: 1,
  model: "m",
  choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
});

Deno.test("redact: a canary never reaches the model, nor the client in JSON, nor in a stream at any cut", async () => {
  await using gateway = await startTransformed("steps: [{ redact: { detect: [email, card] } }]\n");
  const asked = await ask(gateway, {
    ...ASK,
    messages: [{ role: "user", content: `I am ${MAIL}` }],
  });
  assert.equal(asked.status, 200);
  await asked.body?.cancel();
  const seen = gateway.part.mock?.journal.entries().at(-1);
  assert.equal(
    seen?.bodyBytes,
    JSON.stringify({
      ...ASK,
      messages: [{ role: "user", content: "I am [EMAIL]" }],
    }).length,
  );

  const whole = await ask(gateway, ASK, { steps: json(answer(`Write to ${MAIL}.`)) });
  assert.equal((await whole.json()).choices[0].message.content, "Write to [EMAIL].");

  for (let cut = 1; cut < MAIL.length; cut++) {
    const pieces = ["Write to ", MAIL.slice(0, cut), MAIL.slice(cut), " soon."];
    const streamed = await ask(gateway, { ...ASK, stream: true }, { steps: stream(pieces) });
    const text = await streamed.text();
    assert.deepEqual(contentOf(text), {
      content: "Write to [EMAIL] soon.",
      finish: ["stop"],
      done: 1,
    }, `cut ${cut}`);
    assert.ok(!text.includes("jane"), `cut ${cut}`);
  }
});

Deno.test("redact: what holds nothing passes byte for byte, requests and streams", async () => {
  await using gateway = await startTransformed("steps: [{ redact: { detect: [email] } }]\n");
  const body =
    `{ "model":"gpt-4o-mini",  "stream": true, "messages":[{"role":"user","content":"Hi"}] }`;
  const odd = ': a comment\r\nevent: x\r\ndata:  {"choices": []}\r\n\r\n';
  const steps = [
    { headers: { headers: { "content-type": "text/event-stream" } } },
    { write: odd },
    ...stream(["Hello ", "there "]).slice(1),
  ];
  const response = await ask(gateway, body, { steps });
  const text = await response.text();
  assert.ok(text.startsWith(odd), text.slice(0, 80));
  assert.equal(contentOf(text).content, "Hello there ");
  const seen = gateway.part.mock?.journal.entries().at(-1);
  assert.equal(seen?.bodyBytes, body.length);
});

Deno.test("redact, reversible: the model sees tags, the client gets its own words back, streamed too", async () => {
  await using gateway = await startTransformed(
    "steps: [{ redact: { detect: [email], replace: reversible } }]\n",
  );
  const mine = { ...ASK, messages: [{ role: "user", content: `I am ${MAIL}` }] };
  const whole = await ask(gateway, mine, { steps: json(answer("Dear <EMAIL_1>!")) });
  assert.equal((await whole.json()).choices[0].message.content, `Dear ${MAIL}!`);
  const streamed = await ask(gateway, { ...mine, stream: true }, {
    steps: stream(["Dear <EM", "AIL", "_1", "> and <b>"]),
  });
  assert.equal(contentOf(await streamed.text()).content, `Dear ${MAIL} and <b>`);
  const other = await ask(gateway, ASK, { steps: json(answer("Dear <EMAIL_1>!")) });
  assert.equal((await other.json()).choices[0].message.content, "Dear <EMAIL_1>!");
});

Deno.test("prompt and api: system text is added, a prompt is an API with checked input", async () => {
  await using gateway = await startTransformed(`
steps:
  - prompt: { when: { tenant: [demo] }, system: { prepend: "Answer in English." } }
  - api:
      path: /v1/run/translate
      model: gpt-4o-mini
      messages: [{ role: user, content: "Translate into {{language}}: {{text}}" }]
      input: { text: string, language: { enum: [fr, de] } }
`);
  const path = "/v1/run/translate";
  const good = await ask(gateway, { text: "Hi {{language}}", language: "fr" }, {
    path,
    steps: json(answer("Salut")),
  });
  assert.deepEqual(await good.json(), { text: "Salut", usage: answer("").usage });
  assert.equal(gateway.part.mock?.journal.entries().at(-1)?.target, "/v1/chat/completions");
  for (
    const [body, param] of [[{ text: "x" }, "language"], [{ text: 1, language: "fr" }, "text"]]
  ) {
    const bad = await ask(gateway, body, { path });
    assert.equal(bad.status, 400);
    const { error } = await bad.json();
    assert.deepEqual([error.code, error.param], ["invalid_input", param]);
  }
});

Deno.test("api: its answers are its own in the cache, and its turns are a session's", async () => {
  await using gateway = await startTransformed(`
steps:
  - cache: { when: always }
  - context: {}
  - api:
      path: /v1/run/greet
      model: m
      messages: [{ role: user, content: "Say hi to {{name}}" }]
      input: { name: string }
`);
  const chat = { model: "m", messages: [{ role: "user", content: "Say hi to Ann" }] };
  const run = () => ask(gateway, { name: "Ann" }, { path: "/v1/run/greet", steps: HI });
  const HI = json(answer("Hi Ann"));
  const first = await (await run()).json();
  assert.equal(first.text, "Hi Ann");
  const direct = await (await ask(gateway, chat, { steps: json(answer("Hi Ann")) })).json();
  assert.equal(direct.choices[0].message.content, "Hi Ann");
  const again = await run();
  assert.equal(again.headers.get("x-llm-cache"), "hit");
  assert.deepEqual(await again.json(), first);
});

Deno.test("guard: words refuse an input, and cut an answer and a stream", async () => {
  await using gateway = await startTransformed(`
steps:
  - guard:
      input: { words: { list: [forbidden], patterns: ["pass(word|phrase)"] } }
      output: { words: { list: [secret plan] } }
`);
  for (const content of ["a Forbidden thing", "my PASSPHRASE"]) {
    const response = await ask(gateway, { ...ASK, messages: [{ role: "user", content }] });
    assert.equal(response.status, 400);
    assert.equal((await response.json()).error.code, "content_filter");
  }
  const whole = await ask(gateway, ASK, { steps: json(answer("The secret plan is this")) });
  const { choices } = await whole.json();
  assert.deepEqual([choices[0].message.content, choices[0].finish_reason], ["", "content_filter"]);
  const streamed = await ask(gateway, { ...ASK, stream: true }, {
    steps: stream(["Well. ", "The sec", "ret plan", " is this. ", "More. "]),
  });
  const { content, finish, done } = contentOf(await streamed.text());
  assert.deepEqual([content.trim(), finish, done], ["Well.", ["content_filter"], 1]);
  const clean = await ask(gateway, { ...ASK, stream: true }, { steps: stream(["One. ", "Two"]) });
  assert.deepEqual(contentOf(await clean.text()), {
    content: "One. Two",
    finish: ["stop"],
    done: 1,
  });
});

Deno.test("cache: a hit is byte for byte the answer, asks nobody, and belongs to its tenant; 50 at once ask once", async () => {
  await using gateway = await startTransformed("steps: [{ cache: {} }]\n");
  const asked = () => gateway.part.mock?.journal.entries().length ?? 0;
  const fixed = { ...ASK, temperature: 0 };
  for (const body of [fixed, { ...fixed, stream: true }]) {
    const first = await ask(gateway, body);
    assert.equal(first.headers.get("x-llm-cache"), "miss");
    const bytes = await first.text();
    const before = asked();
    const second = await ask(gateway, Object.fromEntries(Object.entries(body).reverse()));
    assert.equal(second.headers.get("x-llm-cache"), "hit");
    assert.equal(second.headers.get("content-type"), first.headers.get("content-type"));
    assert.equal(await second.text(), bytes);
    assert.equal(asked(), before);
  }
  for (
    const [change, headers, what] of [
      [{ tools: [] }, {}, "miss"],
      [{ temperature: 1 }, {}, "bypass"],
      [{}, { "cache-control": "no-store" }, "bypass"],
      [{}, { "cache-control": "no-cache" }, "miss"],
    ] as const
  ) {
    const response = await ask(gateway, { ...fixed, ...change }, { headers });
    assert.equal(response.headers.get("x-llm-cache"), what, JSON.stringify([change, headers]));
    await response.body?.cancel();
  }
  const before = asked();
  const one = { ...fixed, seed: 7 };
  const answers = await Promise.all(
    Array.from({ length: 50 }, async () => await (await ask(gateway, one)).text()),
  );
  assert.equal(new Set(answers).size, 1);
  assert.equal(asked() - before, 1);
  const failed = await ask(gateway, { ...fixed, seed: 8 }, { steps: json({ error: {} }, 500) });
  await failed.body?.cancel();
  const said = stream(["x"]);
  const error: UpstreamStep = { event: { data: JSON.stringify({ error: { message: "boom" } }) } };
  const unkept = [
    [{ headers: { headers: { "content-type": "application/json", "cache-control": "no-store" } } }]
      .concat(json(answer("x")).slice(1) as never[]),
    [...said.slice(0, -1), error, ...said.slice(-1)],
    [...said, error],
    said.slice(0, -1),
  ];
  for (const [at, steps] of unkept.entries()) {
    const body = { ...fixed, seed: 100 + at, stream: at > 0 };
    for (let n = 0; n < 2; n++) {
      const response = await ask(gateway, body, { steps });
      await response.text();
      assert.equal(response.headers.get("x-llm-cache"), "miss", String(at));
    }
  }
  const again = await ask(gateway, { ...fixed, seed: 8 });
  assert.equal(again.headers.get("x-llm-cache"), "miss");
  await again.body?.cancel();
});

Deno.test("context: a session's turns go in front, once, whole, for its tenant alone", async () => {
  await using gateway = await startTransformed("steps: [{ context: { keep: { turns: 2 } } }]\n");
  const headers = { "x-session-id": "s-1" };
  const say = async (content: string, reply: string, streams = false) => {
    const body = { ...ASK, stream: streams, messages: [{ role: "user", content }] };
    const steps = streams ? stream([reply.slice(0, 2), reply.slice(2)]) : json(answer(reply));
    const response = await ask(gateway, body, { headers, steps });
    await response.text();
    return response.headers.get("x-llm-context");
  };
  assert.equal(await say("My name is Jane", "Hi Jane"), "turns=0 tokens=0 dropped=0");
  assert.match(await say("And yours?", "I am a mock", true) ?? "", /^turns=1 /);
  assert.match(await say("Really?", "Yes") ?? "", /^turns=2 .*dropped=0$/);
  assert.match(await say("Truly?", "Yes!") ?? "", /^turns=2 .*dropped=0$/);
  const cut = await ask(gateway, { ...ASK, stream: true }, {
    headers,
    steps: [...stream(["half"]).slice(0, 3), { abort: "fin" }],
  });
  await cut.text().catch(() => {});
  const seen = gateway.part.mock?.journal.entries().at(-1);
  const sent = JSON.stringify({
    model: ASK.model,
    stream: true,
    messages: [
      { role: "user", content: "Really?" },
      answer("Yes").choices[0]?.message,
      { role: "user", content: "Truly?" },
      answer("Yes!").choices[0]?.message,
      { role: "user", content: "Hello" },
    ],
  });
  assert.equal(seen?.bodyBytes, JSON.stringify({ ...JSON.parse(sent) }).length);
  assert.match(await say("Still?", "Sure") ?? "", /^turns=2 /);
  const bad = await ask(gateway, ASK, { headers: { "x-session-id": "a/b" } });
  assert.equal((await bad.json()).error.code, "invalid_session_id");
});

Deno.test("context as a header: the body passes as it came, routes may match it, and a client cannot say it", async () => {
  await using gateway = await startTransformed("steps: [{ context: { as: header } }]\n", {
    edit({ static_resources: { listeners } }) {
      const [manager] = listeners[0].filter_chains[0].filters;
      const { routes } = manager.typed_config.route_config.virtual_hosts[0];
      const route = routes.find(({ match }: { match: { prefix?: string } }) =>
        match.prefix === "/v1/" || match.prefix === "/"
      );
      const headers = [{
        name: "x-llm-context-turns",
        range_match: { start: 1, end: 1_000 },
      }];
      const long = structuredClone(route);
      long.match.headers = [...long.match.headers ?? [], ...headers];
      long.request_headers_to_add = [{ header: { key: "x-long-context", value: "yes" } }];
      routes.unshift(long);
    },
  });
  const say = async (content: string) => {
    const body = `{ "model": "m",  "messages":[{"role":"user","content":"${content}"}] }`;
    const response = await ask(gateway, body, {
      headers: { "x-session-id": "s-1", "x-llm-context": "bWluZQ", "x-llm-context-turns": "9" },
      steps: json(answer(`re: ${content}`)),
    });
    await response.text();
    const seen = gateway.part.mock?.journal.entries().at(-1);
    assert.equal(seen?.bodyBytes, body.length);
    const header = (name: string) => seen?.headers.find(([one]) => one === name)?.[1];
    return ["x-llm-context", "x-llm-context-turns", "x-long-context"].map(header);
  };
  assert.deepEqual(await say("one"), [undefined, undefined, undefined]);
  const [context, ...others] = await say("two");
  assert.deepEqual(others, ["1", "yes"]);
  const messages = JSON.parse(atob((context ?? "").replaceAll("-", "+").replaceAll("_", "/")));
  assert.deepEqual(messages, [
    { role: "user", content: "one" },
    { role: "assistant", content: "re: one" },
  ]);
});

Deno.test("fail closed: without its processor the gateway answers 503, and the model is not asked", async () => {
  await using gateway = await startTransformed("steps: [{ redact: { detect: [email] } }]\n");
  const { transform } = gateway.part.services as { transform: string };
  const before = gateway.part.mock?.journal.entries().length;
  // The part is taken down as a crash would: what listens there is gone.
  await gateway.part[Symbol.asyncDispose]();
  const response = await ask(gateway, ASK);
  assert.equal(response.status, 503);
  const { error } = await response.json();
  assert.ok(["transform_unavailable", "policy_unavailable"].includes(error.code), transform);
  assert.equal(gateway.part.mock?.journal.entries().length, before);
});
