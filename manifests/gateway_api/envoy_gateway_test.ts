import assert from "node:assert/strict";
import { parseAllDocuments } from "yaml";
import { bundledConfig, type Json, placedAt } from "../../envoy/mod.ts";
import { exportEnvoyGateway } from "./envoy_gateway.ts";

Deno.test("exportEnvoyGateway() removes the names that the base profile removes", () => {
  const [file] = exportEnvoyGateway({
    namespace: "default",
    port: 8080,
    policy: { host: "policy", port: 9002 },
    upstreams: [],
  });
  const documents = parseAllDocuments(file?.text ?? "").map((one) => one.toJS());
  const clients = documents.find(({ kind }) => kind === "ClientTrafficPolicy");
  const base = bundledConfig("base").bootstrap as Json;
  const removed = placedAt(
    { path: "", value: base },
    "static_resources/listeners/*/filter_chains/*/filters/*/typed_config/" +
      "early_header_mutation_extensions/*/typed_config/mutations/*",
  ).flatMap(({ value }) => value.remove ?? []);
  assert.ok(removed.length > 0);
  assert.deepEqual(clients.spec.headers.earlyRequestHeaders.remove.toSorted(), removed.toSorted());
});
