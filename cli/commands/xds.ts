/** `llmgate xds`: serves an Envoy configuration to running Envoys (aggregated discovery service). */
import {
  bundledConfig,
  bundledConfigNames,
  dataHome,
  DEFAULT_ENVOY_VERSION,
  type EnvoyConfigFile,
  readEnvoyConfig,
} from "../../envoy/mod.ts";
import { flagOption, portOption, textOption } from "../../options/mod.ts";
import { DEFAULT_PORTS, defined, peerSecretOf, shown } from "../../service/mod.ts";
import {
  acceptedConfig,
  adsBootstrap,
  followServed,
  type Judge,
  servedConfig,
  startXds,
  type XdsEvent,
} from "../../xds/mod.ts";
import { aborted, defineCommand, EXIT } from "../command.ts";
import { ENVOY_OPTIONS, envoyFromOptions } from "../flags/gateway.ts";

/** Names of resources that a line shows. */
const SHOWN = 8;

export const command = defineCommand({
  name: "xds",
  summary: "serve an Envoy configuration to running Envoys (ADS over gRPC)",
  description:
    `Serves clusters, endpoints, routes, HTTP filters and listeners of one configuration to any number of Envoys, by
    envoy.service.discovery.v3.AggregatedDiscoveryService (state of the world and delta) and by the service of each
    type. An edit of the file is judged by Envoy, shown as a difference and served, clusters before the routes that lead
    to them; what Envoy refuses is named, and what was served stays. One line for each ACK and NACK.`,
  arguments: [{
    name: "config",
    description: `a file, or the name of a bundled one (${
      bundledConfigNames().slice(0, 4).join(", ")
    } …)`,
  }],
  options: {
    host: textOption("--host <ADDRESS>", {
      description: "interface to listen on",
      default: "127.0.0.1",
    }),
    port: portOption("--port <PORT>", {
      description: "gRPC listener; 0 picks a free one",
      default: DEFAULT_PORTS.xds,
    }),
    listeners: flagOption("--listeners", {
      description:
        "serve changes of listeners, too: Envoy ends the streams on one that has changed",
    }),
    printBootstrap: flagOption("--print-bootstrap", {
      description:
        "print the bootstrap of an Envoy that takes the rest from here, and serve nothing",
    }),
    delta: flagOption("--delta", { description: "in that bootstrap: the incremental variant" }),
    node: textOption("--node <ID>", { description: "in that bootstrap: name of the Envoy" }),
    ...ENVOY_OPTIONS,
    json: flagOption("--json", {
      description: "print JSON: one line when ready, then one per event",
    }),
    quiet: flagOption("-q, --quiet", { description: "no line per event" }),
  },
  examples: [
    { command: "llmgate xds edge.yaml", explains: "on 127.0.0.1:18000" },
    {
      command: "llmgate xds edge.yaml --print-bootstrap --node a > a.json",
      explains: "for an Envoy of yours: envoy -c a.json",
    },
    { command: "llmgate xds edge.yaml --port 0 --json", explains: "for scripts" },
  ],
  permissions: ["read", "write", "net", "env", "run", "sys"],
  async run(context) {
    const { options, args, host, log, print, signal } = context;
    const env = (name: string) => host.env(name);
    const name = args.config ?? "base";
    const isBundled = bundledConfigNames().includes(name);
    const file: EnvoyConfigFile = isBundled ? bundledConfig(name) : await readEnvoyConfig(name);
    const peerSecret = peerSecretOf(env);
    const { listeners } = options;
    if (options.printBootstrap) {
      const served = await servedConfig(file, { encode: () => new Uint8Array(), listeners });
      const bootstrap = adsBootstrap(served, {
        host: options.host,
        port: options.port,
        variant: options.delta ? "delta" : "sotw",
        secret: peerSecret !== undefined,
        ...defined({ node: options.node }),
      });
      print(JSON.stringify(bootstrap, null, 1));
      return EXIT.ok;
    }
    const envoy = await envoyFromOptions(options, context);
    const folder = await Deno.makeTempDir({ prefix: "llmgate-xds-" });
    try {
      const judge: Judge = {
        envoyPath: envoy.path,
        candidate: `${folder}/candidate.yaml`,
        listeners,
        ...(envoy.version === DEFAULT_ENVOY_VERSION ? {} : {
          schema: {
            path: envoy.path,
            name: `Envoy ${envoy.version}`,
            folder: `${dataHome(env)}/message_types`,
          },
        }),
      };
      const first = await acceptedConfig(file, judge);
      await using xds = await startXds({
        host: options.host,
        port: options.port,
        snapshot: first.snapshot,
        peerSecret,
        log,
        ...(options.quiet ? {} : {
          onEvent: (event) => print(options.json ? JSON.stringify(event) : lineOf(event)),
        }),
      });
      const counts = Object.fromEntries(
        [...first.snapshot.types].map(([url, { byName }]) => [url.split(".").pop(), byName.size]),
      );
      print(
        options.json
          ? JSON.stringify({ ready: true, xds: xds.address, config: file.name, resources: counts })
          : `xds       ${xds.address}  ${file.name}: ${
            Object.entries(counts).map(([type, count]) => `${count} ${type}`).join(", ")
          }`,
      );
      await using _followed = isBundled ? undefined : followServed({
        path: name,
        judge,
        first,
        onChange: ({ snapshot }) => xds.publish(snapshot),
        log,
      });
      await aborted(signal);
      return EXIT.ok;
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/** An event as a line for people: who, which type, what. */
function lineOf(event: XdsEvent): string {
  const { word, node, peer, type = "", version = "", reason, names = [], removed = [] } = event;
  const who = shown(node === "" ? peer : node);
  const list = (all: readonly string[]) =>
    all.length === 0
      ? ""
      : `${all.slice(0, SHOWN).map(shown).join(", ")}${
        all.length > SHOWN ? ` and ${all.length - SHOWN} more` : ""
      }`;
  const what = {
    connected: `connected from ${peer}, ${event.variant}, Envoy ${event.envoy || "of no version"}`,
    gone: "is gone",
    wish: `asks for ${list(names) || "all"}`,
    sent: `is sent ${version}: ${list(names) || "nothing"}${
      removed.length > 0 ? `; gone: ${list(removed)}` : ""
    }`,
    ack: `ACK ${version}`,
    nack: `NACK ${version}: ${shown(reason ?? "")}`,
    stale: `answers what is out of date (nonce ${shown(event.nonce ?? "")})`,
    taken: "has taken the change",
    held: "is sent nothing more of this change: the rest would refer to what it refused",
  }[word];
  return [who, shown(type), what].filter((part) => part !== "").join("  ");
}
