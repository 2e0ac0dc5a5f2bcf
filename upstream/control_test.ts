import assert from "node:assert/strict";
import { controlHandler, startUpstream } from "./mod.ts";
import { RawClient, request } from "./testing/raw_client.ts";

const BASE = "http://control/__mock";

Deno.test("controlHandler() sets, shows and deletes scripts", async () => {
  await using upstream = await startUpstream({ pace: "none" });
  const control = controlHandler(upstream);
  const yaml = "steps:\n  - headers: { status: 418 }\n  - write: short and stout\n";
  const put = await control(
    new Request(`${BASE}/scripts/tea-pot-1`, { method: "PUT", body: yaml }),
  );
  assert.equal(put.status, 201);
  const answer = await fetch(upstream.url, { headers: { "x-mock-script": "tea-pot-1" } });
  assert.equal(answer.status, 418);
  assert.equal(await answer.text(), "short and stout");
  assert.deepEqual(await (await control(new Request(`${BASE}/scripts`))).json(), ["tea-pot-1"]);
  const shown = await (await control(new Request(`${BASE}/scripts/tea-pot-1`))).json();
  assert.deepEqual(shown.steps[1], { write: "short and stout" });
  const gone = await control(new Request(`${BASE}/scripts/tea-pot-1`, { method: "DELETE" }));
  assert.equal(gone.status, 204);
  assert.equal((await control(new Request(`${BASE}/scripts/tea-pot-1`))).status, 404);
});

Deno.test("controlHandler() sets replies and errors by name, for whoever asks in whatever dialect", async () => {
  await using upstream = await startUpstream({ pace: "none" });
  const handler = controlHandler(upstream);
  const put = (body: string) =>
    handler(new Request("http://c/__mock/scripts/told", { method: "PUT", body }));
  const ask = () =>
    fetch(`${upstream.url}/v1/messages`, {
      method: "POST",
      headers: { "x-mock-script": "told" },
      body: JSON.stringify({
        model: "m",
        max_tokens: 9,
        messages: [{ role: "user", content: "Hi" }],
      }),
    });
  assert.equal((await put("reply: Told so")).status, 201);
  assert.equal((await (await ask()).json()).content[0].text, "Told so");
  assert.equal((await put("error: { status: 529, retry_after: 2 }")).status, 200);
  const busy = await ask();
  assert.equal(busy.status, 529);
  assert.equal((await busy.json()).error.type, "overloaded_error");
  const wrong = await put("reply: { texd: x }");
  assert.equal(wrong.status, 400);
  assert.match(await wrong.text(), /script \\"told\\":1:10: reply/);
});

Deno.test("controlHandler() refuses a wrong script with line, column and what was expected", async () => {
  await using upstream = await startUpstream({ pace: "none" });
  const response = await controlHandler(upstream)(
    new Request(`${BASE}/scripts/x`, { method: "PUT", body: "steps:\n  - wrte: a\n" }),
  );
  assert.equal(response.status, 400);
  const { error } = await response.json();
  assert.match(error.message, /script "x":2:5: steps\.0: Expected a step/);
});

Deno.test("controlHandler() runs a lock-step over barriers and waits for the end", async () => {
  await using upstream = await startUpstream({ pace: "none" });
  const control = controlHandler(upstream);
  upstream.scripts.set("case-0001", { steps: [{ event: { data: "1" } }, { barrier: "go" }] });
  await using client = await RawClient.connect(upstream.port);
  client.send(request("/v1/x", { headers: { "x-harness-case": "case-0001.aa" } }));
  const arrived = await control(new Request(`${BASE}/barriers/case-0001/go/arrival`));
  assert.equal(arrived.status, 204);
  await control(new Request(`${BASE}/barriers/case-0001/go/release`, { method: "POST" }));
  const lines = await control(new Request(`${BASE}/journal?nonce=case-0001&wait=end`));
  const entry = JSON.parse((await lines.text()).trim());
  assert.equal(entry.end, "completed");
  assert.equal(entry.events, 1);
});

Deno.test("controlHandler() says 504 when nobody arrives in time", async () => {
  await using upstream = await startUpstream({ pace: "none" });
  const response = await controlHandler(upstream)(
    new Request(`${BASE}/barriers/case-0001/go/arrival?deadline_ms=5`),
  );
  assert.equal(response.status, 504);
});

Deno.test("controlHandler() keeps credentials out of the journal and resets one nonce", async () => {
  await using upstream = await startUpstream({ pace: "none" });
  const control = controlHandler(upstream);
  await using client = await RawClient.connect(upstream.port);
  for (const nonce of ["case-0001", "case-0002"]) {
    client.send(request("/healthz", {
      method: "GET",
      headers: {
        "x-harness-case": `${nonce}.aa`,
        Authorization: "Bearer sk-very-secret",
        "X-Api-Key": "sk-very-secret",
      },
    }));
    await upstream.journal.waitFor((entry) => entry.nonce === nonce && entry.end !== undefined);
  }
  const text = await (await control(new Request(`${BASE}/journal`))).text();
  assert.equal(text.trim().split("\n").length, 2);
  assert.ok(!text.includes("sk-very-secret"));
  assert.match(text, /Authorization: Bearer \[redacted\]/);
  await control(new Request(`${BASE}/nonces/case-0001`, { method: "DELETE" }));
  assert.deepEqual(upstream.journal.entries().map((entry) => entry.nonce), ["case-0002"]);
});

Deno.test("the data port never serves the control plane", async () => {
  await using upstream = await startUpstream({ pace: "none" });
  const response = await fetch(`${upstream.url}/__mock/journal`);
  assert.equal(response.status, 404);
  await response.body?.cancel();
});

Deno.test("controlHandler() sets scenarios, newest first, and clears them with their sequences", async () => {
  await using upstream = await startUpstream({ pace: "none", strict: true });
  const control = controlHandler(upstream);
  const put = (name: string, body: string) =>
    control(new Request(`${BASE}/scenarios/${name}`, { method: "PUT", body }));
  const ask = async (content = "Hi") => {
    const response = await fetch(`${upstream.url}/v1/chat/completions`, {
      method: "POST",
      body: JSON.stringify({ model: "m", messages: [{ role: "user", content }] }),
    });
    const body = await response.json();
    return body.choices?.[0].message.content ?? response.status;
  };
  assert.equal(await ask(), 404);
  assert.equal((await put("any", "answers: [429, { reply: later }]")).status, 201);
  assert.equal((await put("one", "match: { last_message: /one/ }\nreply: uno")).status, 201);
  assert.deepEqual([await ask(), await ask(), await ask("one")], [429, "later", "uno"]);
  assert.equal((await put("any", "reply: again")).status, 200);
  assert.equal(await ask(), "again");
  assert.deepEqual(await (await control(new Request(`${BASE}/scenarios`))).json(), ["any", "one"]);
  const wrong = await put("any", "match: { modle: m }\nreply: x");
  assert.equal(wrong.status, 400);
  assert.match(await wrong.text(), /scenario \\"any\\":1:10: match\.modle/);
  const remove = (path: string) => control(new Request(`${BASE}/${path}`, { method: "DELETE" }));
  assert.equal((await remove("scenarios/one")).status, 204);
  assert.equal((await remove("scenarios/one")).status, 404);
  assert.equal((await remove("scenarios")).status, 204);
  assert.equal(await ask(), 404);
});

Deno.test("the journal keeps bodies where it is asked to, and can be emptied", async () => {
  await using upstream = await startUpstream({ pace: "none", bodyTexts: true });
  const control = controlHandler(upstream);
  await (await fetch(`${upstream.url}/v1/embeddings`, {
    method: "POST",
    body: '{"model":"m","input":"a"}',
  })).body?.cancel();
  const line = (await (await control(new Request(`${BASE}/journal`))).text()).trim();
  assert.equal(JSON.parse(line).bodyText, '{"model":"m","input":"a"}');
  await control(new Request(`${BASE}/journal`, { method: "DELETE" }));
  assert.equal(await (await control(new Request(`${BASE}/journal`))).text(), "");
});
