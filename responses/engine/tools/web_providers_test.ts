import assert from "node:assert/strict";
import { brave, searxng } from "./web_providers.ts";

/** A search engine that answers everything alike, and keeps what it was asked. */
function startEngine(answer: unknown, status = 200) {
  const asked: { readonly url: string; readonly headers: Headers }[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    ({ url, headers }) => {
      asked.push({ url, headers: new Headers(headers) });
      return Response.json(answer, { status });
    },
  );
  return {
    asked,
    url: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

const never = new AbortController().signal;
const pages = (text: string) =>
  Array.from(
    { length: 12 },
    (_, n) => ({ url: `https://a.test/${n}`, title: `${n}`, [text]: "t" }),
  );

Deno.test("searxng() asks for JSON, and shows as many pages as are wanted", async () => {
  await using engine = startEngine({ results: pages("content") });
  const hits = await searxng(`${engine.url}/`).search("a b", { contextSize: "low" }, never);
  assert.deepEqual(hits[0], { url: "https://a.test/0", title: "0", text: "t" });
  assert.equal(hits.length, 3);
  assert.equal(engine.asked[0]?.url, `${engine.url}/search?q=a+b&format=json`);
});

Deno.test("brave() asks with its key, within the limits, from where the caller is", async () => {
  await using engine = startEngine({ web: { results: pages("description") } });
  const provider = brave({ key: "secret", endpoint: `${engine.url}/web/search` });
  const userLocation = {
    type: "approximate",
    country: "de",
    city: "K\u00f6ln",
    timezone: "a\r\nb",
  };
  const hits = await provider.search("word ".repeat(99), { userLocation }, never);
  assert.deepEqual(hits[0], { url: "https://a.test/0", title: "0", text: "t" });
  assert.equal(hits.length, 6);
  const [request] = engine.asked;
  const { pathname, searchParams } = new URL(request?.url ?? "");
  assert.equal(pathname, "/web/search");
  assert.equal(searchParams.get("q")?.split(" ").length, 50);
  assert.equal(searchParams.get("count"), "6");
  assert.equal(request?.headers.get("x-subscription-token"), "secret");
  assert.equal(request?.headers.get("x-loc-country"), "DE");
  assert.equal(request?.headers.get("x-loc-timezone"), null);
});

Deno.test("a search engine that refuses is said so, without its key", async () => {
  await using engine = startEngine({ error: "secret" }, 429);
  for (const one of [searxng(engine.url), brave({ key: "secret", endpoint: engine.url })]) {
    await assert.rejects(one.search("a", {}, never), /^Error: the search engine answered 429$/);
  }
});

Deno.test("an answer without results is none", async () => {
  await using engine = startEngine({});
  for (const one of [searxng(engine.url), brave({ key: "secret", endpoint: engine.url })]) {
    assert.deepEqual(await one.search("a", {}, never), []);
  }
});
