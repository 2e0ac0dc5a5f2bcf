import type { Command } from "./command.ts";

/** A line of the table: enough for the overview, without loading the command. */
export interface Entry {
  readonly name: string;
  readonly summary: string;
  readonly group: Group;
  load(): Promise<{ command: Command }>;
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
    load: () => import("./commands/dev.ts"),
  },
  {
    name: "demo",
    group: "Run",
    summary: "show allow, streaming and deny, as with curl",
    load: () => import("./commands/demo.ts"),
  },
  {
    name: "policy",
    group: "Run",
    summary: "run the policy stub alone (ext_authz over gRPC)",
    load: () => import("./commands/policy.ts"),
  },
  {
    name: "upstream",
    group: "Run",
    summary: "run the mock OpenAI upstream alone",
    load: () => import("./commands/upstream.ts"),
  },
  {
    name: "router",
    group: "Run",
    summary: "run the model router alone (ext_proc over gRPC)",
    load: () => import("./commands/router.ts"),
  },
  {
    name: "router top",
    group: "Run",
    summary: "show what a running router's hosts do, live",
    load: () => import("./commands/router_top.ts"),
  },
  {
    name: "responses",
    group: "Run",
    summary: "run the OpenAI Responses gateway alone (HTTP, and ext_proc over gRPC)",
    load: () => import("./commands/responses.ts"),
  },
  {
    name: "init",
    group: "Run",
    summary: "write rules of your own to start from",
    load: () => import("./commands/init.ts"),
  },
  {
    name: "export kubernetes",
    group: "Run",
    summary: "write a gateway as Kubernetes manifests",
    load: () => import("./commands/export_kubernetes.ts"),
  },
  {
    name: "export compose",
    group: "Run",
    summary: "write a gateway as a Compose file",
    load: () => import("./commands/export_compose.ts"),
  },
  {
    name: "check",
    group: "Judge",
    summary: "run the conformance suite against a gateway",
    load: () => import("./commands/check.ts"),
  },
  {
    name: "envoy fetch",
    group: "Envoy",
    summary: "get Envoy into the cache and print its path",
    load: () => import("./commands/envoy_fetch.ts"),
  },
  {
    name: "envoy path",
    group: "Envoy",
    summary: "print the path of the Envoy that would be used",
    load: () => import("./commands/envoy_path.ts"),
  },
  {
    name: "envoy config",
    group: "Envoy",
    summary: "print the configuration as Envoy is given it",
    load: () => import("./commands/envoy_config.ts"),
  },
  {
    name: "envoy validate",
    group: "Envoy",
    summary: "let Envoy validate a configuration",
    load: () => import("./commands/envoy_validate.ts"),
  },
  {
    name: "report",
    group: "Judge",
    summary: "render a report again in another format",
    load: () => import("./commands/report.ts"),
  },
  {
    name: "diff",
    group: "Judge",
    summary: "compare the verdicts of two reports",
    load: () => import("./commands/diff.ts"),
  },
  {
    name: "lint",
    group: "Envoy",
    summary: "find what is wrong with an Envoy configuration for LLM traffic",
    load: () => import("./commands/lint.ts"),
  },
  {
    name: "doctor",
    group: "Help",
    summary: "say what this machine lacks, and what to do",
    load: () => import("./commands/doctor.ts"),
  },
  {
    name: "help",
    group: "Help",
    summary: "explain a command or a topic",
    load: () => import("./commands/help.ts"),
  },
  {
    name: "completions",
    group: "Help",
    summary: "print a completion script for your shell",
    load: () => import("./commands/completions.ts"),
  },
  {
    name: "version",
    group: "Help",
    summary: "print versions: own, Deno, Envoy",
    load: () => import("./commands/version.ts"),
  },
];

/** Loads every command; for the completions and the manual page. */
export async function loadCommands(): Promise<Command[]> {
  return await Promise.all(COMMANDS.map(async (entry) => (await entry.load()).command));
}
