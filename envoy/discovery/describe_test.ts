import assert from "node:assert/strict";
import { describeDifferences } from "./describe.ts";
import { differences, type JsonObject } from "../tree.ts";

const lines = (from: JsonObject, to: JsonObject) => describeDifferences(differences(from, to), to);

Deno.test("a difference is shown by the names of what it is in", () => {
  const of = (timeout: string) => ({
    static_resources: { clusters: [{ name: "upstream", connect_timeout: timeout }] },
  });
  assert.deepEqual(lines(of("1s"), of("2s")), ['clusters/upstream/connect_timeout: "1s" -> "2s"']);
});

Deno.test("a difference of a key or a credential is shown without either", () => {
  const of = (secret: string) => ({
    private_key: { inline_string: secret, filename: `${secret}.pem` },
    headers: [{ header: { key: "authorization", value: secret } }, {
      header: { key: "x-route", value: secret },
    }],
    token_bucket: { max_tokens: secret.length },
  });
  const shown = lines(of("old"), of("newer"));
  assert.deepEqual(shown, [
    "private_key/inline_string: [redacted], changed",
    'private_key/filename: "old.pem" -> "newer.pem"',
    "headers/0/header/value: [redacted], changed",
    'headers/1/header/value: "old" -> "newer"',
    "token_bucket/max_tokens: 3 -> 5",
  ]);
});
