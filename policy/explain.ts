/** Says why rules decide as they do, and which recent decisions other rules would change. */
import type { CheckRequest } from "../ext_authz/mod.ts";
import type { PolicyCheck } from "./check_log.ts";
import { DEFAULT_RULE } from "./engine.ts";
import { type Identity, KeyRing } from "./keys.ts";
import { type Condition, conditionsOf } from "./matching.ts";
import type { RulesFile } from "./rules_schema.ts";

/** One condition of a rule, beside a request. */
export interface ConditionSeen {
  /** Part of the request: `path`, `credential`. */
  readonly what: string;
  readonly wanted: string;
  /** The request's own value; absent when it has none. */
  readonly seen?: string;
  readonly holds: boolean;
}

/** One rule beside a request. */
export interface RuleSeen {
  readonly name: string;
  readonly decision: "allow" | "deny";
  readonly holds: boolean;
  readonly conditions: readonly ConditionSeen[];
}

/** Decision of rules on a request, and why. */
export interface Explanation {
  readonly decision: "allow" | "deny";
  /** `default` when no rule matched. */
  readonly rule: string;
  readonly code: string;
  readonly status: number;
  readonly tenant: string;
  /** Place of the rule that decided, from 1; 0 when none did. */
  readonly position: number;
  /** "rule 3 of 5, because credential is missing" */
  readonly says: string;
  /** Every rule in order; those behind the one that decided were not asked, and are told all the same. */
  readonly rules: readonly RuleSeen[];
}

/** A request as a journal keeps it: credentials read `[key:NAME]` or `[redacted]`. */
export type KeptRequest =
  & Pick<PolicyCheck, "method" | "path" | "headers">
  & Partial<Pick<PolicyCheck, "host" | "source" | "principal" | "contextExtensions" | "metadata">>;

/** Explains the decision of rules on a request. */
export function explainRules(file: RulesFile, kept: KeptRequest): Explanation {
  const request = requestOf(kept);
  const identity = identityOf(file, request);
  const rules = file.rules.map((rule): RuleSeen => {
    const conditions = conditionsOf(rule.match).map((one) => seenBy(one, request, identity));
    return {
      name: rule.name,
      decision: rule.deny === undefined ? "allow" : "deny",
      holds: conditions.every(({ holds }) => holds),
      conditions,
    };
  });
  const at = rules.findIndex(({ holds }) => holds);
  const rule = file.rules[at];
  const found = rules[at];
  if (rule === undefined || found === undefined) {
    return {
      decision: "deny",
      rule: DEFAULT_RULE,
      code: "no_rule",
      status: 403,
      tenant: identity.tenant,
      position: 0,
      says: `none of ${rules.length} rules holds, and what no rule allows is denied`,
      rules,
    };
  }
  return {
    decision: found.decision,
    rule: rule.name,
    code: rule.deny?.code ?? "",
    status: rule.deny?.status ?? 200,
    tenant: identity.tenant,
    position: at + 1,
    says: `rule ${at + 1} of ${rules.length}, because ${because(found)}`,
    rules,
  };
}

/** A decision that other rules would change. */
export interface ChangedDecision {
  readonly request_id: string;
  readonly method: string;
  readonly path: string;
  readonly before: string;
  readonly after: string;
  readonly says: string;
}

/** Findings of a dry run. */
export interface DryRun {
  /** Decisions that were made again. */
  readonly decisions: number;
  readonly changed: readonly ChangedDecision[];
}

/**
 * Decides checks of a journal again, by other rules.
 *
 * @param now the rules in force: they say what `[key:NAME]` stands for
 */
export function dryRun(
  other: RulesFile,
  { now, checks }: { readonly now: RulesFile; readonly checks: readonly PolicyCheck[] },
): DryRun {
  const decided = checks.filter(({ decision, rule }) =>
    (decision === "allow" || decision === "deny") && rule !== "script"
  );
  const changed = decided.flatMap((check): ChangedDecision[] => {
    const after = explainRules(other, withKeys(check, now));
    const was = verdict(check.decision, check.status, check.code, check.rule);
    const is = verdict(after.decision, after.status, after.code, after.rule);
    const isSame = check.decision === after.decision && (check.code ?? "") === after.code &&
      (check.decision === "allow" || check.status === after.status);
    return isSame ? [] : [{
      request_id: check.requestId ?? "",
      method: check.method,
      path: check.path,
      before: was,
      after: is,
      says: after.says,
    }];
  });
  return { decisions: decided.length, changed };
}

function verdict(decision = "", status = 0, code = "", rule = ""): string {
  return decision === "allow" ? `allow (${rule})` : `deny ${status} ${code} (${rule})`;
}

function because({ conditions }: RuleSeen): string {
  if (conditions.length === 0) return "it holds for every request";
  return conditions.map(({ what, wanted, seen }) => {
    if (what === "credential") return `the credential is ${seen ?? wanted}`;
    return `${what} ${seen === undefined ? "is not there" : `is ${JSON.stringify(seen)}`}`;
  }).join(" and ");
}

function seenBy(one: Condition, request: CheckRequest, identity: Identity): ConditionSeen {
  const seen = one.seen(request, identity);
  const holds = one.test(request, identity);
  return { what: one.what, wanted: one.wanted, ...(seen !== undefined && { seen }), holds };
}

const NOBODY = { address: "", port: 0, principal: "" };

function requestOf(kept: KeptRequest): CheckRequest {
  return {
    id: "",
    method: kept.method,
    path: kept.path,
    host: kept.host ?? "",
    scheme: "",
    protocol: "",
    size: -1,
    headers: kept.headers,
    headerList: undefined,
    body: undefined,
    source: { address: kept.source ?? "", port: 0, principal: kept.principal ?? "" },
    destination: NOBODY,
    contextExtensions: kept.contextExtensions ?? {},
    sni: "",
    metadata: kept.metadata ?? {},
  };
}

const MARK = /\[key:([^\]]+)\]/;

/** The owner of a credential; one that a journal hid is known by the name in its place. */
function identityOf(file: RulesFile, { headers }: CheckRequest): Identity {
  const ring = new KeyRing(file);
  const name = MARK.exec(ring.credentialOf(headers) ?? "")?.[1];
  return (name === undefined ? undefined : ring.named(name)) ?? ring.identify(headers);
}

/** The check with each `[key:NAME]` replaced by that key; one that is kept as a hash stays named. */
function withKeys(check: PolicyCheck, { keys }: RulesFile): KeptRequest {
  const headers = Object.entries(check.headers).map(([name, value]) => [
    name,
    value.replace(
      new RegExp(MARK, "g"),
      (mark, key: string) => keys.find((one) => one.name === key)?.key ?? mark,
    ),
  ]);
  return { ...check, headers: Object.fromEntries(headers) };
}
