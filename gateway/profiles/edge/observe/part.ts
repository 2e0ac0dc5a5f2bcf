/** The add-on that tells a collector about each request: ours beside the gateway, or somebody's. */
import type { Collector } from "../../../../collector/mod.ts";
import { addressOption, inSection, portOption } from "../../../../options/mod.ts";
import { DEFAULT_PORTS, hostPort, loadModule } from "../../../../service/mod.ts";
import type { AddOn, PortSpec } from "../../../mod.ts";
import { COLLECTOR_CLUSTER, withCollector } from "./config.ts";

/** Ports of our own collector. */
export const OTLP_PORTS: readonly PortSpec[] = [
  {
    name: "otlp",
    what: "the collector (OTLP over gRPC)",
    default: DEFAULT_PORTS.otlp,
    flag: "--otlp-port",
  },
  {
    name: "otlpHttp",
    what: "the collector (OTLP over HTTP)",
    default: DEFAULT_PORTS.otlpHttp,
    flag: "--otlp-http-port",
  },
];

/** Where traces and logs go. */
export const COLLECTOR_FLAGS = inSection("Traces and logs (--profile edge)", {
  otlp: addressOption("--otlp <HOST:PORT>", {
    description: "collector to send to in place of ours, OTLP over gRPC",
  }),
  otlpPort: portOption("--otlp-port <PORT>", {
    description: "our collector, OTLP over gRPC",
    default: DEFAULT_PORTS.otlp,
  }),
  otlpHttpPort: portOption("--otlp-http-port <PORT>", {
    description: "our collector, OTLP over HTTP",
    default: DEFAULT_PORTS.otlpHttp,
  }),
});

const LOOPBACK = "127.0.0.1";

/** Options of {@linkcode collectorAddOn}. */
export interface CollectorAddOnOptions {
  /** Somebody else's in place of ours. */
  readonly foreign?: { readonly host: string; readonly port: number } | undefined;
  /** Hears of our own, once it runs. */
  readonly onStart?: (collector: Collector) => void;
}

/** Returns the add-on. A collector that is down holds nothing: what cannot be sent is dropped. */
export function collectorAddOn({ foreign, onStart }: CollectorAddOnOptions = {}): AddOn {
  return {
    ports: foreign === undefined ? OTLP_PORTS : [],
    config: withCollector,
    overlay: (ports) => ({
      clusters: { [COLLECTOR_CLUSTER]: foreign ?? { host: LOOPBACK, port: ports.otlp ?? 0 } },
    }),
    async start({ ports, journalLimit, log }) {
      if (foreign !== undefined) {
        const address = hostPort(foreign.host, foreign.port);
        return {
          services: { collector: address },
          welcome: () => [{ label: "collector", text: address, foreign: true }],
          [Symbol.asyncDispose]: () => Promise.resolve(),
        };
      }
      const { startCollector } = await loadModule<typeof import("../../../../collector/mod.ts")>(
        "collector/mod.ts",
      );
      const collector = await startCollector({
        port: ports.otlp ?? 0,
        httpPort: ports.otlpHttp ?? 0,
        journalLimit,
        log,
      });
      onStart?.(collector);
      const lines = () =>
        collector.journal.entries().map((one) => `${JSON.stringify(one)}\n`).join("");
      return {
        ports: { otlp: collector.port, otlpHttp: collector.httpPort },
        metrics: [() => collector.metrics()],
        control: { "/journal/collector": () => new Response(lines()) },
        shows: { traces: () => collector.journal.entries() },
        services: { collector: collector.address },
        welcome: () => [{
          label: "collector",
          text: `${collector.address}  OTLP/HTTP ${collector.httpUrl}  /journal/collector`,
        }],
        [Symbol.asyncDispose]: () => collector[Symbol.asyncDispose](),
      };
    },
  };
}
