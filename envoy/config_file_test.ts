import assert from "node:assert/strict";
import { UsageError } from "../service/mod.ts";
import type { JsonObject } from "./tree.ts";
import parsedLines from "./configs/parsed.jsonl" with { type: "text" };
import {
  bundledConfig,
  parseBundled,
  parseEnvoyConfig,
  readEnvoyConfig,
  sha256,
} from "./config_file.ts";

Deno.test("parseEnvoyConfig() reads YAML and JSON alike", async () => {
  const yaml = await parseEnvoyConfig("admin:\n  address: &a { x: 1 }\nother: *a\n", "a.yaml");
  const json = await parseEnvoyConfig('{"admin":{"address":{"x":1}},"other":{"x":1}}', "a.json");
  assert.deepEqual(yaml.bootstrap, json.bootstrap);
  assert.notEqual(yaml.sha256, json.sha256);
  // An alias is a copy: setting one place must not set the other.
  const { admin, other } = yaml.bootstrap as Record<string, JsonObject>;
  assert.notEqual(admin?.address, other);
});

Deno.test("parseEnvoyConfig() names file, line and column of a mistake", async () => {
  await assert.rejects(
    () => parseEnvoyConfig("admin:\n  a: 1\n b: 2\n", "own.yaml"),
    (error: Error) => error instanceof UsageError && /"own.yaml":3:\d+: /.test(error.message),
  );
});

Deno.test("parseEnvoyConfig() takes the last of equal keys, as Envoy does", async () => {
  const text = "node: { id: a }\nnode: { id: b }\n";
  const { bootstrap } = await parseEnvoyConfig(text, "own.yaml");
  assert.deepEqual(bootstrap, { node: { id: "b" } });
});

Deno.test("parseEnvoyConfig() refuses what is no mapping", async () => {
  await assert.rejects(parseEnvoyConfig("- a\n", "own.yaml"), UsageError);
  await assert.rejects(parseEnvoyConfig("", "own.yaml"), UsageError);
});

Deno.test("readEnvoyConfig() says which file it cannot read", async () => {
  await assert.rejects(readEnvoyConfig("/nowhere/envoy.yaml"), /"\/nowhere\/envoy.yaml": /);
});

Deno.test("bundledConfig() is the file, byte for byte", async () => {
  const file = await Deno.readTextFile(new URL("./configs/base.yaml", import.meta.url));
  assert.equal(bundledConfig("base").text, file);
  assert.equal(bundledConfig("base").sha256, sha256(file));
});

Deno.test("configs/parsed.jsonl holds what the files say; if not, run: deno task configs", async () => {
  assert.ok(parsedLines === await parseBundled());
});

Deno.test("bundledConfig() gives everybody a tree of their own", () => {
  const { bootstrap } = bundledConfig("base");
  bootstrap.admin = {};
  assert.notDeepEqual(bundledConfig("base").bootstrap.admin, {});
});

Deno.test("bundledConfig() lists the names when it does not know one", () => {
  assert.throws(() => bundledConfig("bass"), /"bass": there are .*"base"/);
  assert.throws(() => bundledConfig("toString"), UsageError);
});
