/** How the Kubernetes API is reached: from a pod, by a kubeconfig, or at a plain URL. */
import { Buffer } from "node:buffer";
import { dirname, resolve } from "node:path";
import { z } from "zod";
import { type DataFileKind, readData } from "../../../data_files/mod.ts";
import { messageOf, readTextFile, urlHost, UsageError } from "../../../service/mod.ts";
import type { TlsTrust } from "../../../http1/mod.ts";

/** A way to the API. */
export interface ClusterAccess {
  readonly server: URL;
  readonly tls: TlsTrust;
  /** The namespace that it is in, where none is named. */
  readonly namespace: string;
  /** The bearer token of this moment; a pod's is replaced every hour. */
  token(): Promise<string | undefined>;
}

/** Options of {@linkcode clusterAccess}. */
export interface AccessOptions {
  /** URL of the API without credentials, such as `kubectl proxy` gives. */
  readonly api?: string | undefined;
  /** Path of a kubeconfig. */
  readonly kubeconfig?: string | undefined;
  readonly env: (name: string) => string | undefined;
  /** Folder of the pod's own account; for tests. */
  readonly account?: string;
}

/** Where a pod finds its account (Kubernetes, "Accessing the API from within a Pod"). */
const ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/**
 * Returns the way to the API: the given URL, the given kubeconfig, the pod's own account, or the
 * user's kubeconfig, in this order.
 *
 * @throws {UsageError} when there is none, or it asks for what is not supported
 */
export async function clusterAccess(options: AccessOptions): Promise<ClusterAccess> {
  const { api, env } = options;
  if (api !== undefined) {
    const token = () => Promise.resolve(undefined);
    return { server: serverOf(api, "--k8s-api"), tls: {}, namespace: "default", token };
  }
  const host = env("KUBERNETES_SERVICE_HOST");
  if (options.kubeconfig === undefined && host) {
    return await fromPod(host, env("KUBERNETES_SERVICE_PORT") || "443", options.account ?? ACCOUNT);
  }
  return await fromKubeconfig(options.kubeconfig ?? usersKubeconfig(env));
}

async function fromPod(host: string, port: string, account: string): Promise<ClusterAccess> {
  const read = (name: string) => readText(`${account}/${name}`);
  return {
    server: new URL(`https://${urlHost(host)}:${port}`),
    tls: { ca: await read("ca.crt") },
    namespace: (await read("namespace")).trim(),
    token: async () => (await read("token")).trim(),
  };
}

function usersKubeconfig(env: AccessOptions["env"]): string {
  const listed = env("KUBECONFIG")?.split(":").find((path) => path !== "");
  const home = env("HOME");
  if (listed === undefined && !home) {
    throw new UsageError(
      "Cannot reach Kubernetes: this is no pod, and there is no kubeconfig: name one by --kubeconfig, or use --k8s-api",
    );
  }
  return listed ?? `${home}/.kube/config`;
}

const text = z.string().min(1);

/** The parts of a kubeconfig (client.authentication.k8s.io and clientcmd v1) that are read. */
const kubeconfigSchema = z.object({
  "current-context": text,
  contexts: z.array(z.object({
    name: text,
    context: z.object({ cluster: text, user: text.optional(), namespace: text.optional() }),
  })),
  clusters: z.array(z.object({
    name: text,
    cluster: z.object({
      server: text,
      "certificate-authority": text.optional(),
      "certificate-authority-data": text.optional(),
      "insecure-skip-tls-verify": z.boolean().optional(),
    }),
  })),
  users: z.array(z.object({
    name: text,
    user: z.object({
      token: text.optional(),
      tokenFile: text.optional(),
      "client-certificate": text.optional(),
      "client-certificate-data": text.optional(),
      "client-key": text.optional(),
      "client-key-data": text.optional(),
    }).loose().nullable(),
  })).default([]),
});

/** Ways to a credential that need another program, or are outdated. */
const UNSUPPORTED = ["exec", "auth-provider", "username"];

async function fromKubeconfig(path: string): Promise<ClusterAccess> {
  const refuse = (why: string) => new UsageError(`Cannot use the kubeconfig "${path}": ${why}`);
  const config = await readData(KUBECONFIG, path);
  const current = config["current-context"];
  const context = config.contexts.find(({ name }) => name === current)?.context;
  const cluster = config.clusters.find(({ name }) => name === context?.cluster)?.cluster;
  if (context === undefined || cluster === undefined) {
    throw refuse(`its current context "${current}" names no cluster`);
  }
  if (cluster["insecure-skip-tls-verify"]) {
    throw refuse("insecure-skip-tls-verify is not supported: name the certificate-authority");
  }
  const user = config.users.find(({ name }) => name === context.user)?.user ?? {};
  const other = UNSUPPORTED.find((key) => (user as Record<string, unknown>)[key] !== undefined);
  if (other !== undefined) {
    throw refuse(`"${other}" is not supported: run kubectl proxy, and use --k8s-api with its URL`);
  }
  const { token, tokenFile } = user;
  // Relative paths start at the kubeconfig, as kubectl reads them.
  const file = (relative: string) => readText(resolve(dirname(path), relative));
  const pem = async (data: string | undefined, name: string | undefined) =>
    data !== undefined
      ? Buffer.from(data, "base64").toString()
      : name === undefined
      ? undefined
      : await file(name);
  const tls = {
    ca: await pem(cluster["certificate-authority-data"], cluster["certificate-authority"]),
    cert: await pem(user["client-certificate-data"], user["client-certificate"]),
    key: await pem(user["client-key-data"], user["client-key"]),
  };
  return {
    server: serverOf(cluster.server, path),
    tls: Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined)),
    namespace: context.namespace ?? "default",
    token: async () => tokenFile === undefined ? token : (await file(tokenFile)).trim(),
  };
}

const KUBECONFIG: DataFileKind<typeof kubeconfigSchema> = {
  what: "kubeconfig",
  name: "kubeconfig",
  schema: kubeconfigSchema,
};

function serverOf(url: string, where: string): URL {
  try {
    const server = new URL(url);
    if (/^https?:$/.test(server.protocol)) return server;
  } catch {
    // Said below.
  }
  throw new UsageError(`Cannot reach Kubernetes at "${url}" (${where}): it must be an http URL`);
}

async function readText(path: string): Promise<string> {
  try {
    return await readTextFile(path);
  } catch (error) {
    throw new UsageError(`Cannot reach Kubernetes: cannot read "${path}": ${messageOf(error)}`);
  }
}
