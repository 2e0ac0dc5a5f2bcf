import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { issueCertificate, openIssuer, prepareTlsFolder } from "./mod.ts";

const DAY_MS = 86_400_000;

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "llmgate-certs-" });
  try {
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const read = (path: string) => Deno.readTextFile(path);

Deno.test("a folder gets a CA, leaves that it signed, and secrets that only the owner can read", () =>
  inFolder(async (folder) => {
    const { ca, made } = await prepareTlsFolder(`${folder}/tls`, {
      hosts: ["gw.test", "10.0.0.1", "fd00::1:2"],
    });
    assert.deepEqual(made, [
      ...["ca", "server", "client-a", "client-b", "client-admin", "gateway", "upstream"],
    ]);
    const root = new X509Certificate(ca);
    assert.ok(root.ca && root.verify(root.publicKey));
    const leaf = async (name: string) =>
      new X509Certificate(await read(`${folder}/tls/${name}.pem`));
    for (const name of made.slice(1)) {
      const one = await leaf(name);
      assert.ok(one.checkIssued(root) && one.verify(root.publicKey) && !one.ca, name);
    }
    const server = (await leaf("server")).subjectAltName ?? "";
    for (
      const name of [
        "DNS:localhost",
        "IP Address:127.0.0.1",
        "DNS:gw.test",
        "10.0.0.1",
        "fd00::1:2",
      ]
    ) {
      assert.ok(server.includes(name), `${name} in ${server}`);
    }
    assert.match(
      (await leaf("client-a")).subjectAltName ?? "",
      /URI:spiffe:\/\/llmgate\.test\/tenant\/a/,
    );
    for await (const { name } of Deno.readDir(`${folder}/tls`)) {
      assert.equal(((await Deno.stat(`${folder}/tls/${name}`)).mode ?? 0) & 0o777, 0o600, name);
    }
  }));

Deno.test("a server's names are added to, and a rotation keeps them", () =>
  inFolder(async (folder) => {
    const names = async () =>
      new X509Certificate(await read(`${folder}/server.pem`)).subjectAltName ?? "";
    await prepareTlsFolder(folder);
    const added = await prepareTlsFolder(folder, { hosts: ["gw.test", "::2"] });
    assert.deepEqual(added.made, ["server"]);
    assert.deepEqual((await prepareTlsFolder(folder, { hosts: ["gw.test"] })).made, []);
    const before = await names();
    assert.match(before, /DNS:gw\.test/);
    await prepareTlsFolder(folder, { renew: true });
    assert.equal(await names(), before);
  }));

Deno.test("a broken leaf is issued anew, and somebody else's folder is taken as it is", () =>
  inFolder(async (folder) => {
    const { ca } = await prepareTlsFolder(folder);
    await Deno.writeTextFile(`${folder}/client-a.pem`, "");
    assert.deepEqual((await prepareTlsFolder(folder)).made, ["client-a"]);
    await Deno.remove(`${folder}/ca.key.pem`);
    const secrets = await read(`${folder}/server.sds.yaml`);
    assert.deepEqual(await prepareTlsFolder(folder), { folder, ca, made: [] });
    await assert.rejects(prepareTlsFolder(folder, { renew: true }), /whose key .* is not here/);
    assert.equal(await read(`${folder}/server.sds.yaml`), secrets);
    await Deno.remove(`${folder}/server.sds.yaml`);
    await assert.rejects(prepareTlsFolder(folder), /ca\.pem is there and its key .* is not/);
  }));

Deno.test("what is there is kept, until it shall be new", () =>
  inFolder(async (folder) => {
    const { ca } = await prepareTlsFolder(folder);
    const server = await read(`${folder}/server.sds.yaml`);
    assert.deepEqual((await prepareTlsFolder(folder)).made, []);
    assert.equal(await read(`${folder}/server.sds.yaml`), server);
    const renewed = await prepareTlsFolder(folder, { renew: true });
    assert.equal(renewed.ca, ca);
    assert.ok(!renewed.made.includes("ca") && renewed.made.includes("server"));
    assert.notEqual(await read(`${folder}/server.sds.yaml`), server);
    await Deno.remove(`${folder}/ca.pem`);
    const anew = await prepareTlsFolder(folder);
    assert.ok(anew.made.includes("ca") && anew.made.includes("server"));
    await Deno.writeTextFile(`${folder}/ca.key.pem`, "no key");
    await assert.rejects(prepareTlsFolder(folder, { renew: true }), /remove its ca\.pem/);
  }));

Deno.test("many at once make one CA", () =>
  inFolder(async (folder) => {
    const all = await Promise.all([1, 2, 3, 4].map(() => prepareTlsFolder(`${folder}/tls`)));
    assert.equal(new Set(all.map(({ ca }) => ca)).size, 1);
    assert.equal(all.filter(({ made }) => made.length > 0).length, 1);
  }));

Deno.test("openssl takes the certificates, with their purposes", async (t) => {
  const found = await new Deno.Command("openssl", { args: ["version"] }).output()
    .then(({ success }) => success, () => false);
  await t.step({
    name: `verify${found ? "" : " (skipped: no openssl on this machine)"}`,
    ignore: !found,
    fn: () =>
      inFolder(async (folder) => {
        await prepareTlsFolder(folder);
        for (const [name, purpose] of [["server", "sslserver"], ["client-a", "sslclient"]]) {
          const args = ["verify", "-x509_strict", "-purpose", `${purpose}`];
          const { stdout, stderr } = await new Deno.Command("openssl", {
            args: [...args, "-CAfile", `${folder}/ca.pem`, `${folder}/${name}.pem`],
          }).output();
          const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
          assert.match(said, /: OK\n/, said);
        }
      }),
  });
});

Deno.test("times after 2049 and long names are encoded, too", async () => {
  const pair = await issueCertificate({
    commonName: "x".repeat(60),
    use: "server",
    names: Array.from({ length: 20 }, (_, index) => ({ dns: `host-${index}.example.test` })),
    notBefore: new Date(Date.now() - DAY_MS),
    notAfter: new Date("2077-01-02T03:04:05Z"),
  });
  const certificate = new X509Certificate(pair.certificate);
  assert.match(certificate.validTo, /Jan +2 03:04:05 2077/);
  assert.ok(certificate.subjectAltName?.includes("host-19.example.test"));
});

Deno.test("a token can be checked by the published keys, before and after a rotation", () =>
  inFolder(async (folder) => {
    const path = `${folder}/keys/issuer.json`;
    const issuer = await openIssuer(path);
    const before = await issuer.sign({ sub: "me", roles: ["admin"] }, 60);
    const published = issuer.jwks().keys;
    await issuer.rotate();
    const after = await issuer.sign({ sub: "me", iss: "https://other.test" }, 60);
    assert.notEqual(partsOf(before).head.kid, partsOf(after).head.kid);
    for (const token of [before, after]) {
      // Both keys were known before the rotation, and both are known after it.
      assert.ok(await holds(token, published));
      assert.ok(await holds(token, issuer.jwks().keys));
    }
    const { claims } = partsOf(before);
    assert.equal(claims.exp - claims.iat, 60);
    assert.deepEqual([claims.iss, claims.aud], ["https://llmgate.test", "llmgate"]);
    assert.equal(partsOf(after).claims.iss, "https://other.test");
    assert.ok(!JSON.stringify(issuer.jwks()).includes('"d"'));
    assert.deepEqual((await openIssuer(path)).jwks(), issuer.jwks());
    assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
    await Deno.writeTextFile(path, `{"keys":["secret"]}`);
    await assert.rejects(openIssuer(path), (error: Error) => !error.message.includes("secret"));
  }));

function partsOf(token: string) {
  const [head, claims] = token.split(".").slice(0, 2).map((part) =>
    JSON.parse(new TextDecoder().decode(Uint8Array.fromBase64(part, { alphabet: "base64url" })))
  );
  return { head, claims };
}

async function holds(token: string, keys: JsonWebKey[]): Promise<boolean> {
  const [head = "", claims = "", signature = ""] = token.split(".");
  const { kid } = partsOf(token).head;
  const jwk = keys.find((key) => (key as { kid?: string }).kid === kid);
  if (jwk === undefined) return false;
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("jwk", jwk, algorithm, false, ["verify"]);
  const bytes = Uint8Array.fromBase64(signature, { alphabet: "base64url" });
  return await crypto.subtle.verify(
    algorithm,
    key,
    bytes,
    new TextEncoder().encode(`${head}.${claims}`),
  );
}
