import assert from "node:assert/strict";
import { UsageError } from "../service/mod.ts";
import { parseUpstreamUrl } from "./upstream_url.ts";

for (
  const [text, expected] of [
    ["http://127.0.0.1:11434", ["127.0.0.1", 11434, "127.0.0.1:11434", false, ""]],
    ["http://127.0.0.1:11434/v1", ["127.0.0.1", 11434, "127.0.0.1:11434", false, ""]],
    ["https://api.openai.com/v1/", ["api.openai.com", 443, "api.openai.com", true, ""]],
    ["https://host.example/gateway/v1", ["host.example", 443, "host.example", true, "/gateway"]],
    ["http://host.example/a/b", ["host.example", 80, "host.example", false, "/a/b"]],
    ["http://[::1]:8000", ["::1", 8000, "[::1]:8000", false, ""]],
  ] as const
) {
  Deno.test(`parseUpstreamUrl() reads ${text}`, () => {
    const { host, port, hostname, tls, pathPrefix } = parseUpstreamUrl(text);
    assert.deepEqual([host, port, hostname, tls, pathPrefix], expected);
  });
}

Deno.test("parseUpstreamUrl() refuses what is no http URL", () => {
  assert.throws(() => parseUpstreamUrl("localhost:8000"), UsageError);
  assert.throws(() => parseUpstreamUrl("not a url"), UsageError);
});

Deno.test("docs/upstream.md: each provider is asked where the table says", async () => {
  const text = await Deno.readTextFile(new URL("../docs/upstream.md", import.meta.url));
  const rows = [...text.matchAll(/^\|[^|]+\| `(https?:[^`]+)` +\| `(https?:[^`]+)`/gm)];
  assert.ok(rows.length > 8, String(rows.length));
  for (const [, given = "", asked] of rows) {
    const { tls, hostname, pathPrefix } = parseUpstreamUrl(given);
    const url = `${tls ? "https" : "http"}://${hostname}${pathPrefix}/v1/chat/completions`;
    assert.equal(url.toLowerCase(), asked?.toLowerCase());
  }
});
