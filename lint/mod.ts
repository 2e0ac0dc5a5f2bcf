/**
 * Static findings on an Envoy configuration in front of an LLM: rules as data, on a view of the configuration that is
 * the same for YAML, JSON, a live `/config_dump` and xDS resources, and read as Envoy reads it.
 *
 * ```ts
 * const { findings } = await lintEnvoyConfig(await Deno.readTextFile("envoy.yaml"), { name: "envoy.yaml" });
 * ```
 *
 * @module
 */
export { formatFindings } from "./format.ts";
export { type KnownFinding, parseKnownFindings, type Suppressed } from "./known.ts";
export {
  LINT_RULES,
  lintEnvoyConfig,
  type LintOptions,
  type LintResult,
  TRUSTED_NAMES,
} from "./lint.ts";
export { GROUPS_NOT_BY_CONFIGURATION, NOT_BY_CONFIGURATION } from "./musts.ts";
export type { Finding, LintRule, Severity } from "./rule.ts";
