/**
 * The policy stub: Envoy's ext_authz over gRPC, with rules in YAML for people and scripts per test
 * for the harness.
 *
 * ```ts
 * import { startPolicy } from "../policy/mod.ts";
 * import { signNonce } from "../service/mod.ts";
 *
 * await using policy = await startPolicy({ scriptSecret: "of this run" });
 * policy.scripts.set("case-0001", [{ deny: { status: 429 } }, { allow: {} }]);
 * // Envoy's ext_authz cluster points at policy.address.
 * await fetch("http://127.0.0.1:8080/v1/models", {
 *   headers: { "x-harness-case": signNonce("case-0001", "of this run") },
 * });
 * const check = await policy.journal.waitFor((entry) => entry.nonce === "case-0001");
 * check.decision; // "deny"
 * ```
 *
 * @module
 */
export { AUTHORIZATION, startPolicy } from "./policy.ts";
export type { Policy, PolicyOptions, RulesInForce } from "./policy.ts";
export {
  type ChangedDecision,
  type ConditionSeen,
  type DryRun,
  dryRun,
  explainRules,
  type Explanation,
  type KeptRequest,
  type RuleSeen,
} from "./explain.ts";
export { formatCheck } from "./check_log.ts";
export type { PolicyCheck } from "./check_log.ts";
export { loadReplay, loadRulesFile, loadScripts } from "./late.ts";
export type { PolicyAnswer } from "./script.ts";
export type { AllowInput, HeaderMutation } from "./rules_schema.ts";
export { DEFAULT_RULES } from "./default_rules.ts";
export { probePolicy } from "./probe.ts";
export type { ProbeOptions } from "./probe.ts";
export type { Change, RecordingLine, ReplayReport, ReplayTarget } from "./replay.ts";
export type { RecordedCheck } from "./record.ts";
export { parseDefaultRules, readRules } from "./read_rules.ts";
export type { RulesFile } from "./rules_schema.ts";
export { CONTROL_PREFIX, policyControlHandler } from "./control.ts";
