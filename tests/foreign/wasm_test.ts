/** The Wasm filters of `envoy/configs/check/extensions.yaml` are what their AssemblyScript is compiled to. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { runNpmProgram } from "./npm_program.ts";

const CONFIG = new URL("../../envoy/configs/check/extensions.yaml", import.meta.url);
const SOURCES = new URL("../../envoy/extensions/wasm/", import.meta.url);

/** Filters by name: the file, and the runtime that it is compiled with. */
const FILTERS = [
  { name: "region_guard", runtime: "minimal" },
  { name: "trap", runtime: "stub" },
];

const { static_resources: { listeners: [ingress] } } = parse(await Deno.readTextFile(CONFIG), {
  merge: true,
});
const [{ typed_config: manager }] = ingress.filter_chains[0].filters;

for (const { name, runtime } of FILTERS) {
  Deno.test(`the Wasm filter ${name} is its source, compiled: byte for byte`, async () => {
    const filter = manager.http_filters.find((one: { name: string }) => one.name === name);
    const shipped = filter.typed_config.config.vm_config.code.local.inline_bytes;
    const source = fileURLToPath(new URL(`${name}.ts`, SOURCES));
    assert.equal(shipped, await runNpmProgram("asc.ts", source, runtime));
  });
}
