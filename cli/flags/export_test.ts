import assert from "node:assert/strict";
import { main } from "../main.ts";
import { fakeHost } from "../testing.ts";

async function run(...words: string[]) {
  const host = fakeHost();
  const code = await main(["export", ...words], host);
  return { code, out: host.out(), err: host.err() };
}

Deno.test("export kubernetes prints the manifests, or writes them once", async () => {
  const printed = await run("kubernetes");
  assert.equal(printed.code, 0, printed.err);
  assert.match(printed.out, /kind: Deployment[^]*name: envoy-proxy/);
  assert.doesNotMatch(printed.out, /Kustomization/);
  const folder = await Deno.makeTempDir();
  const written = await run("kubernetes", "--out", `${folder}/k8s`, "--namespace", "models");
  assert.equal(written.code, 0, written.err);
  const names = (await Array.fromAsync(Deno.readDir(`${folder}/k8s`))).map(({ name }) => name);
  assert.deepEqual(names.sort(), [
    "envoy-proxy.yaml",
    "kustomization.yaml",
    "policy-engine.yaml",
    "vllm-extproc.yaml",
  ]);
  const again = await run("kubernetes", "--out", `${folder}/k8s`);
  assert.equal(again.code, 2);
  assert.match(again.err, /is there already: use --force/);
  assert.equal((await run("kubernetes", "--out", `${folder}/k8s`, "--force")).code, 0);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("export compose writes what the Compose file needs", async () => {
  const folder = await Deno.makeTempDir();
  const { code, err } = await run("compose", "--profile", "router", "--out", folder);
  assert.equal(code, 0, err);
  const names = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
  assert.deepEqual(names.sort(), [
    "Dockerfile",
    "compose.yaml",
    "envoy.yaml",
    "routes.json",
    "rules.yaml",
  ]);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("export envoy-gateway prints the resources, and names the limits that are not in them", async () => {
  const folder = await Deno.makeTempDir();
  const limits = `${folder}/limits.yaml`;
  await Deno.writeTextFile(
    limits,
    `version: 1
prices: { default: { input: 1, output: 1 } }
limits:
  - match: { tenant: "*" }
    requests: { per: minute, max: 60 }
    tokens: { per: day, max: 5 }
  - match: { tenant: acme }
    requests: { per: day, max: 7 }
`,
  );
  const upstreams = ["--upstream", "https://a.test/v1", "--upstream", "https://b.test/v1"];
  const { code, out, err } = await run("envoy-gateway", ...upstreams, "--limits", limits);
  assert.equal(code, 0, err);
  assert.match(out, /requests alone: limits\.0\.tokens, limits\.1\.requests\n/);
  assert.match(out, /name: x-tenant\n[^]*requests: 60\n\s*unit: Minute/);
  assert.equal(out.match(/fallback: true/g)?.length, 1);
  await Deno.remove(folder, { recursive: true });
});

for (
  const [words, reason] of [
    [
      ["envoy-gateway", "--upstream", "http://a/x", "--upstream", "http://b/y"],
      /different paths/,
    ],
    [
      ["envoy-gateway", "--upstream", "http://127.0.0.1", "--upstream", "http://b"],
      /names and IP addresses/,
    ],
    [["envoy-gateway", "--namespace", "My_Models"], /namespace "My_Models"/],
    [["envoy-gateway", "--limits", "nowhere.yaml"], /Cannot read "nowhere\.yaml"/],
    [
      ["kubernetes", "--profile", "base", "--static-hosts", "a:1"],
      /--static-hosts.*--profile router/,
    ],
    [["kubernetes", "--upstream", "http://a"], /--upstream.*"router".*flags of their own/],
    [["kubernetes", "--namespace", "My_Models"], /namespace "My_Models"/],
    [["kubernetes", "--static-hosts", "a"], /HOST:PORT/],
    [["kubernetes", "--s3-bucket", "b"], /--s3-\*.*"router".*keeps nothing/],
    [["kubernetes", "--profile", "responses", "--s3-bucket", "b"], /--postgres-secret/],
    [
      ["kubernetes", "--profile", "responses"].concat(
        ["--postgres-secret", "Db", "--s3-bucket", "b", "--s3-secret", "s"],
      ),
      /NAME\/KEY of a Secret.*"Db"/,
    ],
    [
      ["kubernetes", "--profile", "responses"].concat(
        ["--postgres-secret", "db/url", "--s3-bucket", "b", "--s3-secret", "s/k"],
      ),
      /the name of a Secret.*"s\/k"/,
    ],
    [["compose", "--rules", "nowhere.yaml"], /Cannot read .*nowhere\.yaml/],
  ] as const
) {
  Deno.test(`export refuses ${words.slice(1).join(" ")}`, async () => {
    const { code, err } = await run(...words);
    assert.equal(code, 2);
    assert.match(err, reason);
  });
}

Deno.test("export kubernetes takes a database and a bucket for several Responses gateways", async () => {
  const words = ["--postgres-secret", "db-app", "--s3-bucket", "files", "--s3-secret", "key"];
  const { code, out, err } = await run("kubernetes", "--profile", "responses", ...words);
  assert.equal(code, 0, err);
  assert.match(out, /secretKeyRef:\s+name: db-app\s+key: uri/);
  assert.match(out, /bucket: files/);
  assert.doesNotMatch(out, /PersistentVolumeClaim/);
});
