import assert from "node:assert/strict";
import { trafficOf } from "./flags.ts";
import { isPlain, lanesOf } from "./traffic.ts";

const NOTHING = { fallbackOn: undefined, variant: [], hedge: false };
const around = {
  env: (name: string) => name === "KEY" ? "value-of-the-key" : undefined,
  upstreams: [] as { url: string }[][],
  keyNames: [] as string[],
  foreign: (url: string) => Promise.resolve({ url }),
};
const two = { ...around, upstreams: [[{ url: "http://a.test" }], [{ url: "http://b.test/x" }]] };

async function refused(values: object, words: RegExp, surroundings: object = around) {
  await assert.rejects(trafficOf({ ...NOTHING, ...values }, { ...around, ...surroundings }), words);
}

Deno.test("trafficOf() without flags is one mock, served by the configuration as it stands", async () => {
  const traffic = await trafficOf(NOTHING, around);
  assert.ok(isPlain(traffic));
  assert.deepEqual(lanesOf(traffic), [{ cluster: "upstream", order: [0] }]);
});

Deno.test("trafficOf() gives each upstream its key, and none where the name is -", async () => {
  const { upstreams } = await trafficOf(NOTHING, { ...two, keyNames: ["KEY", "-"] });
  assert.deepEqual(upstreams.map(({ key }) => key?.value), ["value-of-the-key", undefined]);
});

Deno.test("trafficOf() makes a lane of the canary and of each variant, the main one behind it", async () => {
  const traffic = await trafficOf({
    ...NOTHING,
    canary: "5=http://c.test",
    variant: ["blue=http://d.test", "red=http://e.test"],
  }, two);
  assert.deepEqual(lanesOf(traffic), [
    { cluster: "upstream", order: [0, 1] },
    { cluster: "canary", order: [2, 0, 1] },
    { cluster: "variant_blue", order: [3, 0, 1] },
    { cluster: "variant_red", order: [4, 0, 1] },
  ]);
});

Deno.test("trafficOf() refuses what does not go together, and says what to do", async () => {
  await refused({ fallbackOn: "5xx" }, /--fallback-on with one upstream: name a second/);
  await refused({ hedge: true }, /--hedge without --first-byte-timeout/, two);
  await refused({ fallbackOn: "sometimes" }, /must be a list of refused, reset.*"sometimes"/, two);
  await refused({ fallbackOn: "200" }, /"200"/, two);
  await refused({ healthPath: "health" }, /--health-path: it must begin with a slash/, two);
  await refused({ canary: "http://c.test" }, /--canary: it must hold a =/, two);
  await refused({ canary: "100=http://c.test" }, /from 1 to 99/, two);
  await refused({ variant: ["a b=http://c.test"] }, /letters, digits/, two);
  await refused({ mirror: "ftp://c.test" }, /--mirror: it must be an http/, two);
  await refused({ mirrorKeyEnv: "KEY" }, /--mirror-key-env without --mirror/, two);
  await refused({}, /"OTHER" is not set/, { ...two, keyNames: ["KEY", "OTHER"] });
  await refused({}, /1 times with 2 upstreams.*"-"/, { ...two, keyNames: ["KEY"] });
});
