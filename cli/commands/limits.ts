/** `llmgate limits`: runs the limits service alone (Envoy's rate-limit service over gRPC). */
import { startLimits } from "../../limits/mod.ts";
import { aborted, defineCommand, EXIT } from "../command.ts";
import { DEFAULT_PORTS, defined, shown } from "../../service/mod.ts";
import { fileOption, flagOption, portOption, textOption } from "../../options/mod.ts";

export const command = defineCommand({
  name: "limits",
  summary: "run the limits service alone (Envoy's rate-limit service over gRPC)",
  description:
    `Serves envoy.service.ratelimit.v3.RateLimitService, gRPC health and reflection, for the ratelimit filter of any
    Envoy: requests, tokens and cost per tenant, key, model, session or any other descriptor. The limits are reloaded
    when their file changes; a broken file is reported and the old limits stay. The counters survive a restart.`,
  options: {
    config: fileOption("--config <FILE>", {
      description: "limits, YAML, reloaded on change; built-in ones when left out",
    }),
    host: textOption("--host <ADDRESS>", {
      description: "interface to listen on",
      default: "127.0.0.1",
    }),
    port: portOption("--port <PORT>", {
      description: "gRPC listener; 0 picks a free one",
      default: DEFAULT_PORTS.limits,
    }),
    json: flagOption("--json", {
      description: "print JSON: one line when ready, then one per decision",
    }),
    quiet: flagOption("-q, --quiet", { description: "no line per decision" }),
  },
  examples: [
    { command: "llmgate limits --config limits.yaml", explains: "on 127.0.0.1:9004" },
    { command: "llmgate limits --port 0 --json", explains: "built-in limits, for scripts" },
  ],
  permissions: ["read", "write", "net", "env", "sys"],
  async run({ options, host, log, print, signal }) {
    await using limits = await startLimits({
      host: options.host,
      port: options.port,
      ...defined({ limitsFile: options.config }),
      env: (name) => host.env(name),
      log,
      ...(options.quiet ? {} : {
        onDecision: (decision) =>
          print(
            options.json ? JSON.stringify(decision) : [
              decision.outcome,
              ...Object.entries(decision.subject).map(([name, value]) => `${name}=${value}`),
              decision.code ?? "",
              decision.charge === undefined
                ? ""
                : `${decision.charge.tokens} tokens (${decision.charge.source})`,
            ].filter((part) => part !== "").map(shown).join("  "),
          ),
      }),
    });
    print(
      options.json
        ? JSON.stringify({ ready: true, limits: limits.address, counters: limits.place })
        : `limits    ${limits.address}  counters in ${limits.place}`,
    );
    await aborted(signal);
    return EXIT.ok;
  },
});
