/** Exports of `llmgate`, judged by Kubernetes' own schemas, by a real Envoy, and by running them. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { validateConfig } from "../../envoy/mod.ts";
import {
  exportCompose,
  type ExportedFile,
  exportKubernetes,
  type KubernetesSettings,
} from "../../manifests/mod.ts";
import { DEFAULT_RULES } from "../../policy/mod.ts";
import { parseConfig, secretsOf } from "../../responses/mod.ts";
import { DEFAULT_ROUTES } from "../../router/mod.ts";
import { pythonOf } from "../clients/python_venv.ts";
import { EXPORTED, manifestsOf } from "../testing/exported.ts";
import { startProgram } from "../testing/program.ts";
import { envoyPath, OLDER_ENVOY } from "../testing/stack.ts";

/** The oldest Kubernetes that the manifests are for, and a new one. */
const KUBERNETES = ["1.30", "1.37"];

const settings = (profile: string) => ({
  profile,
  namespace: "models",
  replicas: 2,
  port: 8080,
  image: "llmgate:test",
  envoyImage: "envoyproxy/envoy:test",
  rules: DEFAULT_RULES,
  router: { routes: DEFAULT_ROUTES.text, logic: "round_robin", labelSelector: "app=vllm" },
});

type Given = KubernetesSettings & { readonly profile: string };

function kubernetesOf(given: Given): ExportedFile[] {
  return exportKubernetes(manifestsOf(given.profile), given);
}

async function withFiles(
  files: readonly ExportedFile[],
  use: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    for (const { name, text } of files) await Deno.writeTextFile(join(folder, name), text);
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

// deno-lint-ignore no-explicit-any -- what a manifest holds is said by Kubernetes' schemas
type Manifest = any;

/** Every object of the manifests; a kustomization is none of Kubernetes' own. */
function objectsOf(profile: string): Manifest[] {
  return kubernetesOf(settings(profile)).filter(({ name }) => name !== "kustomization.yaml")
    .flatMap(({ text }) => parseAllDocuments(text).map((document) => document.toJS()));
}

/** Judges files strictly: a field that the schema does not know is an error. */
async function judge(files: string[], version: string): Promise<{ ok: boolean; said: string }> {
  const python = await pythonOf("kubernetes");
  const { success, stdout, stderr } = await new Deno.Command(python, {
    args: ["-m", "kubernetes_validate", "--strict", "-k", version, ...files],
    stdout: "piped",
    stderr: "piped",
  }).output();
  const decoder = new TextDecoder();
  return { ok: success, said: `${decoder.decode(stdout)}${decoder.decode(stderr)}` };
}

/** Responses gateways that share a database and a bucket. */
const SHARED = {
  ...settings("responses"),
  shared: {
    postgres: { secret: "db-app", key: "uri" },
    s3: { bucket: "files", secret: "files-key", region: "eu-central-1" },
  },
};

/** The manifests of every profile, each under a name of its own. */
const MANIFESTS = Object.entries({
  ...Object.fromEntries(EXPORTED.map((profile) => [profile, settings(profile)])),
  shared: SHARED,
}).flatMap(([what, given]) =>
  kubernetesOf(given)
    .filter(({ name }) => name !== "kustomization.yaml")
    .map(({ name, text }) => ({ name: `${what}-${name}`, text }))
);

Deno.test.each(KUBERNETES.map((version) => ({ version })))(
  "every manifest fits the schemas of Kubernetes $version",
  async ({ version }) => {
    await withFiles(MANIFESTS, async (folder) => {
      const paths = MANIFESTS.map(({ name }) => join(folder, name));
      const { ok, said } = await judge(paths, version);
      assert.ok(ok, said);
      const objects = MANIFESTS.flatMap(({ text }) => parseAllDocuments(text));
      assert.equal(said.match(/ passed for resource /g)?.length, objects.length, said);
    });
  },
);

for (const profile of EXPORTED) {
  for (const version of [undefined, OLDER_ENVOY]) {
    const on = version ?? "(default)";
    Deno.test(`Envoy ${on} takes the exported configuration of ${profile}`, async () => {
      const proxy = objectsOf(profile)
        .find(({ kind, metadata }) => kind === "ConfigMap" && metadata.name === "envoy-proxy");
      const compose = exportCompose(manifestsOf(profile), settings(profile))
        .find(({ name }) => name === "envoy.yaml")?.text ?? "";
      assert.equal(proxy.data["envoy.yaml"], compose);
      // The image has roots of its own; this machine may have none there.
      const roots = new URL("../envoy/testdata/ca.pem", import.meta.url).pathname;
      const text = compose.replaceAll("/etc/ssl/certs/ca-certificates.crt", roots);
      await withFiles([{ name: "envoy.yaml", text }], async (folder) => {
        const path = join(folder, "envoy.yaml");
        const { ok, messages } = await validateConfig(await envoyPath(version), path);
        assert.deepEqual([ok, messages], [true, []]);
      });
    });
  }
}

Deno.test("a manifest with a word that Kubernetes does not know is refused", async () => {
  const [first] = kubernetesOf(settings("base"));
  const text = first?.text.replace("runAsNonRoot", "runAsNobody") ?? "";
  await withFiles([{ name: "wrong.yaml", text }], async (folder) => {
    const { ok, said } = await judge([join(folder, "wrong.yaml")], "1.37");
    assert.equal(ok, false);
    assert.match(said, /runAsNobody/);
  });
});

Deno.test("the shared form's file is one of the gateway's, and its Secrets are all that it needs", () => {
  const objects = kubernetesOf(SHARED).filter(({ name }) => name === "responses-gateway.yaml")
    .flatMap(({ text }) => parseAllDocuments(text).map((document): Manifest => document.toJS()));
  const text = objects.find(({ kind }) => kind === "ConfigMap").data["extproc-config.yaml"];
  const config = parseConfig(text, "extproc-config.yaml");
  assert.partialDeepStrictEqual(config.files.s3, { bucket: "files", region: "eu-central-1" });
  const [container] = objects.find(({ kind }) => kind === "Deployment").spec.template.spec
    .containers;
  const names = new Set(container.env.map(({ name }: { name: string }) => name));
  const secrets = secretsOf(config, (name) => names.has(name) ? `the ${name}` : undefined);
  assert.deepEqual(secrets, {
    postgresUrl: "the DATABASE_URL",
    s3: {
      accessKeyId: "the AWS_ACCESS_KEY_ID",
      secretAccessKey: "the AWS_SECRET_ACCESS_KEY",
    },
  });
});

/** A Kubernetes API without any EndpointSlice. */
function startEmptyApi() {
  const watches = new Set<ReadableStreamDefaultController<Uint8Array>>();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    if (!request.url.includes("watch=true")) {
      return Response.json({ metadata: { resourceVersion: "1" }, items: [] });
    }
    let own: ReadableStreamDefaultController<Uint8Array>;
    const body = new ReadableStream<Uint8Array>({
      cancel: () => void watches.delete(own),
      start: (stream) => {
        own = stream;
        stream.enqueue(new TextEncoder().encode("\n"));
        watches.add(stream);
      },
    });
    return new Response(body);
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    async [Symbol.asyncDispose]() {
      for (const watch of watches) watch.close();
      await server.shutdown();
    },
  };
}

/** The files of each ConfigMap and Secret, by the folder that a container has them in. */
async function mountedFiles(
  objects: Manifest[],
  pod: Manifest,
  folder: string,
): Promise<Map<string, string>> {
  const paths = new Map<string, string>();
  for (const { name, mountPath } of pod.containers[0].volumeMounts) {
    const volume = pod.volumes.find((one: Manifest) => one.name === name);
    const source = volume.configMap?.name ?? volume.secret?.secretName;
    const kind = volume.configMap === undefined ? "Secret" : "ConfigMap";
    const held = objects.find((one) => one.kind === kind && one.metadata.name === source);
    for (const [file, text] of Object.entries(held?.data ?? held?.stringData ?? {})) {
      await Deno.writeTextFile(join(folder, file), String(text));
      paths.set(`${mountPath}/${file}`, join(folder, file));
    }
  }
  return paths;
}

Deno.test("every exported command of llmgate starts, and ends when it is told to", async () => {
  await using api = startEmptyApi();
  const started: string[] = [];
  for (const profile of EXPORTED) {
    const objects = objectsOf(profile);
    for (const { kind, metadata, spec } of objects) {
      const pod = spec?.template?.spec;
      if (kind !== "Deployment" || pod.containers[0].image !== "llmgate:test") continue;
      // The policy engine is the same in every profile.
      if (started.includes(metadata.name)) continue;
      await withFiles([], async (folder) => {
        const files = await mountedFiles(objects, pod, folder);
        const place: Record<string, string> = {
          "0.0.0.0": "127.0.0.1",
          "/var/lib/llmgate": join(folder, "data"),
        };
        const words = (pod.containers[0].args as string[]).map((word, index, all) =>
          /port$/.test(all[index - 1] ?? "") && all[index - 1] !== "--k8s-port"
            ? "0"
            : place[word] ?? files.get(word) ?? word
        );
        for (const file of files.values()) {
          const text = await Deno.readTextFile(file);
          await Deno.writeTextFile(
            file,
            text.replace(/port: (8081|10000)/g, "port: 0").replaceAll("0.0.0.0", "127.0.0.1"),
          );
        }
        if (words.includes("k8s")) words.push("--k8s-api", api.url);
        await using program = startProgram(words);
        assert.match(await program.line(), /127\.0\.0\.1:\d+/, metadata.name);
        program.kill("SIGTERM");
        assert.equal((await program.ended).code, 143, metadata.name);
      });
      started.push(metadata.name);
    }
  }
  assert.deepEqual(started.sort(), [
    "mock-upstream",
    "policy-engine",
    "responses-gateway",
    "vllm-extproc",
  ]);
});
