/** The configurations that the flags of the edge profile make have no finding of the linter's. */
import assert from "node:assert/strict";
import { profileKind } from "../../gateway/profiles/mod.ts";
import { lintEnvoyConfig } from "../../lint/mod.ts";

const foreign = (url: string) => Promise.resolve({ url, caFile: "/etc/roots.pem" });
const around = { env: () => "a-key", upstream: undefined, foreign };
const TWO = [[{ url: "https://a.test/v1" }], [{ url: "http://b.test/llm" }]];

const FLAGS: readonly (readonly [name: string, flags: object, more?: object])[] = [
  ["nothing", {}],
  ["two upstreams with keys", {}, { upstreams: TWO, keyNames: ["A", "B"] }],
  ["a mirror, a canary and variants", {
    mirror: "https://m.test",
    mirrorKeyEnv: "M",
    canary: "5=http://c.test",
    variant: ["blue=http://d.test"],
    healthPath: "/health",
  }, { upstreams: TWO }],
  ["replicas and sessions", { affinity: "x-session-id", attempts: 2, maxInFlight: 100 }, {
    upstreams: [[{ url: "http://a.test" }, { url: "http://b.test" }]],
  }],
];

for (const [name, flags, more = {}] of FLAGS) {
  Deno.test(`the linter finds nothing in the edge profile with ${name}`, async () => {
    const { profile } = await profileKind("edge").bind(flags, { ...around, ...more });
    const { text, name: file } = profile.config();
    const { findings } = await lintEnvoyConfig(text, { name: file });
    assert.deepEqual(findings, []);
  });
}
