/**
 * Static findings on an Envoy configuration in front of an LLM: rules as data, on a view of the configuration that is
 * the same for YAML, JSON and a live `/config_dump`.
 *
 * ```ts
 * const { findings } = lintEnvoyConfig(await Deno.readTextFile("envoy.yaml"), { name: "envoy.yaml" });
 * ```
 *
 * @module
 */
export {
  type Finding,
  formatFindings,
  LINT_RULES,
  lintEnvoyConfig,
  type LintOptions,
  type LintResult,
  TRUSTED_NAMES,
} from "./lint.ts";
export type { LintRule, Severity } from "./rule.ts";
