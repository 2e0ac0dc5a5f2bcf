import assert from "node:assert/strict";
import { redactedHead, redactedHeader, redactedTarget } from "./mod.ts";

Deno.test("redactedHeader() keeps the scheme of a credential, and what is none", () => {
  assert.equal(redactedHeader("Authorization", "Bearer sk-1"), "Bearer [redacted]");
  assert.equal(redactedHeader("X-Acme-Api-Key", "sk-1"), "[redacted]");
  assert.equal(redactedHeader("x-ratelimit-remaining-tokens", "7"), "7");
  assert.equal(redactedHeader("x-whatever", "Bearer abc"), "Bearer [redacted]");
  assert.equal(redactedHeader("x-whatever", "sk-aaaaaaaaaaaaaaaaaaaaaaaa"), "[redacted]");
  assert.equal(redactedHeader("x-whatever", "basically"), "basically");
});

Deno.test("redactedTarget() takes credentials out of queries, however their names are written", () => {
  const cases: Readonly<Record<string, string>> = {
    "/v1/models": "/v1/models",
    "/v1/models?limit=5&after=x": "/v1/models?limit=5&after=x",
    "/v1beta/m:generate?key=AIza&alt=sse": "/v1beta/m:generate?key=[redacted]&alt=sse",
    "/?Access_Token=a=b&x=1": "/?Access_Token=[redacted]&x=1",
    "/?api%5Fkey=a": "/?api%5Fkey=[redacted]",
    "/blob?sv=1&sig=abc%3D": "/blob?sv=1&sig=[redacted]",
    "/?%zz=1&token=t": "/?%zz=1&token=[redacted]",
    "/?x?token=t": "/?x?token=[redacted]",
    "/?key[]=k;token=t": "/?key[]=[redacted];token=[redacted]",
    "/v1/sk-aaaaaaaaaaaaaaaaaaaaaaaa/x?y=1": "/v1/[redacted]/x?y=1",
    "/v1/task-aaaaaaaaaaaaaaaaaaaaaaaa": "/v1/task-aaaaaaaaaaaaaaaaaaaaaaaa",
    "/?q=eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl": "/?q=[redacted]",
  };
  for (const [target, shown] of Object.entries(cases)) assert.equal(redactedTarget(target), shown);
});

Deno.test("redactedHead() keeps every byte but the credentials'", () => {
  const head =
    "GET /v1/models?key=AIza HTTP/1.1\r\nhost: a\r\nAUTHORIZATION:  Bearer sk-1\r\nx: 1\r\n\r\n";
  assert.equal(
    redactedHead(head),
    "GET /v1/models?key=[redacted] HTTP/1.1\r\nhost: a\r\nAUTHORIZATION:  Bearer [redacted]\r\nx: 1\r\n\r\n",
  );
});

Deno.test("redactedHeader() knows a credential in the query of a URL that a header holds", () => {
  const shown = (name: string, value: string) => redactedHeader(name, value);
  assert.equal(shown("referer", "https://a/?api_key=k&b=c"), "https://a/?api_key=[redacted]&b=c");
  assert.equal(shown("x-original-url", "/v1?key=k"), "/v1?key=[redacted]");
  assert.equal(shown("user-agent", "a (b=c; d)"), "a (b=c; d)");
  assert.equal(shown("accept", "text/html;q=0.9"), "text/html;q=0.9");
});
