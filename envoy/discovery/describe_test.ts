import assert from "node:assert/strict";
import { describeDifferences } from "./describe.ts";

const clusters = (...all: readonly (readonly [name: string, timeout: string])[]) => ({
  static_resources: {
    clusters: all.map(([name, connect_timeout]) => ({ name, connect_timeout })),
  },
});

Deno.test("a difference is shown by the names of what it is in", () => {
  assert.deepEqual(
    describeDifferences(clusters(["upstream", "1s"]), clusters(["upstream", "2s"])),
    ['clusters/upstream/connect_timeout: "1s" -> "2s"'],
  );
});

Deno.test("a member that goes or comes is a line, wherever it stood, and so is another order", () => {
  const from = clusters(["a", "1s"], ["b", "1s"], ["c", "1s"]);
  assert.deepEqual(
    describeDifferences(from, clusters(["c", "2s"], ["b", "1s"], ["d", "1s"])),
    [
      "clusters/a: removed",
      'clusters/c/connect_timeout: "1s" -> "2s"',
      "clusters/d: added",
      "clusters: in another order",
    ],
  );
});

Deno.test("what two listeners share is shown once, with their number", () => {
  const of = (timeout: string) => ({
    static_resources: {
      listeners: ["plain", "tls"].map((name) => ({
        name,
        filter_chains: [{
          filters: [{ name: "hcm", typed_config: { stream_idle_timeout: timeout } }],
        }],
      })),
    },
  });
  assert.deepEqual(describeDifferences(of("1s"), of("2s")), [
    'stream_idle_timeout: "1s" -> "2s" (2 listeners)',
  ]);
});

Deno.test("a difference of a key or a credential is shown without either", () => {
  const of = (secret: string) => ({
    private_key: { inline_string: secret, filename: `${secret}.pem` },
    headers: [{ header: { key: "authorization", value: secret } }, {
      header: { key: "x-route", value: secret },
    }],
    token_bucket: { max_tokens: secret.length },
  });
  const expected = [
    "private_key/inline_string: [redacted], changed",
    'private_key/filename: "old.pem" -> "newer.pem"',
    "headers/0/header/value: [redacted], changed",
    'headers/1/header/value: "old" -> "newer"',
    "token_bucket/max_tokens: 3 -> 5",
  ];
  assert.deepEqual(describeDifferences(of("old"), of("newer")), expected);
  const added = describeDifferences({}, of("newer")).join("\n");
  assert.match(added, /private_key\/inline_string: \[redacted\]/);
  assert.match(added, /headers\/0\/header\/value: \[redacted\]/);
  assert.match(added, /headers\/1\/header\/value: nothing -> "newer"/);
});
