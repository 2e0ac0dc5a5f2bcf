/** `llmgate doctor`: says what this machine lacks, and what to do. */
import { assertPortFree } from "../../service/mod.ts";
import { defineCommand, EXIT } from "../command.ts";
import { envoyChecks } from "../doctor/envoy.ts";
import { examine, type Finding, type Level } from "../doctor/finding.ts";
import { machineChecks } from "../doctor/machine.ts";
import { portChecks, type WantedPort } from "../doctor/ports.ts";
import { machineProbe } from "../doctor/probe.ts";
import { ENVOY_OPTIONS, PORT_OPTIONS, profileOption } from "../flags/gateway.ts";
import { UPSTREAM_PORT } from "../../gateway/mod.ts";
import { profileKind } from "../../gateway/profiles/mod.ts";
import { flagOption } from "../../options/mod.ts";
import type { Style } from "../style.ts";

/** No check takes longer; they run side by side, so the doctor does not either. */
const DEADLINE_MS = 6_000;

export const command = defineCommand({
  name: "doctor",
  summary: "say what this machine lacks, and what to do",
  description:
    `Looks at ports and who holds them, platform and C library, quarantine, proxies, the limit of open files, the cache
    and its Envoys, and which mirrors answer. Every look has a deadline, so it never hangs. Exits 1 when it finds a
    problem; a note is no problem.`,
  options: {
    profile: profileOption("look for"),
    ...PORT_OPTIONS,
    offline: ENVOY_OPTIONS.offline,
    json: flagOption("--json", { description: "print the findings as JSON" }),
  },
  examples: [
    { command: "llmgate doctor", explains: "before the first llmgate dev" },
    { command: "llmgate doctor --port 18080", explains: "for a stack on another port" },
    {
      command: "llmgate doctor --profile responses",
      explains: "ports and open files of that gateway",
    },
    { command: "llmgate doctor --json", explains: "for bug reports" },
  ],
  permissions: ["read", "write", "net", "env", "run", "sys"],
  async run({ options, host, print, style }) {
    const probe = machineProbe((name) => host.env(name), host.runtime.deno);
    const kind = profileKind(options.profile);
    const surroundings = { env: (name: string) => host.env(name), upstream: undefined };
    const { profile } = await kind.bind({}, surroundings);
    const loopback = "127.0.0.1";
    const ports: WantedPort[] = [
      { what: "the ingress", flag: "--port", host: options.host, port: options.port },
      {
        what: "Envoy's admin interface",
        flag: "--admin-port",
        host: loopback,
        port: options.adminPort,
      },
      { what: "the policy stub", flag: "--policy-port", host: loopback, port: options.policyPort },
      {
        what: "the mock upstream",
        flag: "--upstream-port",
        host: loopback,
        port: options.upstreamPort,
      },
      {
        what: "the control listener",
        flag: "--control-port",
        host: loopback,
        port: options.controlPort,
      },
      ...kind.ports.filter(({ name }) => name !== UPSTREAM_PORT.name)
        .map(({ what, flag, default: port }) => ({ what, flag, host: loopback, port })),
    ];
    const findings = await examine([
      ...machineChecks(probe, profile),
      ...envoyChecks(probe, { offline: options.offline }),
      ...portChecks(ports.filter(({ port }) => port !== 0), assertPortFree),
    ], { deadlineMs: DEADLINE_MS });
    const problems = findings.filter(({ level }) => level === "problem").length;
    if (options.json) print(JSON.stringify({ problems, findings }));
    else {
      for (const finding of findings) print(findingText(finding, style));
      print(
        `\n${problems === 0 ? style.good("No problems") : style.bad(`${problems} problem(s)`)}`,
      );
    }
    return problems === 0 ? EXIT.ok : EXIT.failed;
  },
});

const MARKS: Readonly<Record<Level, string>> = { ok: "ok", note: "note", problem: "PROBLEM" };

function findingText({ id, level, detail, advice }: Finding, style: Style): string {
  const paint = { ok: style.good, note: style.notice, problem: style.bad }[level];
  const line = `${paint(MARKS[level].padEnd(8))} ${id.padEnd(14)} ${detail}`;
  return advice === undefined ? line : `${line}\n${" ".repeat(24)}${style.dim(advice)}`;
}
