/** The dynamic module of `envoy/extensions/module/`: built by Rust, run in a real Envoy. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { bundledConfig, type EnvoyConfigFile } from "../../envoy/mod.ts";
import { startEnvoyStack } from "../envoy/stack.ts";

const SOURCE = new URL("../../envoy/extensions/module/budget_guard.rs", import.meta.url);
const SEARCH_PATH = "ENVOY_DYNAMIC_MODULES_SEARCH_PATH";
const TYPES = "type.googleapis.com";

const hasRust = await new Deno.Command("rustc", { args: ["--version"], stdout: "null" }).output()
  .then(({ success }) => success, () => false);

/** base.yaml with the module behind policy. */
function withModule(most: string): EnvoyConfigFile {
  const file = bundledConfig("base");
  // deno-lint-ignore no-explicit-any -- the bundled file, edited at a known place
  const { static_resources: { listeners: [ingress] } } = file.bootstrap as any;
  const { http_filters: filters } = ingress.filter_chains[0].filters[0].typed_config;
  filters.splice(filters.length - 1, 0, {
    name: "budget_guard",
    typed_config: {
      "@type": `${TYPES}/envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter`,
      dynamic_module_config: { name: "budget_guard" },
      filter_name: "budget_guard",
      filter_config: { "@type": `${TYPES}/google.protobuf.StringValue`, value: most },
    },
  });
  return file;
}

Deno.test({
  name: `a dynamic module in Rust refuses what it must, and a panic of it ends one request alone${
    hasRust ? "" : " (skipped: no rustc here)"
  }`,
  ignore: !hasRust,
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "llmgate-module-" });
    try {
      const { success, stderr } = await new Deno.Command("rustc", {
        args: ["--edition", "2021", "-O", "-D", "warnings", fileURLToPath(SOURCE)].concat(
          ["-o", `${folder}/libbudget_guard.so`],
        ),
      }).output();
      assert.ok(success, new TextDecoder().decode(stderr));
      const env = { [SEARCH_PATH]: folder };
      await using stack = await startEnvoyStack({ env, config: withModule("1000") });
      const ask = async (headers: Record<string, string>) => {
        const response = await fetch(`${stack.url}/v1/models`, { headers });
        const text = await response.text();
        return [response.status, /"code":"(\w+)"/.exec(text)?.[1]];
      };
      assert.deepEqual(await ask({}), [200, undefined]);
      assert.deepEqual(await ask({ "x-token-budget": "1000" }), [200, undefined]);
      const passed = stack.forwarded.length;
      assert.deepEqual(await ask({ "x-token-budget": "1001" }), [403, "token_budget_exceeded"]);
      assert.deepEqual(await ask({ "x-token-budget": "many" }), [503, "extension_failed"]);
      assert.equal(stack.forwarded.length, passed);
      assert.deepEqual(await ask({}), [200, undefined]);
      await assert.rejects(
        startEnvoyStack({ env, config: withModule("no number") }),
        /budget_guard|module/i,
      );
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
