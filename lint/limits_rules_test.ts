import assert from "node:assert/strict";
import { bundledConfig, deleteAt, type Json, objectsAt, setAt } from "../envoy/mod.ts";
import { lintEnvoyConfig } from "./lint.ts";
import { LIMITS_RULES } from "./limits_rules.ts";

const CHAIN = "static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";
const LIMITS = `${CHAIN}/4/typed_config`;
const GONE = "(gone)";

const HELD: Json = {
  name: "envoy.filters.http.json_to_metadata",
  typed_config: {
    "@type": "type.googleapis.com/envoy.extensions.filters.http.json_to_metadata.v3.JsonToMetadata",
    response_rules: {
      rules: [{
        selectors: [{ key: "usage" }],
        on_present: { metadata_namespace: "usage", key: "usage" },
      }],
    },
  },
};

/** Edits of the bundled edge configuration that break each rule. */
const BREAKS: readonly (readonly [string, string, Json])[] = [
  ["limits.fail-open", `${LIMITS}/failure_mode_deny`, GONE],
  ["limits.fail-open", `${LIMITS}/failure_mode_deny`, false],
  ["limits.timeout", `${LIMITS}/timeout`, GONE],
  ["limits.timeout", `${LIMITS}/timeout`, "0.02s"],
  [
    "limits.free-without-usage",
    `${LIMITS}/rate_limits/4/hits_addend/format`,
    "%CEL(metadata.typed_filter_metadata['envoy.ai.token_usage'].total_tokens)%",
  ],
  [
    "limits.dropped-descriptor",
    `${LIMITS}/rate_limits/0/actions/1/generic_key/default_value`,
    GONE,
  ],
  ["limits.unformatted", "layered_runtime", GONE],
  ["limits.answers-held", `${CHAIN}/5`, HELD],
];

Deno.test.each(BREAKS.map(([id, path, value]) => ({ id, path, value })))(
  "lintEnvoyConfig() finds $id at $path, and nothing else",
  async ({ id, path, value }) => {
    const bootstrap = structuredClone(bundledConfig("edge").bootstrap);
    if (value === GONE) deleteAt(bootstrap, path);
    else setAt(bootstrap, path, value);
    // The first listener is edited alone, so that what is found is found there.
    const [ingress] = objectsAt(bootstrap, "static_resources/listeners/*");
    const { findings } = await lintEnvoyConfig(JSON.stringify(bootstrap), {
      name: "own",
      listener: String(ingress?.name),
    });
    assert.deepEqual([...new Set(findings.map((finding) => finding.id))], [id]);
  },
);

Deno.test("every rule about limits has an edit that breaks it", () => {
  const broken = new Set(BREAKS.map(([id]) => id));
  assert.deepEqual(LIMITS_RULES.map(({ id }) => id).filter((id) => !broken.has(id)), []);
});
