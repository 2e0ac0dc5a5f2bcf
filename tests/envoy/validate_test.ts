import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { validateConfig } from "../../envoy/mod.ts";
import { envoyPath } from "./stack.ts";

const CONFIGS = new URL("../../envoy/configs/", import.meta.url);
/** The default, and the oldest line that the suite judges. */
const VERSIONS = ["1.40.0", "1.36.4"];

async function configFiles(folder: URL): Promise<string[]> {
  const files: string[] = [];
  for await (const entry of Deno.readDir(folder)) {
    if (entry.isDirectory) files.push(...await configFiles(new URL(`${entry.name}/`, folder)));
    else if (entry.name.endsWith(".yaml")) files.push(fileURLToPath(new URL(entry.name, folder)));
  }
  return files.sort();
}

Deno.test("every configuration is valid as it stands, without a warning, on both versions", async () => {
  const files = await configFiles(CONFIGS);
  assert.ok(files.length > 0);
  for (const version of VERSIONS) {
    const envoy = await envoyPath(version);
    for (const file of files) {
      const validation = await validateConfig(envoy, file);
      assert.deepEqual(validation, { ok: true, messages: [] }, `${file} on ${version}`);
    }
  }
});

Deno.test("validateConfig() passes on what Envoy says", async () => {
  const folder = await Deno.makeTempDir();
  const file = join(folder, "own.yaml");
  await Deno.writeTextFile(file, "static_resources: { listenerz: [] }\n");
  const { ok, messages } = await validateConfig(await envoyPath(), file);
  assert.equal(ok, false);
  assert.match(messages.join("\n"), /listenerz/);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("validateConfig() reports deprecated fields of a configuration that is valid", async () => {
  const folder = await Deno.makeTempDir();
  const file = join(folder, "own.yaml");
  await Deno.writeTextFile(
    file,
    `static_resources:
  clusters:
    - name: old
      type: STATIC
      http2_protocol_options: {}
`,
  );
  const { ok, messages } = await validateConfig(await envoyPath(), file);
  assert.equal(ok, true);
  assert.match(messages.join("\n"), /http2_protocol_options/);
  await Deno.remove(folder, { recursive: true });
});
