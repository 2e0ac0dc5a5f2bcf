import assert from "node:assert/strict";
import { bundledConfig, bundledConfigNames } from "../config_file.ts";
import { objectsAt, valueAt } from "../tree.ts";
import { splitConfig } from "./split.ts";

const sourceOf = () => ({ ads: {} });

Deno.test("only connection managers are split: other network filters stay as they are", () => {
  for (const name of bundledConfigNames()) {
    const { bootstrap } = bundledConfig(name);
    const split = splitConfig(bootstrap, sourceOf).bootstrap;
    const places = "static_resources/listeners/*/filter_chains/*/filters/*/typed_config";
    const [before, after] = [bootstrap, split].map((one) =>
      objectsAt(one, places).filter((filter) =>
        !String(filter["@type"]).endsWith(".HttpConnectionManager")
      )
    );
    assert.deepEqual(after, before, name);
  }
});

Deno.test("the manager of a default filter chain is split, too", () => {
  const manager = "type.googleapis.com/envoy.extensions.filters.network." +
    "http_connection_manager.v3.HttpConnectionManager";
  const { bootstrap, resources } = splitConfig({
    static_resources: {
      listeners: [{
        default_filter_chain: {
          filters: [{ typed_config: { "@type": manager, route_config: { name: "main" } } }],
        },
      }],
    },
  }, sourceOf);
  assert.deepEqual(resources.map(({ kind, name }) => `${kind} ${name}`), ["rds main"]);
  const path = "static_resources/listeners/0/default_filter_chain/filters/0/typed_config/rds";
  assert.equal(valueAt(bootstrap, `${path}/route_config_name`), "main");
});
