import assert from "node:assert/strict";
import { UsageError } from "../service/mod.ts";
import { DEFAULT_ROUTES } from "./default_routes.ts";
import { parseRoutes, routeForPath } from "./route_table.ts";

const route = (more: string) => `[{"name": "a", "model": "m", "path_prefix": "/v1/x", ${more}}]`;

const REFUSED = [
  { text: "[", says: /^.*:1:\d+: /m },
  { text: "{}", says: /r\.json:1:1: Expected array/ },
  { text: "[]", says: /r\.json:1:1: / },
  {
    text: '[\n  {"name": "a", "model": "m"}]',
    says: /r\.json:2:3: 0\.path_prefix: Expected string/,
  },
  {
    text: '[{"name": "a", "model": "m",\n "path_prefix": "v1"}]',
    says: /r\.json:2:2: .*begins with \//,
  },
  {
    text: '[{"name": "a", "model": "m", "path_prefix": "/v1/x",\n  "weight": 1}]',
    says: /r\.json:2:3: 0\.weight: Expected no such key.*aliases/,
  },
  {
    text: route('"targets": [{"model": "a"},\n  {"weight": -1}]'),
    says: /r\.json:2:4: 0\.targets\.1\.weight: .*>=0/,
  },
  {
    text: route('"targets": [{"weight": 0}]'),
    says: /0\.targets: Expected a target with a weight above 0/,
  },
  {
    text: route('"targets": [{"share": 1}]'),
    says:
      /r\.json:1:\d+: 0\.targets\.0\.share: Expected no such key here: there are model, hosts, weight$/m,
  },
  {
    text: route('"targets": [{}],\n "rewrite_model": "a"'),
    says: /r\.json:2:2: 0\.rewrite_model: .*not both/,
  },
  { text: route('"fallbacks": [{}]'), says: /0\.fallbacks\.0: Expected a model, hosts, or both/ },
  {
    text: route('"fallbacks": [{"hosts": ["a"]}]'),
    says: /0\.fallbacks\.0\.hosts\.0: .*HOST:PORT/,
  },
  { text: route('"timeout": "0s"'), says: /0\.timeout: Expected more than nothing/ },
  { text: route('"timeout": 30'), says: /0\.timeout: Expected string/ },
  { text: route('"total_timeout": "1 h"'), says: /0\.total_timeout: .*"30s"/ },
  { text: route('"tenants": []'), says: /0\.tenants: / },
  { text: route('"aliases": ["m"]'), says: /0\.aliases\.0: Expected one route only for "m"/ },
  { text: route('"aliases": ["a\\n"]'), says: /0\.aliases\.0: .*printable/ },
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

Deno.test("routeForPath() takes the longest prefix of whole segments", () => {
  const table = parseRoutes(
    JSON.stringify([
      { name: "all", model: "m", path_prefix: "/v1/" },
      { name: "chat", model: "m", path_prefix: "/v1/chat" },
      { name: "other", model: "n", path_prefix: "/v1/chat/completions" },
    ]),
    "r.json",
  );
  const found = (model: string, path: string) =>
    routeForPath(table.routesOf(model, undefined), path)?.name;
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

Deno.test("parseRoutes() reads all that a route may have", () => {
  const [full, seed] = parseRoutes(
    JSON.stringify([
      {
        name: "a",
        model: "m",
        path_prefix: "/v1/",
        aliases: ["n"],
        targets: [{ weight: 9 }, { model: "m2", hosts: ["a:1"] }],
        fallbacks: [{ model: "m3" }],
        timeout: "1500ms",
        total_timeout: "2h",
        tenants: ["team"],
      },
      { name: "b", model: "o", path_prefix: "/v1/", rewrite_model: "p" },
    ]),
    "r.json",
  ).routes;
  assert.deepEqual(full?.targets, [
    { model: "m", hosts: undefined, weight: 9 },
    { model: "m2", hosts: new Set(["a:1"]), weight: 1 },
  ]);
  assert.deepEqual(full?.fallbacks, [{ model: "m3", hosts: undefined, weight: 1 }]);
  assert.deepEqual([full?.timeoutMs, full?.totalTimeoutMs], [1_500, 7_200_000]);
  assert.deepEqual(seed?.targets, [{ model: "p", hosts: undefined, weight: 1 }]);
  assert.deepEqual([seed?.timeoutMs, seed?.tenants, seed?.fallbacks], [undefined, undefined, []]);
});

Deno.test("a tenant sees its own routes, and an alias is a model", () => {
  const table = parseRoutes(
    JSON.stringify([
      { name: "a", model: "m", path_prefix: "/v1/", aliases: ["n"] },
      { name: "b", model: "secret", path_prefix: "/v1/", tenants: ["team"] },
    ]),
    "r.json",
  );
  assert.deepEqual(table.models, ["m", "n", "secret"]);
  assert.deepEqual(table.modelsFor("team"), ["m", "n", "secret"]);
  assert.deepEqual(table.modelsFor("other"), ["m", "n"]);
  assert.deepEqual(table.modelsFor(undefined), ["m", "n"]);
  assert.deepEqual(table.routesOf("secret", undefined), []);
  assert.equal(table.routesOf("n", undefined)[0]?.model, "m");
});
