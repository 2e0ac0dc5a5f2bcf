/** Rules, compiled: a request goes in, a decision comes out. Pure but for its counter of decision ids. */
import { randomBytes } from "node:crypto";
import type { CheckRequest } from "../ext_authz/mod.ts";
import { type Answer, compileAllow, compileDeny } from "./answer.ts";
import { type Identity, KeyRing } from "./keys.ts";
import { compileMatch, type Matches, metadataAt } from "./matching.ts";
import type { Deny, RulesFile } from "./rules_schema.ts";
import type { TemplateInput } from "./template.ts";

/** A decision, and the answer to send. */
export interface Decision {
  readonly decision: "allow" | "deny";
  /** Name of the rule; `default` when none matched. */
  readonly rule: string;
  /** Code of the denial; empty when allowed. */
  readonly code: string;
  /** HTTP status of the denial; 200 when allowed. */
  readonly status: number;
  readonly tenant: string;
  /** Name of the key; empty when there was none. */
  readonly key: string;
  readonly decisionId: string;
  /** CheckResponse in protobuf bytes. */
  readonly response: Uint8Array;
}

/** The name under which a denial for want of a rule is reported. */
export const DEFAULT_RULE = "default";

/** Its answer. */
const NO_RULE: Deny = { status: 403, code: "no_rule", message: "No rule allows this request" };

interface CompiledRule {
  readonly name: string;
  readonly matches: Matches;
  readonly decision: "allow" | "deny";
  readonly code: string;
  readonly status: number;
  readonly answer: Answer;
}

/** Decides by the rules of a file. */
export interface RulesEngine {
  readonly version: string;
  /** The first rule that matches decides; none denies. */
  decide(request: CheckRequest): Decision;
  /** The keys by which a request's credential is looked up. */
  readonly keys: KeyRing;
  /** Names of the headers that may hold a credential. */
  readonly credentialHeaders: readonly string[];
}

/** Compiles a rules file once, so that each decision only runs functions. */
export function compileRules(
  file: RulesFile,
  options: { readonly providerKey?: string | undefined } = {},
): RulesEngine {
  const keys = new KeyRing(file);
  const credentialHeaders = file.credentials.map(({ header }) => header);
  const provider = options.providerKey === undefined
    ? undefined
    : { key: options.providerKey, credentialHeaders };
  const rules: CompiledRule[] = file.rules.map(({ name, match, allow, deny }) => ({
    name,
    matches: compileMatch(match),
    decision: deny === undefined ? "allow" : "deny",
    code: deny?.code ?? "",
    status: deny?.status ?? 200,
    answer: deny === undefined ? compileAllow(allow ?? {}, provider) : compileDeny(deny),
  }));
  rules.push({
    name: DEFAULT_RULE,
    matches: () => true,
    decision: "deny",
    code: NO_RULE.code,
    status: NO_RULE.status,
    answer: compileDeny(NO_RULE),
  });
  const { version } = file;
  return {
    version,
    keys,
    credentialHeaders,
    decide(request) {
      const identity = keys.identify(request.headers);
      const rule = first(rules, request, identity);
      const input = templateInput(request, { identity, version, rule: rule.name });
      return {
        decision: rule.decision,
        rule: rule.name,
        code: rule.code,
        status: rule.status,
        tenant: identity.tenant,
        key: identity.key,
        decisionId: input.decision_id,
        response: rule.answer(input),
      };
    },
  };
}

function first(rules: CompiledRule[], request: CheckRequest, identity: Identity): CompiledRule {
  for (const rule of rules) {
    if (rule.matches(request, identity)) return rule;
  }
  throw new RangeError("Cannot decide: the last rule must always match");
}

/** Returns the values of a request that templates may use. */
export function templateInput(
  request: CheckRequest,
  about: { identity: Identity; version: string; rule: string },
): TemplateInput {
  return new Input(request, about);
}

/** A class, not a literal: its closures would be made anew for each request. */
class Input implements TemplateInput {
  readonly #request: CheckRequest;
  readonly key: string;
  readonly tenant: string;
  readonly version: string;
  readonly rule: string;
  readonly decision_id = nextDecisionId();

  constructor(
    request: CheckRequest,
    about: { identity: Identity; version: string; rule: string },
  ) {
    this.#request = request;
    this.key = about.identity.key;
    this.tenant = about.identity.tenant;
    this.version = about.version;
    this.rule = about.rule;
  }

  get method(): string {
    return this.#request.method;
  }

  get path(): string {
    return this.#request.path;
  }

  get host(): string {
    return this.#request.host;
  }

  get source(): string {
    return this.#request.source.address;
  }

  get principal(): string {
    return this.#request.source.principal;
  }

  header(name: string): string | undefined {
    return this.#request.headers[name];
  }

  context(name: string): string | undefined {
    return this.#request.contextExtensions[name];
  }

  metadata(filter: string, path: string): string | undefined {
    return metadataAt(this.#request, filter, path);
  }
}

const PROCESS_ID = randomBytes(4).toString("hex");
let decisions = 0;

/** An id of 19 characters, unique in this process and, by its random part, among processes. */
function nextDecisionId(): string {
  return `${PROCESS_ID}-${String(++decisions).padStart(10, "0")}`;
}
