import assert from "node:assert/strict";
import { UsageError } from "../service/mod.ts";
import type { JsonObject } from "./tree.ts";
import { bundledConfig, parseEnvoyConfig, readEnvoyConfig, sha256 } from "./config_file.ts";

Deno.test("parseEnvoyConfig() reads YAML and JSON alike", () => {
  const yaml = parseEnvoyConfig("admin:\n  address: &a { x: 1 }\nother: *a\n", "a.yaml");
  const json = parseEnvoyConfig('{"admin":{"address":{"x":1}},"other":{"x":1}}', "a.json");
  assert.deepEqual(yaml.bootstrap, json.bootstrap);
  assert.notEqual(yaml.sha256, json.sha256);
  // An alias is a copy: setting one place must not set the other.
  const { admin, other } = yaml.bootstrap as Record<string, JsonObject>;
  assert.notEqual(admin?.address, other);
});

Deno.test("parseEnvoyConfig() names file, line and column of a mistake", () => {
  assert.throws(
    () => parseEnvoyConfig("admin:\n  a: 1\n b: 2\n", "own.yaml"),
    (error: Error) => error instanceof UsageError && /"own.yaml":3:\d+: /.test(error.message),
  );
  assert.throws(() => parseEnvoyConfig("a: 1\na: 2\n", "own.yaml"), /"own.yaml":2:1: .*unique/);
});

Deno.test("parseEnvoyConfig() refuses what is no mapping", () => {
  assert.throws(() => parseEnvoyConfig("- a\n", "own.yaml"), UsageError);
  assert.throws(() => parseEnvoyConfig("", "own.yaml"), UsageError);
});

Deno.test("readEnvoyConfig() says which file it cannot read", async () => {
  await assert.rejects(readEnvoyConfig("/nowhere/envoy.yaml"), /"\/nowhere\/envoy.yaml": /);
});

Deno.test("bundledConfig() is the file, byte for byte", async () => {
  const file = await Deno.readTextFile(new URL("./configs/base.yaml", import.meta.url));
  assert.equal(bundledConfig("base").text, file);
  assert.equal(bundledConfig("base").sha256, sha256(file));
});

Deno.test("bundledConfig() lists the names when it does not know one", () => {
  assert.throws(() => bundledConfig("bass"), /"bass": there are .*"base"/);
  assert.throws(() => bundledConfig("toString"), UsageError);
});
