/** `llmgate collector`: runs the collector alone (OTLP over gRPC and HTTP, Envoy's access log service). */
import { type Collected, startCollector } from "../../collector/mod.ts";
import { flagOption, portOption, textOption } from "../../options/mod.ts";
import { DEFAULT_PORTS } from "../../service/mod.ts";
import { aborted, defineCommand, EXIT } from "../command.ts";

export const command = defineCommand({
  name: "collector",
  summary: "run the collector alone (OTLP over gRPC and HTTP)",
  description:
    `Takes traces, logs and metrics by OTLP over gRPC and HTTP, and Envoy's gRPC access logs, and prints one line for
    each. It stores nothing and forwards nothing: for one machine, to see what a gateway or an application tells.`,
  options: {
    host: textOption("--host <ADDRESS>", {
      description: "interface to listen on",
      default: "127.0.0.1",
    }),
    otlpPort: portOption("--otlp-port <PORT>", {
      description: "OTLP over gRPC; 0 picks a free one",
      default: DEFAULT_PORTS.otlp,
    }),
    otlpHttpPort: portOption("--otlp-http-port <PORT>", {
      description: "OTLP over HTTP; 0 picks a free one",
      default: DEFAULT_PORTS.otlpHttp,
    }),
    json: flagOption("--json", {
      description: "print JSON: one line when ready, then one a record",
    }),
  },
  examples: [
    { command: "llmgate collector", explains: "on 127.0.0.1:4317 and 4318" },
    {
      command: "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 ./my-app",
      explains: "an application that sends there",
    },
  ],
  permissions: ["read", "net", "env", "sys"],
  async run({ options, log, print, signal }) {
    await using collector = await startCollector({
      host: options.host,
      port: options.otlpPort,
      httpPort: options.otlpHttpPort,
      log,
      onRecord: (record) => print(options.json ? JSON.stringify(record) : lineOf(record)),
    });
    print(
      options.json
        ? JSON.stringify({ ready: true, collector: collector.address, http: collector.httpUrl })
        : `collector ${collector.address}  OTLP/HTTP ${collector.httpUrl}`,
    );
    await aborted(signal);
    return EXIT.ok;
  },
});

function lineOf(record: Collected): string {
  switch (record.signal) {
    case "span":
      return [
        `span    ${record.traceId.slice(0, 8)}  ${record.durationMs.toFixed(1).padStart(8)} ms`,
        record.status === "error" ? "error" : "     ",
        `${record.parentSpanId === undefined ? "" : "  "}${record.name}`,
      ].join("  ");
    case "log":
      return `log     ${(record.traceId ?? "").slice(0, 8).padEnd(8)}  ${record.body}`;
    case "metric":
      return `metric  ${record.name}  ${record.points.length} points`;
    case "access_log":
      return `access  ${record.status}  ${record.path}`;
  }
}
