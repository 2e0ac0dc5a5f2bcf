import assert from "node:assert/strict";
import { guarded, type Surface } from "./mod.ts";

const LOCAL: Surface = { host: "127.0.0.1" };
const OPEN: Surface = { host: "0.0.0.0", names: ["responses"], pages: "preflighted" };

interface Row {
  readonly what: string;
  readonly surface?: Surface;
  readonly method?: string;
  readonly host?: string;
  readonly headers?: Record<string, string>;
  readonly status: number;
}

const EVIL = { origin: "http://evil.example" };
const JSON_BODY = { "content-type": "application/json" };

const ROWS: readonly Row[] = [
  { what: "curl by the loopback address", status: 200 },
  { what: "curl by another loopback address", host: "127.8.8.8:1", status: 200 },
  { what: "curl by IPv6", host: "[::1]:9003", status: 200 },
  { what: "curl by localhost, through a forwarded port", host: "LOCALHOST:4711", status: 200 },
  { what: "curl with a POST without a body", method: "POST", status: 200 },
  { what: "a name that was bent to loopback", host: "evil.example:9003", status: 421 },
  { what: "a name that only begins like ours", host: "localhost.evil.example", status: 421 },
  { what: "a name that only looks like an address", host: "127.evil.example", status: 421 },
  { what: "two names", host: "localhost, evil.example", status: 421 },
  { what: "a user before the name", host: "localhost@evil.example", status: 421 },
  { what: "another machine's address", host: "10.0.0.1:9003", status: 421 },
  { what: "any address of a wildcard", surface: OPEN, host: "10.0.0.1:8081", status: 200 },
  { what: "a configured name", surface: OPEN, host: "responses:8081", status: 200 },
  { what: "another name of a wildcard", surface: OPEN, host: "evil.example:8081", status: 421 },
  { what: "a page's GET, whose answer it cannot read", headers: EVIL, status: 200 },
  { what: "a page's POST", method: "POST", headers: EVIL, status: 403 },
  {
    what: "a page's POST of JSON",
    method: "POST",
    headers: { ...EVIL, ...JSON_BODY },
    status: 403,
  },
  { what: "a page's preflight", method: "OPTIONS", headers: EVIL, status: 403 },
  { what: "a page of no origin", method: "POST", headers: { origin: "null" }, status: 403 },
  {
    what: "a page on another port",
    method: "POST",
    headers: { origin: "http://127.0.0.1:8000" },
    status: 403,
  },
  {
    what: "a form of another site, without an Origin",
    method: "POST",
    headers: { "sec-fetch-site": "cross-site" },
    status: 403,
  },
  {
    what: "a page of the same site on another port",
    method: "POST",
    headers: { "sec-fetch-site": "same-site", ...JSON_BODY },
    status: 403,
  },
  {
    what: "an old browser's form, which says nothing of where it comes from",
    method: "POST",
    headers: { "user-agent": "Mozilla/5.0", "content-type": "text/plain" },
    status: 403,
  },
  {
    what: "a page of the listener itself, with JSON",
    method: "POST",
    headers: { origin: "http://127.0.0.1:9003", "sec-fetch-site": "same-origin", ...JSON_BODY },
    status: 200,
  },
  {
    what: "a page of the listener itself, with the own header",
    method: "DELETE",
    headers: { origin: "http://127.0.0.1:9003", "x-llmgate": "1" },
    status: 200,
  },
  {
    what: "a page of the listener itself, with a form",
    method: "POST",
    headers: { origin: "http://127.0.0.1:9003", "content-type": "text/plain" },
    status: 403,
  },
  {
    what: "a page behind the gateway, which was asked for leave",
    surface: OPEN,
    method: "POST",
    headers: { ...EVIL, ...JSON_BODY },
    status: 200,
  },
  {
    what: "a page that nobody gave leave",
    surface: OPEN,
    method: "POST",
    headers: { ...EVIL, "content-type": "text/plain" },
    status: 403,
  },
  {
    what: "a page of a domain that was pointed at what spends a key",
    surface: { host: "127.0.0.1", anyName: true },
    method: "POST",
    host: "bent.test:9010",
    headers: { origin: "http://bent.test:9010", ...JSON_BODY },
    status: 421,
  },
  {
    what: "a client of a gateway in front, by the gateway's name",
    surface: { host: "127.0.0.1", anyName: true },
    method: "POST",
    host: "api.example",
    headers: JSON_BODY,
    status: 200,
  },
  {
    what: "a name where names do not matter",
    surface: { host: "127.0.0.1", anyName: true, pages: "preflighted" },
    method: "POST",
    host: "api.example",
    status: 200,
  },
];

for (
  const { what, surface = LOCAL, method = "GET", host = "127.0.0.1:9003", headers, status } of ROWS
) {
  Deno.test(`guarded() answers ${status} to ${what}`, async () => {
    let served = 0;
    const serve = guarded(() => {
      served++;
      return new Response("journal");
    }, surface);
    const url = host.includes(",") || host.includes("@") ? "http://127.0.0.1/" : `http://${host}/`;
    const response = await serve(new Request(url, { method, headers: { host, ...headers } }));
    const text = await response.text();
    assert.equal(response.status, status, text);
    assert.equal(served, status === 200 ? 1 : 0);
    assert.equal(response.headers.get("access-control-allow-origin"), null);
    assert.equal(response.headers.get("cross-origin-resource-policy"), "same-origin");
    if (status !== 200) assert.match(JSON.parse(text).error.message, /^Cannot /);
  });
}

Deno.test("guarded() repeats no more than the beginning of a long name", async () => {
  const host = `${"e".repeat(5_000)}.example`;
  const response = await guarded(() => new Response(), LOCAL)(
    new Request("http://127.0.0.1/", { headers: { host } }),
  );
  assert.equal(response.status, 421);
  assert.ok((await response.text()).length < 400);
});
