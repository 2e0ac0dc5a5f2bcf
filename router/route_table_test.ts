import assert from "node:assert/strict";
import { UsageError } from "../service/mod.ts";
import { DEFAULT_ROUTES } from "./default_routes.ts";
import { parseRoutes } from "./route_table.ts";

const REFUSED = [
  { text: "[", says: /^.*:1:\d+: /m },
  { text: "{}", says: /r\.json:1:1: Expected array/ },
  { text: "[]", says: /r\.json:1:1: / },
  {
    text: '[\n  {"name": "a", "model": "m"}]',
    says: /r\.json:2:3: 0\.path_prefix: Expected string/,
  },
  { text: '[{"name": "a", "model": "m",\n "path_prefix": "v1"}]', says: /r\.json:2:2: .*\/v1\// },
  {
    text: '[{"name": "a", "model": "m", "path_prefix": "/v1/x",\n  "weight": 1}]',
    says: /r\.json:2:3: 0\.weight: Expected no such key/,
  },
  {
    text: '[{"name": "a", "model": "m", "path_prefix": "/v1/x"},\n' +
      '{"name": "a", "model": "n", "path_prefix": "/v1/x"}]',
    says: /r\.json:2:2: 1\.name: Expected a name of its own/,
  },
  {
    text: '[{"name": "a", "model": "m", "path_prefix": "/v1/x"},\n' +
      '{"name": "b", "model": "m", "path_prefix": "/v1/x"}]',
    says: /r\.json:2:29: 1\.path_prefix: Expected one route only/,
  },
];

Deno.test("parseRoutes() says where a file is wrong, and what was expected", () => {
  for (const { text, says } of REFUSED) {
    assert.throws(() => parseRoutes(text, "r.json"), (error) => {
      assert.ok(error instanceof UsageError, text);
      assert.match(error.message, says);
      return true;
    });
  }
});

Deno.test("find() takes the longest prefix of whole segments", () => {
  const table = parseRoutes(
    JSON.stringify([
      { name: "all", model: "m", path_prefix: "/v1/" },
      { name: "chat", model: "m", path_prefix: "/v1/chat" },
      { name: "other", model: "n", path_prefix: "/v1/chat/completions" },
    ]),
    "r.json",
  );
  const found = (model: string, path: string) => table.find(model, path)?.name;
  assert.equal(found("m", "/v1/chat/completions"), "chat");
  assert.equal(found("m", "/v1/chat"), "chat");
  assert.equal(found("m", "/v1/chats"), "all");
  assert.equal(found("n", "/v1/chat"), undefined);
  assert.equal(found("nobody", "/v1/chat"), undefined);
});

Deno.test("the built-in routes are two models", () => {
  const { models } = parseRoutes(DEFAULT_ROUTES.text, DEFAULT_ROUTES.file);
  assert.deepEqual(models, ["gpt-3.5-turbo", "text-davinci-003"]);
});
