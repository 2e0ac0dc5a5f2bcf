import { readDocument } from "../data_files/mod.ts";
import { messageOf, UsageError } from "../service/mod.ts";
import { isObject, type Json, lintModel, type ModelRoute, normalForm } from "../envoy/mod.ts";
import { EDGE_RULES } from "./edge_rules.ts";
import { POLICY_RULES } from "./policy_rules.ts";
import { ROUTER_RULES } from "./router_rules.ts";
import type { LintRule, Severity } from "./rule.ts";
import { STREAM_RULES } from "./stream_rules.ts";

/** Every rule, in the order of the findings. */
export const LINT_RULES: readonly LintRule[] = [
  ...STREAM_RULES,
  ...POLICY_RULES,
  ...EDGE_RULES,
  ...ROUTER_RULES,
];

/** Names that only policy may set, in the bundled configurations. */
export const TRUSTED_NAMES = ["x-llm-decision-id", "x-llm-policy-version", "x-tenant"];

/** One thing that is wrong, at one place. */
export interface Finding {
  readonly id: string;
  readonly severity: Severity;
  /** Line of the field, or of the nearest one above it; absent for a running Envoy. */
  readonly line?: number;
  /** Keys and indices joined by slashes, as they are written. */
  readonly path: string;
  readonly found: string;
  readonly why: string;
  readonly fix: string;
  /** The conformance case that shows it on a running gateway. */
  readonly case?: string;
  readonly source: string;
}

/** What linting found. */
export interface LintResult {
  readonly findings: readonly Finding[];
  /** What could not be looked at, and why. */
  readonly notes: readonly string[];
}

/** How to lint. */
export interface LintOptions {
  /** What the text is called in messages. */
  readonly name: string;
  /** Names that only policy may set; those of the bundled configurations when left out. */
  readonly trustedNames?: readonly string[];
  /** Routes of the model router behind ext_proc; its rules are left out without them. */
  readonly modelRoutes?: readonly ModelRoute[];
  /** The text is JSON that nobody wrote, such as a dump: leave lines out. */
  readonly withoutLines?: boolean;
}

/**
 * Looks for what is wrong with an Envoy configuration for LLM traffic: a bootstrap in YAML or
 * JSON, or the answer of `/config_dump`. Nothing is started and nothing dialled.
 *
 * @throws {UsageError} with line and column when the text cannot be parsed, or holds no listener
 */
export function lintEnvoyConfig(text: string, options: LintOptions): LintResult {
  const { value, lineOf } = options.withoutLines
    ? parseJson(text, options.name)
    : parseYaml(text, options.name);
  const { root, spelled } = normalForm(value);
  if (!isObject(root) || (root.static_resources ?? root.configs) === undefined) {
    throw new UsageError(
      `Cannot lint "${options.name}": it must be an Envoy bootstrap with "static_resources", ` +
        `or the answer of the admin's /config_dump`,
    );
  }
  const { trustedNames = TRUSTED_NAMES, modelRoutes } = options;
  const model = lintModel(root, { trustedNames, modelRoutes });
  const findings = LINT_RULES.flatMap(({ check, ...rule }) =>
    check(model).map((hit): Finding => {
      const path = spelledPath(hit.path, spelled);
      const line = lineOf?.(path);
      return { ...rule, ...hit, path, ...(line === undefined ? {} : { line }) };
    })
  );
  const notes = model.ingresses.filter(({ routesMissing }) => routesMissing).map(({ listener }) =>
    `The routes of listener "${listener}" come by RDS and are not in this file: lint the admin's /config_dump`
  );
  if (model.ingresses.length === 0) {
    notes.push("There is no HTTP connection manager in it: nothing to lint on the way in");
  }
  return { findings, notes };
}

interface Parsed {
  readonly value: Json;
  readonly lineOf?: (path: string) => number;
}

function parseYaml(text: string, name: string): Parsed {
  const { value, placeOf } = readDocument(text, { what: "Envoy configuration", file: name });
  return { value: value as Json, lineOf: (path) => placeOf(path.split("/")).line };
}

/** A dump can have megabytes, which the YAML parser would chew on for seconds. */
function parseJson(text: string, name: string): Parsed {
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    throw new UsageError(`Cannot parse "${name}": ${messageOf(error)}`);
  }
}

/** Prints findings for people: place, what, why, how to mend it, and the case that shows it. */
export function formatFindings({ findings, notes }: LintResult, name: string): string {
  const blocks = findings.map((finding) => {
    const place = finding.line === undefined ? name : `${name}:${finding.line}`;
    const shown = finding.case === undefined
      ? ""
      : `\n  shown by: llmgate check --case ${finding.case}`;
    return `${place}: ${finding.severity}: ${finding.id}: ${finding.found}\n  at: ${finding.path}\n` +
      `  why: ${finding.why}\n  fix: ${finding.fix}${shown}\n`;
  });
  return [...blocks, ...notes.map((note) => `note: ${note}\n`)].join("\n");
}

/** The nearest spelling that was written: fields that are missing have none of their own. */
function spelledPath(path: string, spelled: ReadonlyMap<string, string>): string {
  const steps = path.split("/");
  for (let count = steps.length; count > 0; count--) {
    const original = spelled.get(steps.slice(0, count).join("/"));
    if (original !== undefined) return [original, ...steps.slice(count)].join("/");
  }
  return path;
}
