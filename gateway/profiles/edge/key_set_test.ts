import assert from "node:assert/strict";
import { assertKeys, keySetOf } from "./key_set.ts";

const KEYS = { keys: [{ kty: "EC", kid: "one" }] };
const ISSUER = { issuer: "https://issuer.test", audience: "gateway" };

/** Returns status and body of the answer about the keys that an issuer answers with. */
async function asked(answer: (request: Request) => Response): Promise<[number, unknown]> {
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, answer);
  const jwks = `http://127.0.0.1:${server.addr.port}/keys`;
  const response = await keySetOf({ jwks, ...ISSUER })();
  return [response.status, await response.json()];
}

Deno.test("keySetOf() asks an issuer for its keys, each time", async () => {
  let turn = 0;
  const answer = () => Response.json({ keys: [{ kid: `key-${++turn}` }] });
  assert.deepEqual(await asked(answer), [200, { keys: [{ kid: "key-1" }] }]);
  assert.deepEqual(await asked(answer), [200, { keys: [{ kid: "key-2" }] }]);
});

Deno.test("keySetOf() is 503 for what is no set of keys, so that Envoy keeps those it has", async () => {
  for (
    const answer of [
      () => new Response("no", { status: 500 }),
      () => new Response("<html>"),
      () => Response.json({ keys: "none" }),
      () => Response.json(["none"]),
      () => new Response(`{"keys":[${'"x",'.repeat(400_000)}"x"]}`),
      // The keys that somebody else's address holds would let anybody in.
      ({ url }) =>
        url.endsWith("/elsewhere")
          ? Response.json(KEYS)
          : Response.redirect(new URL("/elsewhere", url)),
    ] satisfies ((request: Request) => Response)[]
  ) {
    const [status, body] = await asked(answer);
    assert.equal(status, 503);
    assert.match(JSON.stringify(body), /"code":"keys_unavailable"/);
  }
});

Deno.test("keySetOf() reads a file each time, is 503 without it, and says so once", async () => {
  const folder = await Deno.makeTempDir();
  const jwks = `${folder}/jwks.json`;
  const lines: string[] = [];
  const answer = keySetOf({ jwks, ...ISSUER }, (line) => lines.push(line));
  await assert.rejects(assertKeys({ jwks, ...ISSUER }), /Cannot use --jwks ".*jwks\.json": /);
  assert.deepEqual([(await answer()).status, (await answer()).status], [503, 503]);
  await Deno.writeTextFile(jwks, JSON.stringify(KEYS));
  assert.deepEqual(await (await answer()).json(), KEYS);
  await assertKeys({ jwks, ...ISSUER });
  assert.equal(lines.length, 2);
  assert.match(lines[0] ?? "", /cannot be had: .*; those that Envoy knows stay/);
  assert.match(lines[1] ?? "", /can be had again/);
  await Deno.remove(folder, { recursive: true });
});
