/** Applies every rule to every configuration of a text. */
import { UsageError } from "../service/mod.ts";
import {
  type LintModel,
  lintModel,
  type ModelRoute,
  type Reading,
  readTypedConfig,
  type SchemaSource,
} from "../envoy/mod.ts";
import { AI_RULES } from "./ai_rules.ts";
import { BYPASS_RULES } from "./bypass_rules.ts";
import { CONFIG_RULES, CONFIG_RULES_BY_KIND } from "./config_rules.ts";
import { CREDENTIAL_RULES } from "./credential_rules.ts";
import { EDGE_RULES } from "./edge_rules.ts";
import { type KnownFinding, suppress, type Suppressed, suppressionsIn } from "./known.ts";
import { LIMITS_RULES } from "./limits_rules.ts";
import { LOG_RULES } from "./log_rules.ts";
import { POLICY_RULES } from "./policy_rules.ts";
import { REFERENCE_RULES } from "./reference_rules.ts";
import { ROUTER_RULES } from "./router_rules.ts";
import type { Finding, Hit, LintRule } from "./rule.ts";
import { STREAM_RULES } from "./stream_rules.ts";
import { TRAFFIC_RULES } from "./traffic_rules.ts";

/** Every rule, in the order of the findings. */
export const LINT_RULES: readonly LintRule[] = [
  ...CONFIG_RULES,
  ...REFERENCE_RULES,
  ...STREAM_RULES,
  ...POLICY_RULES,
  ...BYPASS_RULES,
  ...EDGE_RULES,
  ...LOG_RULES,
  ...CREDENTIAL_RULES,
  ...LIMITS_RULES,
  ...TRAFFIC_RULES,
  ...AI_RULES,
  ...ROUTER_RULES,
];

/** Names that only policy may set, in the bundled configurations. */
export const TRUSTED_NAMES = ["x-llm-decision-id", "x-llm-policy-version", "x-tenant"];

/** Result of linting. */
export interface LintResult {
  readonly findings: readonly Finding[];
  /** Findings that the file or a list of known ones accounts for. */
  readonly suppressed: readonly Suppressed[];
  /** Parts that could not be looked at, and why. */
  readonly notes: readonly string[];
}

/** How to lint. */
export interface LintOptions {
  /** Name of the text in messages. */
  readonly name: string;
  /** Names that only policy may set; those of the bundled configurations when left out. */
  readonly trustedNames?: readonly string[];
  /** Routes of the model router behind ext_proc; its rules are left out without them. */
  readonly modelRoutes?: readonly ModelRoute[];
  /** The text is JSON that nobody wrote, such as a dump: leave lines out. */
  readonly withoutLines?: boolean;
  /** Look at this listener alone. */
  readonly listener?: string;
  /** Message types to read by; those of the default version of Envoy when left out. */
  readonly schema?: SchemaSource;
  /** Findings that are known, and why: {@linkcode parseKnownFindings}. */
  readonly known?: readonly KnownFinding[];
}

/**
 * Looks for what is wrong with an Envoy configuration for LLM traffic: a bootstrap in YAML or JSON, the answer of
 * `/config_dump`, resources as xDS serves them, or manifests with one of them inside. Nothing is started and nothing
 * dialled.
 *
 * @throws {UsageError} with line and column when the text cannot be parsed, or says what it is when it holds none
 */
export async function lintEnvoyConfig(text: string, options: LintOptions): Promise<LintResult> {
  const { readings, notes: left } = await readTypedConfig(text, options);
  const notes = [...left];
  const findings: Finding[] = [];
  const listeners: string[] = [];
  for (const reading of readings) {
    const looked = lintReading(reading, options);
    findings.push(...looked.findings);
    const part = reading.part === "" ? "" : `${reading.part}: `;
    notes.push(...looked.notes.map((note) => `${part}${note}`));
    listeners.push(...looked.model.listeners.map(({ value }) => String(value.name)));
  }
  if (options.listener !== undefined && listeners.length === 0) {
    throw new UsageError(
      `Cannot lint the listener "${options.listener}" of "${options.name}": there is ${
        named(readings)
      }`,
    );
  }
  const marks = options.withoutLines ? [] : suppressionsIn(text);
  const judged = suppress(findings, { known: options.known ?? [], marks });
  return { ...judged, notes: [...notes, ...judged.notes] };
}

function named(readings: readonly Reading[]): string {
  const names = readings.flatMap(({ root }) =>
    lintModel(root, { trustedNames: [], modelRoutes: undefined }).listeners
      .map(({ value }) => `"${value.name}"`)
  );
  return names.length === 0 ? "none in it" : `only ${names.join(", ")}`;
}

interface Looked {
  readonly findings: readonly Finding[];
  readonly notes: readonly string[];
  readonly model: LintModel;
}

function lintReading(reading: Reading, options: LintOptions): Looked {
  const { trustedNames = TRUSTED_NAMES, modelRoutes, listener } = options;
  const model = lintModel(reading.root, {
    trustedNames,
    modelRoutes,
    ...(listener === undefined ? {} : { listener }),
  });
  const notes = [...model.notes];
  if (reading.kind === "resources") {
    notes.push(
      "These are xDS resources: what other files or a control plane hold is not looked at",
    );
  }
  const [open, ...others] = reading.unfilled;
  if (open !== undefined) {
    const more = others.length === 0 ? "" : `, and ${others.length} more`;
    const at = options.withoutLines ? "" : ` (line ${open.line})`;
    notes.push(`"${open.path}"${at} has a placeholder${more}: fill the template in first`);
  }
  const refused = refusedIn(reading, options, notes);
  const seen = new Set<string>();
  const broken = LINT_RULES.flatMap((rule) =>
    rule.check(model).flatMap((hit): Finding[] => {
      // A route that stands for several clusters is looked at for each.
      const key = `${rule.id} ${hit.path} ${hit.found}`;
      if (seen.has(key)) return [];
      seen.add(key);
      return [finding(rule, hit, placeOf(reading, hit.path, options))];
    })
  );
  if (model.ingresses.length === 0) {
    notes.push("There is no HTTP connection manager in it: nothing to lint on the way in");
  }
  return { findings: [...refused, ...broken], notes, model };
}

type Place = Pick<Finding, "path" | "line" | "column">;

function placeOf(reading: Reading, path: string, { withoutLines }: LintOptions): Place {
  const { path: spelled, line, column } = reading.locate(path);
  return withoutLines ? { path: spelled } : { path: spelled, line, column };
}

function finding(rule: LintRule, hit: Hit, place: Place): Finding {
  const { id, severity, why, fix, source } = rule;
  const shown = hit.case === undefined ? rule.case : hit.case ?? undefined;
  return {
    id,
    severity,
    ...place,
    found: hit.found,
    why,
    fix,
    source,
    ...(shown === undefined ? {} : { case: shown }),
  };
}

function refused(
  { kind, found, path, line, column }: Reading["problems"][number],
  { withoutLines }: LintOptions,
): Finding {
  return finding(CONFIG_RULES_BY_KIND[kind], { path, found }, {
    path,
    ...(withoutLines ? {} : { line, column }),
  });
}

/** Returns the faults that Envoy would refuse. An Envoy that gave a dump has taken it: unknown parts of it are said in a note. */
function refusedIn(reading: Reading, options: LintOptions, notes: string[]): Finding[] {
  const { problems } = reading;
  if (reading.kind === "dump") {
    const old = problems.filter(({ kind }) => kind === "old-api");
    const unknown = [
      ...new Set(
        problems.filter(({ kind }) => kind !== "limit" && kind !== "old-api")
          .map(({ found }) => found),
      ),
    ];
    const shown = unknown.slice(0, 3).join("; ");
    if (unknown.length > 0) {
      const more = unknown.length > 3 ? `; and ${unknown.length - 3} more` : "";
      notes.push(`Not looked at: ${shown}${more}. Name the Envoy of the dump by --envoy-path`);
    }
    return old.map((problem) => refused(problem, options));
  }
  return problems.map((problem) => refused(problem, options));
}
