/** Compiles the `match` of a rule into one function over a request. */
import { inNetworks } from "../addresses/mod.ts";
import type { CheckRequest } from "../ext_authz/mod.ts";
import { compilePattern } from "../patterns/mod.ts";
import type { Identity } from "./keys.ts";
import type { Match, TextMatcher } from "./rules_schema.ts";

/** Whether a request is what a rule is about. */
export type Matches = (request: CheckRequest, identity: Identity) => boolean;

type Text = (value: string | undefined) => boolean;

/** Compiles a match; an empty one always holds. */
export function compileMatch(match: Match): Matches {
  const tests = conditionsOf(match).map(({ test }) => test);
  const [only] = tests;
  if (tests.length === 1 && only !== undefined) return only;
  return (request, identity) => tests.every((test) => test(request, identity));
}

/** One condition of a match. */
export interface Condition {
  /** Part of the request that it looks at: `path`, `header x-team`. */
  readonly what: string;
  /** The values that it takes, for people. */
  readonly wanted: string;
  readonly test: Matches;
  /** The request's own value; undefined when it has none. */
  seen(request: CheckRequest, identity: Identity): string | undefined;
}

type Seen = Condition["seen"];

/** Returns the conditions of a match: all of them must hold. */
export function conditionsOf(match: Match): Condition[] {
  const { method, source, credential } = match;
  const text = (what: string, matchers: readonly TextMatcher[] | undefined, seen: Seen) =>
    matchers === undefined ? [] : [textCondition(what, matchers, seen)];
  return [
    ...(method === undefined ? [] : [{
      what: "method",
      wanted: method.join(" or "),
      test: (request: CheckRequest) => method.includes(request.method),
      seen: (request: CheckRequest) => request.method,
    }]),
    ...text("path", match.path, (request) => withoutQuery(request.path)),
    ...text("host", match.host, (request) => request.host),
    ...Object.entries(match.headers ?? {}).flatMap(([name, matchers]) =>
      text(`header ${name}`, matchers, (request) => request.headers[name])
    ),
    ...(source === undefined ? [] : [sourceCondition(source)]),
    ...text("principal", match.principal, (request) => request.source.principal || undefined),
    ...(credential === undefined ? [] : [credentialCondition(credential)]),
    ...Object.entries(match.context_extensions ?? {}).flatMap(([name, matchers]) =>
      text(`context extension ${name}`, matchers, (request) => request.contextExtensions[name])
    ),
    ...Object.entries(match.metadata ?? {}).flatMap(([filter, paths]) =>
      Object.entries(paths).flatMap(([path, matchers]) =>
        text(
          `metadata ${filter}:${path}`,
          matchers,
          (request) => metadataAt(request, filter, path),
        )
      )
    ),
  ];
}

function textCondition(what: string, matchers: readonly TextMatcher[], seen: Seen): Condition {
  const text = compileText(matchers);
  return {
    what,
    wanted: matchers.map(describe).join(" or "),
    test: (request, identity) => text(seen(request, identity)),
    seen,
  };
}

function sourceCondition(source: NonNullable<Match["source"]>): Condition {
  const within = inNetworks(source);
  return {
    what: "source",
    wanted: source.join(" or "),
    test: ({ source: { address } }) => within(address),
    seen: (request) => request.source.address,
  };
}

function credentialCondition(credential: NonNullable<Match["credential"]>): Condition {
  const wanted = typeof credential === "string"
    ? credential
    : "key" in credential
    ? `key ${credential.key.join(" or ")}`
    : `tenant ${credential.tenant.join(" or ")}`;
  return {
    what: "credential",
    wanted,
    test: compileCredential(credential),
    seen: (_request, { state, key, tenant }) =>
      state === "known" ? `known: key ${key} of tenant ${tenant}` : state,
  };
}

function describe(matcher: TextMatcher): string {
  if (typeof matcher === "string") return JSON.stringify(matcher);
  const [[kind, value] = ["", ""]] = Object.entries(matcher);
  if (kind === "present") return value === true ? "present" : "absent";
  return `${kind} ${JSON.stringify(value)}`;
}

/** The path of a request target, without its query. */
export function withoutQuery(path: string): string {
  const mark = path.indexOf("?");
  return mark < 0 ? path : path.slice(0, mark);
}

/** A value of the request's dynamic metadata as text; undefined when there is none. Keys of `path` are split at dots. */
export function metadataAt(
  request: CheckRequest,
  filter: string,
  path: string,
): string | undefined {
  let value: unknown = request.metadata[filter];
  for (const key of path.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  if (value === undefined) return undefined;
  return typeof value === "string" ? value : JSON.stringify(value);
}

function compileCredential(credential: NonNullable<Match["credential"]>): Matches {
  if (typeof credential === "string") return (_request, { state }) => state === credential;
  if ("key" in credential) {
    const names = new Set(credential.key);
    return (_request, { state, key }) => state === "known" && names.has(key);
  }
  const tenants = new Set(credential.tenant);
  return (_request, { state, tenant }) => state === "known" && tenants.has(tenant);
}

function compileText(matchers: readonly TextMatcher[]): Text {
  const tests = matchers.map(compileOne);
  const [only] = tests;
  if (tests.length === 1 && only !== undefined) return only;
  return (value) => tests.some((test) => test(value));
}

function compileOne(matcher: TextMatcher): Text {
  if (typeof matcher === "string") return (value) => value === matcher;
  if ("exact" in matcher) return (value) => value === matcher.exact;
  if ("prefix" in matcher) return (value) => value?.startsWith(matcher.prefix) ?? false;
  if ("suffix" in matcher) return (value) => value?.endsWith(matcher.suffix) ?? false;
  if ("present" in matcher) return (value) => (value !== undefined) === matcher.present;
  // The whole value, as Envoy's own regex matchers do: a rule for /v1/models must not let /x/v1/models in.
  const whole = compilePattern(matcher.regex, { whole: true, flags: "s" });
  return (value) => value !== undefined && whole.test(value);
}
