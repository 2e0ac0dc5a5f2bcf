import assert from "node:assert/strict";
import { assertPeerSecret, isPeer, makePeerSecret, peerSecretOf, UsageError } from "./mod.ts";

const SECRET = makePeerSecret();

Deno.test("makePeerSecret() makes another secret each time, and one that can be used", () => {
  assert.notEqual(makePeerSecret(), makePeerSecret());
  assert.equal(peerSecretOf((name) => name === "LLMGATE_PEER_SECRET" ? SECRET : undefined), SECRET);
});

Deno.test("peerSecretOf() reads a file before the variable, and refuses what no header can carry", async () => {
  const file = await Deno.makeTempFile();
  try {
    const env = (values: Record<string, string>) => (name: string) => values[name];
    await Deno.writeTextFile(file, `${SECRET}\n`);
    const both = { LLMGATE_PEER_SECRET: "x".repeat(40), LLMGATE_PEER_SECRET_FILE: file };
    assert.equal(peerSecretOf(env(both)), SECRET);
    assert.equal(peerSecretOf(env({})), undefined);
    assert.equal(peerSecretOf(env({ LLMGATE_PEER_SECRET: "" })), undefined);
    for (
      const value of ["short", `${SECRET} `, `${SECRET}\r\nx: y`, "x".repeat(257), `é${SECRET}`]
    ) {
      assert.throws(() => peerSecretOf(env({ LLMGATE_PEER_SECRET: value })), (error: Error) => {
        assert.ok(error instanceof UsageError);
        assert.equal(error.message.includes(value), false, "a secret is not repeated");
        return true;
      });
    }
    const missing = env({ LLMGATE_PEER_SECRET_FILE: `${file}-missing` });
    assert.throws(() => peerSecretOf(missing), UsageError);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("isPeer() knows the whole secret only", () => {
  assert.ok(isPeer(SECRET, SECRET));
  for (const given of [undefined, "", SECRET.slice(1), `${SECRET}0`, `${SECRET.slice(1)}0`]) {
    assert.ok(!isPeer(given, SECRET), given);
  }
});

Deno.test("assertPeerSecret() lets loopback do without, and says what to set elsewhere", () => {
  for (const host of ["127.0.0.1", "::1", "localhost"]) assertPeerSecret(host, undefined, "it");
  assertPeerSecret("0.0.0.0", SECRET, "it");
  for (const host of ["0.0.0.0", "::", "10.0.0.1", "a.example"]) {
    assert.throws(() => assertPeerSecret(host, undefined, "the part"), /LLMGATE_PEER_SECRET/, host);
  }
});
