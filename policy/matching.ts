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
  const tests: Matches[] = [];
  const { method, path, host, headers, source, principal, credential } = match;
  const { metadata, context_extensions } = match;
  if (method !== undefined) tests.push((request) => method.includes(request.method));
  if (path !== undefined) {
    const text = compileText(path);
    tests.push((request) => text(withoutQuery(request.path)));
  }
  if (host !== undefined) {
    const text = compileText(host);
    tests.push((request) => text(request.host));
  }
  for (const [name, matchers] of Object.entries(headers ?? {})) {
    const text = compileText(matchers);
    tests.push((request) => text(request.headers[name]));
  }
  if (source !== undefined) {
    const within = inNetworks(source);
    tests.push(({ source: { address } }) => within(address));
  }
  if (principal !== undefined) {
    const text = compileText(principal);
    tests.push((request) => text(request.source.principal || undefined));
  }
  if (credential !== undefined) tests.push(compileCredential(credential));
  for (const [name, matchers] of Object.entries(context_extensions ?? {})) {
    const text = compileText(matchers);
    tests.push((request) => text(request.contextExtensions[name]));
  }
  for (const [filter, paths] of Object.entries(metadata ?? {})) {
    for (const [path, matchers] of Object.entries(paths)) {
      const text = compileText(matchers);
      tests.push((request) => text(metadataAt(request, filter, path)));
    }
  }
  const [only] = tests;
  if (tests.length === 1 && only !== undefined) return only;
  return (request, identity) => tests.every((test) => test(request, identity));
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
