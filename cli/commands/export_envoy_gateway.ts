/** `llmgate export envoy-gateway`: writes a gateway as resources of Envoy Gateway. */
import { isIP } from "node:net";
import { resolve } from "node:path";
import { exportEnvoyGateway, type RequestLimit } from "../../manifests/mod.ts";
import {
  addressOption,
  fileOption,
  portOption,
  repeated,
  textOption,
  urlOption,
} from "../../options/mod.ts";
import {
  DEFAULT_PORTS,
  loadModule,
  messageOf,
  readTextFile,
  UsageError,
} from "../../service/mod.ts";
import { defineCommand, EXIT } from "../command.ts";
import { addressOf, EXPORT_OPTIONS, OUT_OPTION } from "../flags/export.ts";
import { assertNamespace } from "../flags/namespace.ts";
import { writeFolder } from "../folder.ts";
import type { Host } from "../host.ts";

/** Headers by which a limit of each tenant, or of each of its sessions, tells them apart. */
const SELECTORS: Readonly<Record<string, readonly string[]>> = {
  tenant: ["x-tenant"],
  session: ["x-tenant", "x-session-id"],
};

export const command = defineCommand({
  name: "export envoy-gateway",
  summary: "write a gateway as resources of Envoy Gateway",
  description:
    `Writes envoy-gateway.yaml: Gateway, HTTPRoute and Backends, a SecurityPolicy that asks your policy engine, a
    BackendTrafficPolicy with limits, fallback and no timeout that cuts a stream, a ClientTrafficPolicy, and an
    EnvoyExtensionPolicy for a processor. For Envoy Gateway 1.9, whose extension API Backend is on. Without --out it is
    printed. docs/kubernetes.md says what is different there.`,
  options: {
    out: OUT_OPTION,
    namespace: textOption("--namespace <NAME>", {
      description: "namespace of every object",
      default: "default",
    }),
    port: portOption("--port <PORT>", {
      description: "listener of the Gateway, plain HTTP",
      default: DEFAULT_PORTS.ingress,
    }),
    policy: addressOption("--policy <HOST:PORT>", {
      description: "ext_authz engine, gRPC; the Service policy-engine when left out",
    }),
    upstream: repeated(urlOption("--upstream <URL>", {
      description: "model server, repeatable: the order is the priority; the mock when left out",
    })),
    processor: addressOption("--processor <HOST:PORT>", {
      description: "ext_proc service behind policy, such as llmgate transform",
    }),
    limits: fileOption("--limits <FILE>", {
      description: "limits, of which the requests of tenants and sessions go there",
    }),
    force: EXPORT_OPTIONS.force,
  },
  examples: [
    {
      command: "llmgate export envoy-gateway --upstream https://api.openai.com --policy opa:9191",
      explains: "the same policy engine, behind Envoy Gateway; printed",
    },
    {
      command:
        "llmgate export envoy-gateway --upstream http://vllm-1:8000 --upstream http://vllm-2:8000 --out eg",
      explains: "the second is asked when the first cannot answer",
    },
  ],
  permissions: ["read", "write", "env", "sys"],
  async run({ options, host, print }) {
    const { namespace, port } = options;
    assertNamespace(namespace);
    const service = (name: string) => `${name}.${namespace}.svc.cluster.local`;
    const { parseUpstreamUrl } = await loadModule<typeof import("../../gateway/mod.ts")>(
      "gateway/mod.ts",
    );
    const urls = options.upstream ?? [`http://${service("mock-upstream")}:9000`];
    const upstreams = urls.map(parseUpstreamUrl);
    const [{ pathPrefix = "" } = {}] = upstreams;
    if (upstreams.some((one) => one.pathPrefix !== pathPrefix)) {
      throw new UsageError(
        "Cannot use upstreams with different paths: a route of Envoy Gateway rewrites all of them alike",
      );
    }
    if (new Set(upstreams.map(({ host: name }) => isIP(name) === 0)).size > 1) {
      throw new UsageError(
        "Cannot use names and IP addresses as upstreams at once: a route of Envoy Gateway takes one kind",
      );
    }
    const files = exportEnvoyGateway({
      namespace,
      port,
      policy: addressOf(options.policy ?? `${service("policy-engine")}:9002`),
      upstreams,
      ...(options.processor !== undefined && { processor: addressOf(options.processor) }),
      ...(options.limits !== undefined && await limitsOf(options.limits, host)),
    });
    if (options.out === undefined) {
      print(files.map(({ text }) => text.trimEnd()).join("\n---\n"));
      return EXIT.ok;
    }
    const paths = await writeFolder(resolve(host.cwd, options.out), files, options);
    for (const path of paths) print(`wrote ${path}`);
    print(`\napply it:  kubectl apply -f "${options.out}"`);
    return EXIT.ok;
  },
});

/** The limits of a file that Envoy Gateway can count, and the names of the others. */
async function limitsOf(
  name: string,
  host: Host,
): Promise<{ limits: RequestLimit[]; leftOut: string[] }> {
  const { parseLimits } = await loadModule<typeof import("../../limits/mod.ts")>("limits/mod.ts");
  const text = await readTextFile(resolve(host.cwd, name)).catch((error) => {
    throw new UsageError(`Cannot read "${name}": ${messageOf(error)}`);
  });
  const limits: RequestLimit[] = [];
  const leftOut: string[] = [];
  for (
    const [index, { match, requests = [], tokens, cost }] of parseLimits(text, name).limits
      .entries()
  ) {
    const [kind = "", ...more] = Object.keys(match);
    const headers = more.length === 0 && Object.values(match)[0] === "*"
      ? SELECTORS[kind]
      : undefined;
    if (headers !== undefined) {
      limits.push(...requests.map(({ per, max }) => ({ headers, requests: max, per })));
    } else if (requests.length > 0) leftOut.push(`limits.${index}.requests`);
    if (tokens !== undefined) leftOut.push(`limits.${index}.tokens`);
    if (cost !== undefined) leftOut.push(`limits.${index}.cost`);
  }
  return { limits, leftOut };
}
