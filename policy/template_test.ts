import assert from "node:assert/strict";
import { CREDENTIAL_HEADERS } from "../service/mod.ts";
import { parseTemplate, type TemplateInput } from "./template.ts";

const INPUT: TemplateInput = {
  method: "POST",
  path: "/v1/chat",
  host: "llm.example",
  source: "192.0.2.1",
  principal: "spiffe://test/a",
  key: "demo",
  tenant: "acme",
  version: "v1",
  rule: "allow",
  decision_id: "d-1",
  header: (name) => ({ "x-team": "blue", "x-split": "a\r\nb", "x-request-id": "r-1" })[name],
  context: (name) => name === "route" ? "chat" : undefined,
  metadata: (filter, path) => filter === "jwt" && path === "sub" ? "ada" : undefined,
};

Deno.test.each([
  { text: "plain", want: "plain" },
  { text: "", want: "" },
  { text: "{tenant}/{key}", want: "acme/demo" },
  { text: "{method} {path} {host} {source}", want: "POST /v1/chat llm.example 192.0.2.1" },
  { text: "{version}:{rule}:{decision_id}:{request_id}", want: "v1:allow:d-1:r-1" },
  { text: "{principal}", want: "spiffe://test/a" },
  { text: "{header:X-Team}", want: "blue" },
  { text: "{header:x-none}", want: "" },
  { text: "{header:x-none|nobody}", want: "nobody" },
  { text: "{context:route}-{context:x|y}", want: "chat-y" },
  { text: "{metadata:jwt:sub}", want: "ada" },
  { text: "{{not}", want: "{not}" },
  { text: "{header:x-split}", want: "a  b" },
])('parseTemplate("$text") gives "$want"', ({ text, want }) => {
  assert.equal(parseTemplate(text).fill(INPUT), want);
});

Deno.test("parseTemplate() knows which texts are constant", () => {
  assert.equal(parseTemplate("a{{b").constant, "a{b");
  assert.equal(parseTemplate("a{tenant}").constant, undefined);
});

Deno.test("parseTemplate() refuses unknown variables, an open brace and headers with secrets", () => {
  for (const text of ["{nope}", "{header:}", "{metadata:x}", "{tenant", "{tenant:x}"]) {
    assert.throws(() => parseTemplate(text), SyntaxError, text);
  }
  for (const name of Object.keys(CREDENTIAL_HEADERS)) {
    assert.throws(() => parseTemplate(`{header:${name.toUpperCase()}}`), /without secrets/);
  }
});
