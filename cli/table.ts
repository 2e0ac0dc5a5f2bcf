/** A line of the table: enough for the overview, without loading the command. */
export interface Entry {
  readonly name: string;
  readonly summary: string;
  readonly group: Group;
  /** Its file, by the path within the repository. */
  readonly module: string;
}

/** Headings of the overview, in order. */
export const GROUPS = ["Run", "Judge", "Envoy", "Help"] as const;
export type Group = typeof GROUPS[number];

/**
 * Every command, in the order of the overview. The summary stands here and in the command's file; a test holds them
 * equal, so that the overview needs none of the files.
 */
export const COMMANDS: readonly Entry[] = [
  {
    name: "dev",
    group: "Run",
    summary: "run policy stub, mock upstream and Envoy together",
    module: "cli/commands/dev.ts",
  },
  {
    name: "demo",
    group: "Run",
    summary: "show allow, streaming and deny, as with curl",
    module: "cli/commands/demo.ts",
  },
  {
    name: "policy",
    group: "Run",
    summary: "run the policy stub alone (ext_authz over gRPC)",
    module: "cli/commands/policy.ts",
  },
  {
    name: "upstream",
    group: "Run",
    summary: "run the mock model server alone",
    module: "cli/commands/upstream.ts",
  },
  {
    name: "router",
    group: "Run",
    summary: "run the model router alone (ext_proc over gRPC)",
    module: "cli/commands/router.ts",
  },
  {
    name: "router top",
    group: "Run",
    summary: "show what a running router's hosts do, live",
    module: "cli/commands/router_top.ts",
  },
  {
    name: "router explain",
    group: "Run",
    summary: "say which route a request takes, and why",
    module: "cli/commands/router_explain.ts",
  },
  {
    name: "log query",
    group: "Run",
    summary: "list calls of a call log, or their sums by tenant or model",
    module: "cli/commands/log_query.ts",
  },
  {
    name: "log export",
    group: "Run",
    summary: "write calls of a call log as CSV or JSON lines",
    module: "cli/commands/log_export.ts",
  },
  {
    name: "log prune",
    group: "Run",
    summary: "remove old calls of a call log",
    module: "cli/commands/log_prune.ts",
  },
  {
    name: "adapter",
    group: "Run",
    summary: "offer Anthropic, Gemini or Bedrock as an OpenAI-compatible upstream",
    module: "cli/commands/adapter.ts",
  },
  {
    name: "responses",
    group: "Run",
    summary: "run the OpenAI Responses gateway alone (HTTP, and ext_proc over gRPC)",
    module: "cli/commands/responses.ts",
  },
  {
    name: "limits",
    group: "Run",
    summary: "run the limits service alone (Envoy's rate-limit service over gRPC)",
    module: "cli/commands/limits.ts",
  },
  {
    name: "collector",
    group: "Run",
    summary: "run the collector alone (OTLP over gRPC and HTTP)",
    module: "cli/commands/collector.ts",
  },
  {
    name: "xds",
    group: "Run",
    summary: "serve an Envoy configuration to running Envoys (ADS over gRPC)",
    module: "cli/commands/xds.ts",
  },
  {
    name: "transform",
    group: "Run",
    summary: "run the transform processor alone (ext_proc over gRPC)",
    module: "cli/commands/transform.ts",
  },
  {
    name: "token",
    group: "Run",
    summary: "print a token of the development issuer (JWT)",
    module: "cli/commands/token.ts",
  },
  {
    name: "certs",
    group: "Run",
    summary: "make a development CA and certificates for TLS and mTLS",
    module: "cli/commands/certs.ts",
  },
  {
    name: "init",
    group: "Run",
    summary: "write rules, limits and scenarios of your own to start from",
    module: "cli/commands/init.ts",
  },
  {
    name: "export kubernetes",
    group: "Run",
    summary: "write a gateway as Kubernetes manifests",
    module: "cli/commands/export_kubernetes.ts",
  },
  {
    name: "export compose",
    group: "Run",
    summary: "write a gateway as a Compose file",
    module: "cli/commands/export_compose.ts",
  },
  {
    name: "export envoy-gateway",
    group: "Run",
    summary: "write a gateway as resources of Envoy Gateway",
    module: "cli/commands/export_envoy_gateway.ts",
  },
  {
    name: "check",
    group: "Judge",
    summary: "run the conformance suite against a gateway",
    module: "cli/commands/check.ts",
  },
  {
    name: "envoy fetch",
    group: "Envoy",
    summary: "get Envoy into the cache and print its path",
    module: "cli/commands/envoy_fetch.ts",
  },
  {
    name: "envoy path",
    group: "Envoy",
    summary: "print the path of the Envoy that would be used",
    module: "cli/commands/envoy_path.ts",
  },
  {
    name: "envoy config",
    group: "Envoy",
    summary: "print the configuration as Envoy is given it",
    module: "cli/commands/envoy_config.ts",
  },
  {
    name: "envoy restart",
    group: "Envoy",
    summary: "replace the Envoy of a running gateway, without losing a stream",
    module: "cli/commands/envoy_restart.ts",
  },
  {
    name: "envoy validate",
    group: "Envoy",
    summary: "let Envoy validate a configuration",
    module: "cli/commands/envoy_validate.ts",
  },
  {
    name: "report",
    group: "Judge",
    summary: "render a report again in another format",
    module: "cli/commands/report.ts",
  },
  {
    name: "diff",
    group: "Judge",
    summary: "compare the verdicts of two reports",
    module: "cli/commands/diff.ts",
  },
  {
    name: "lint",
    group: "Envoy",
    summary: "find what is wrong with an Envoy configuration for LLM traffic",
    module: "cli/commands/lint.ts",
  },
  {
    name: "doctor",
    group: "Help",
    summary: "say what this machine lacks, and what to do",
    module: "cli/commands/doctor.ts",
  },
  {
    name: "help",
    group: "Help",
    summary: "explain a command or a topic",
    module: "cli/commands/help.ts",
  },
  {
    name: "completions",
    group: "Help",
    summary: "print a completion script for your shell",
    module: "cli/commands/completions.ts",
  },
  {
    name: "version",
    group: "Help",
    summary: "print versions: own, Deno, Envoy",
    module: "cli/commands/version.ts",
  },
];
