/** `llmgate router`: runs the model router alone (ext_proc over gRPC). */
import { discoverHosts, MAX_BODY_BYTES, startRouter } from "../../router/mod.ts";
import {
  DEFAULT_PORTS,
  loadModule,
  peerSecretOf,
  readTextFile,
  shown,
  UsageError,
} from "../../service/mod.ts";
import { aborted, defineCommand, EXIT } from "../command.ts";
import {
  choiceOption,
  flagOption,
  integerOption,
  portOption,
  textOption,
} from "../../options/mod.ts";
import {
  backendRoots,
  bodyBytesOf,
  healthOf,
  kubernetesOf,
  ROUTER_FLAGS,
  staticHostsOf,
} from "../../gateway/profiles/mod.ts";

/** How far apart replicas of the router may learn of a pod, in milliseconds: each watches by itself. */
const REPLICAS_MS = 1_000;

export const command = defineCommand({
  name: "router",
  summary: "run the model router alone (ext_proc over gRPC)",
  description:
    `Serves envoy.service.ext_proc.v3.ExternalProcessor, the endpoints of the model servers
    (envoy.service.endpoint.v3.EndpointDiscoveryService), gRPC health and reflection, for use behind an Envoy of your
    own: llmgate envoy config --profile router --source shows how it is wired. Routes are reloaded when their file
    changes; a broken file is reported and the old routes stay.`,
  options: {
    ...ROUTER_FLAGS,
    host: textOption("--host <ADDRESS>", {
      description: "interface to listen on",
      default: "127.0.0.1",
    }),
    port: portOption("--port <PORT>", {
      description: "gRPC listener; 0 picks a free one",
      default: DEFAULT_PORTS.router,
    }),
    edsFile: textOption("--eds-file <FILE>", {
      description: "keep the endpoints in this file, too, for an Envoy that reads them there",
    }),
    alternates: integerOption("--alternates <COUNT>", {
      description: "hosts that Envoy may try when the first takes no connection; 0 picks by subset",
      min: 0,
      max: 10,
      default: 2,
    }),
    logLevel: choiceOption("--log-level <LEVEL>", {
      description: "info: one line per decision; warning: only what is wrong or was reloaded",
      choices: ["info", "warning"],
      default: "info",
    }),
    controlPort: portOption("--control-port <PORT>", {
      description: "serve metrics and health here; not served when left out",
    }),
    controlHost: textOption("--control-host <ADDRESS>", {
      description: "interface for metrics and health",
      default: "127.0.0.1",
    }),
    json: flagOption("--json", {
      description: "print JSON: one line when ready, then one per decision",
    }),
  },
  examples: [
    {
      command: "llmgate router --static-hosts localhost:8000 --route-config routes.json",
      explains: "one model server, on 127.0.0.1:50051",
    },
    {
      command:
        "llmgate router --static-hosts a:8000,b:8000 --routing-logic least_outstanding_requests",
      explains: "two servers, the least busy first",
    },
    {
      command: "llmgate router --service-discovery k8s --k8s-label-selector app=vllm",
      explains: "the ready pods of a Service, in Kubernetes",
    },
  ],
  permissions: ["read", "net", "env", "sys"],
  extraPermissions: ({ edsFile }) => edsFile === undefined ? [] : ["write"],
  async run({ options, host, log, print, signal }) {
    const kubernetes = kubernetesOf(options, (name) => host.env(name));
    if (options.staticHosts === undefined && kubernetes === undefined) {
      throw new UsageError(
        "Cannot start the router: --static-hosts must name the model servers, or --service-discovery k8s find them",
      );
    }
    const named = await staticHostsOf(options, (name) => host.env(name)) ?? [];
    const caFile = await backendRoots(named, (name) => host.env(name));
    const ca = caFile === undefined ? undefined : await readTextFile(caFile);
    await using hosts = await discoverHosts({
      hosts: named,
      readModels: options.staticModels === undefined,
      kubernetes,
      ca,
      log,
    });
    await using router = await startRouter({
      host: options.host,
      port: options.port,
      peerSecret: peerSecretOf((name) => host.env(name)),
      hosts,
      ...(kubernetes === undefined ? {} : { settleMs: REPLICAS_MS }),
      ...(options.edsFile === undefined ? {} : { endpointFile: options.edsFile }),
      logic: options.logic,
      alternates: options.alternates,
      health: { ...healthOf(options), ...(ca === undefined ? {} : { ca }) },
      sessionHeader: options.sessionHeader,
      maxBodyBytes: bodyBytesOf(options) ?? MAX_BODY_BYTES,
      ...(options.modelHeader === undefined ? {} : { modelHeader: options.modelHeader }),
      log,
      ...(options.routeConfig === undefined ? {} : { routesFile: options.routeConfig }),
      ...(options.logLevel === "warning" ? {} : {
        onDecision: (line) =>
          print(
            options.json
              ? JSON.stringify(line)
              : [line.requestId, line.path, line.route, line.model, line.endpoint, line.code]
                .filter((part) => part !== "").map(shown).join("  "),
          ),
      }),
    });
    await using stack = new AsyncDisposableStack();
    let control: string | undefined;
    if (options.controlPort !== undefined) {
      const { startControl } = await loadModule<typeof import("../../gateway/mod.ts")>(
        "gateway/mod.ts",
      );
      const server = await startControl({
        host: options.controlHost,
        port: options.controlPort,
        metrics: [() => router.metrics()],
      });
      control = stack.use(server).url;
    }
    if (options.json) {
      const { models } = router.routes;
      print(JSON.stringify({ router: router.address, models, control }));
    } else {
      print(`router    ${router.address}  ${router.routes.models.join(", ")}`);
      if (control !== undefined) print(`control   ${control}`);
    }
    await aborted(signal);
    return EXIT.ok;
  },
});
