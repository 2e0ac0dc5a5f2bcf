import assert from "node:assert/strict";
import { UsageError } from "../service/mod.ts";
import { defaultConfig, parseConfig, readConfig } from "./config.ts";
import { secretsOf } from "./secrets.ts";

Deno.test("parseConfig() takes the two keys of the smallest file, and fills in the rest", () => {
  const text = "extproc:\n  port: 10000\n\nengine:\n  model_endpoint: http://ollama:11434/v1\n";
  const config = parseConfig(text, "extproc-config.yaml");
  assert.equal(config.engine.model_endpoint, "http://ollama:11434/v1");
  assert.equal(config.extproc.port, 10_000);
  assert.equal(config.http.port, 8081);
  assert.equal(config.engine.first_event_timeout_ms, 120_000);
});

Deno.test("parseConfig() takes an empty file, and empty sections", () => {
  for (const text of ["", "# nothing\n", "engine:\nhttp:\n"]) {
    assert.deepEqual(parseConfig(text, "f.yaml"), defaultConfig());
  }
});

const REFUSED: readonly (readonly [string, RegExp])[] = [
  ["engine:\n  model_endpoint: ollama\n", /f\.yaml:2:3: engine\.model_endpoint: Expected an http/],
  ["http:\n  port: 70000\n", /f\.yaml:2:3: http\.port: /],
  ["engine:\n  modle: x\n", /f\.yaml:2:3: engine\.modle: Expected no such key/],
  ["http: 8081\n", /f\.yaml:1:1: http: Expected object/],
  ["http: {\n", /f\.yaml:\d:\d: /],
  ["web_search: {}\n", /f\.yaml:1:1: web_search: Expected one of searxng, brave/],
  ["web_search:\n  brave: {}\n", /f\.yaml:2:3: web_search\.brave\.key_env: /],
];

Deno.test("parseConfig() says where a file is wrong, and what was expected", () => {
  for (const [text, says] of REFUSED) {
    assert.throws(() => parseConfig(text, "f.yaml"), (error) => {
      assert.ok(error instanceof UsageError);
      assert.match(error.message, says);
      return true;
    });
  }
});

Deno.test("readConfig() names a file that cannot be read", async () => {
  await assert.rejects(readConfig("/nowhere/f.yaml"), (error) => {
    return error instanceof UsageError && error.message.includes('"/nowhere/f.yaml"');
  });
});

Deno.test("a search engine's key is where the file says, and nowhere else", () => {
  const config = parseConfig("web_search:\n  brave:\n    key_env: THE_KEY\n", "f.yaml");
  assert.equal(new URL(config.web_search?.brave?.endpoint ?? "").protocol, "https:");
  assert.deepEqual(secretsOf(config, (name) => name === "THE_KEY" ? "k" : undefined), {
    webSearchKey: "k",
  });
  assert.throws(() => secretsOf(config, () => undefined), /web_search\.brave\.key_env.*"THE_KEY"/);
});
