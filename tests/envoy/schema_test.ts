/** The message types that lint reads by, against the Envoys that they come from. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { DEFAULT_ENVOY_VERSION, packMessageTypes, readTypedConfig } from "../../envoy/mod.ts";
import { OLDER_ENVOY } from "../testing/stack.ts";
import { envoyPath } from "./stack.ts";

const SHIPPED = new URL("../../envoy/schema/envoy.binpb.br", import.meta.url);
/** A field that 1.40 has and 1.36 has not. */
const YOUNG = `static_resources:
  clusters:
  - name: up
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: { http_protocol_options: {} }
        retry_policy: { retry_on: 5xx }
`;

Deno.test("the types that are shipped are those of the default Envoy; if not, run scripts/envoy_schema.ts", async () => {
  const packed = await packMessageTypes(await envoyPath(DEFAULT_ENVOY_VERSION));
  assert.ok(Buffer.compare(packed, await Deno.readFile(SHIPPED)) === 0);
});

Deno.test("an older Envoy is read by its own types, which are kept by the program's SHA-256", async () => {
  const path = await envoyPath(OLDER_ENVOY);
  const folder = await Deno.makeTempDir({ prefix: "llmgate-types-" });
  try {
    const schema = { path, name: `Envoy ${OLDER_ENVOY}`, folder };
    const { readings } = await readTypedConfig(YOUNG, { name: "envoy.yaml", schema });
    assert.deepEqual(readings[0]?.problems.map(({ found, line }) => [found, line]), [
      ['HttpProtocolOptions has no field "retry_policy"', 8],
    ]);
    const kept = [...Deno.readDirSync(folder)].map(({ name }) => name);
    assert.match(kept.join(), /^[0-9a-f]{64}\.binpb\.br$/);
    const shipped = await readTypedConfig(YOUNG, { name: "envoy.yaml" });
    assert.deepEqual(shipped.readings[0]?.problems, []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
