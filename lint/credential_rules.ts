/** Rules for credentials on their way: given back to clients, and put into requests before policy looks. */
import { isCredentialHeader } from "../service/mod.ts";
import {
  type FilterOnRoute,
  filtersInForce,
  type Ingress,
  type Json,
  type JsonObject,
  type Placed,
  placedAt,
  valueAt,
} from "../envoy/mod.ts";
import { hasPolicy, type Hit, type LintRule, unique } from "./rule.ts";
import { runsBeforePolicy } from "./bypass_rules.ts";
import { printedSecrets, textsWithin } from "./secrets.ts";

/** Rules about credentials in answers and in requests. */
export const CREDENTIAL_RULES: readonly LintRule[] = [
  {
    id: "edge.credential-echoed",
    severity: "error",
    why: "a key in an answer ends in logs, caches and bug reports of whoever reads it",
    fix: "take the operator out of the header or body that clients get",
    case: "sec.credential-not-echoed",
    source: "HeaderValueOption, LocalReplyConfig, command operators",
    check: (model) =>
      unique(model.ingresses.flatMap((ingress) => [
        ...echoed(ingress, "local_reply_config", {}),
        ...ingress.routes.flatMap((route) => [...route.levels, ...route.parents])
          // Envoy adds them to the denials of policy, too.
          .flatMap((level) => echoed(level, "response_headers_to_add", {})),
        ...ingress.routes.flatMap((route) => echoed(route, "direct_response", { case: null })),
        ...filtersInForce(ingress, "HeaderMutation").flatMap(settingsOf)
          .flatMap((settings) => echoed(settings, "mutations/response_mutations", {})),
      ])),
  },
  {
    id: "policy.credential-supplied",
    severity: "error",
    why: "policy sees the gateway's own key in place of the client's, or where the client has none",
    fix: "put the filter behind ext_authz, or into the filters of the upstream's cluster",
    source: "Credential injector and header mutation filters, HttpConnectionManager.http_filters",
    check: (model) => unique(model.ingresses.filter(hasPolicy).flatMap(supplied)),
  },
];

/** Places where clients get back their own credentials. */
function echoed(holder: Placed, field: string, more: Pick<Hit, "case">): Hit[] {
  const value = valueAt(holder.value, field);
  if (value === undefined) return [];
  return textsWithin({ path: `${holder.path}/${field}`, value }).flatMap(({ path, value }) =>
    printedSecrets(value).filter(({ isCredential }) => isCredential).map(({ what, text }) => ({
      path,
      found: `clients get back ${what} (${text})`,
      ...more,
    }))
  );
}

/** Credentials that Envoy puts into requests before policy is asked. */
function supplied(ingress: Ingress): Hit[] {
  const early = setsCredential(
    ingress,
    "early_header_mutation_extensions/*/typed_config/mutations/*",
  );
  return [
    ...early,
    ...filtersInForce(ingress).filter(({ filter }) => SUPPLIES.has(filter.type))
      .filter(({ filter }) => runsBeforePolicy(ingress, filter)).flatMap(suppliedBy),
  ];
}

const SUPPLIES = new Set(["CredentialInjector", "HeaderMutation"]);

function suppliedBy(acting: FilterOnRoute): Hit[] {
  const { filter } = acting;
  if (filter.type === "CredentialInjector") {
    return [{ path: filter.path, found: `"${filter.name}" adds a credential before policy looks` }];
  }
  return settingsOf(acting).flatMap((settings) =>
    setsCredential(settings, "mutations/request_mutations/*")
  );
}

/** Settings of a header mutation filter: Envoy applies those of the chain, and those of the route as well. */
function settingsOf({ filter, by }: FilterOnRoute): Placed[] {
  const own = { path: filter.configPath, value: filter.config };
  return by === undefined ? [own] : [own, by];
}

/** Mutations that set a credential of the gateway's own; one that is copied from the request is the client's. */
function setsCredential(holder: Placed<JsonObject>, pattern: string): Hit[] {
  return placedAt(holder, `${pattern}/append/header`).flatMap(({ path, value }): Hit[] => {
    const { key } = value;
    if (typeof key !== "string" || !isCredentialHeader(key) || isCopied(value.value)) return [];
    return [{ path, found: `the header ${key} is set before policy looks` }];
  });
}

/** Does the text hold what comes with the request? */
function isCopied(text: Json | undefined): boolean {
  return /%(?!ENVIRONMENT|FILE_CONTENT|HOSTNAME)[A-Z]/.test(String(text ?? ""));
}
