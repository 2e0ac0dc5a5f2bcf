import assert from "node:assert/strict";
import { UsageError } from "../../../service/mod.ts";
import { clusterAccess } from "./cluster_access.ts";

const env = () => undefined;

async function withKubeconfig<T>(text: string, use: (path: string) => Promise<T>): Promise<T> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/config`, text);
    await Deno.writeTextFile(`${folder}/ca.pem`, "the authority");
    return await use(`${folder}/config`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A kubeconfig with one cluster, the fields of which are given. */
const kubeconfig = ({ cluster = "", user = "{ token: secret }" }) => `
current-context: dev
contexts:
  - { name: other, context: { cluster: none } }
  - { name: dev, context: { cluster: local, user: me, namespace: models } }
clusters:
  - { name: local, cluster: { server: "https://api.test:6443/base"${cluster} } }
users:
  - { name: me, user: ${user} }
`;

Deno.test("clusterAccess() takes a plain URL as it is", async () => {
  const access = await clusterAccess({ api: "http://127.0.0.1:8001", env });
  assert.equal(access.server.origin, "http://127.0.0.1:8001");
  assert.equal(await access.token(), undefined);
  await assert.rejects(clusterAccess({ api: "ftp://x", env }), UsageError);
});

Deno.test("clusterAccess() reads the current context of a kubeconfig", async () => {
  const data = btoa("a certificate");
  const text = kubeconfig({
    cluster: ", certificate-authority: ca.pem",
    user: `{ client-certificate-data: ${data}, client-key-data: ${btoa("a key")} }`,
  });
  await withKubeconfig(text, async (kubeconfig) => {
    const access = await clusterAccess({ kubeconfig, env });
    assert.equal(access.server.href, "https://api.test:6443/base");
    assert.equal(access.namespace, "models");
    assert.deepEqual(access.tls, { ca: "the authority", cert: "a certificate", key: "a key" });
    assert.equal(await access.token(), undefined);
  });
});

Deno.test("clusterAccess() finds the user's kubeconfig by KUBECONFIG", async () => {
  await withKubeconfig(kubeconfig({}), async (path) => {
    const access = await clusterAccess({
      env: (name) => name === "KUBECONFIG" ? `:${path}:/elsewhere` : undefined,
    });
    assert.equal(await access.token(), "secret");
  });
});

for (
  const [what, text, reason] of [
    [
      "skipped verification",
      kubeconfig({ cluster: ", insecure-skip-tls-verify: true" }),
      /insecure/,
    ],
    ["a credential program", kubeconfig({ user: "{ exec: { command: aws } }" }), /kubectl proxy/],
    [
      "a missing context",
      kubeconfig({}).replace("current-context: dev", "current-context: x"),
      /"x"/,
    ],
    [
      "a missing field",
      kubeconfig({}).replace("server", "servant"),
      /clusters\.0\.cluster\.server/,
    ],
    ["no YAML", "{", /Cannot read the kubeconfig:/],
  ] as const
) {
  Deno.test(`clusterAccess() refuses ${what}, and says why`, async () => {
    await withKubeconfig(text, (kubeconfig) =>
      assert.rejects(
        clusterAccess({ kubeconfig, env }),
        (error) => error instanceof UsageError && reason.test(error.message),
      ));
  });
}

Deno.test("clusterAccess() without anything says what there could be", async () => {
  await assert.rejects(
    clusterAccess({ env }),
    (error) => error instanceof UsageError && /--kubeconfig.*--k8s-api/.test(error.message),
  );
});
