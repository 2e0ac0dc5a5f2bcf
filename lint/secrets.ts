/** Secrets that command operators print: every operator, one list of credential names. */
import { isCredentialHeader, isCredentialParameter } from "../service/mod.ts";
import type { Json, Placed } from "../envoy/mod.ts";

/** Returns every text of a configuration. */
export function textsWithin({ path, value }: Placed<Json>): Placed<string>[] {
  if (typeof value === "string") return [{ path, value }];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) =>
    textsWithin({ path: `${path}/${key}`, value: child })
  );
}

/** `%OPERATOR(arguments):length%`; arguments may hold brackets themselves. */
const OPERATOR = /%([A-Z][A-Z0-9_]*)(?:\((.*?)\))?(?::\d+)?%/gs;

/** A secret that an operator of a text prints. */
export interface PrintedSecret {
  /** In words: `the header authorization`. */
  readonly what: string;
  /** The operator as it is written. */
  readonly text: string;
  /** It is a credential, and not the path with what its query may hold. */
  readonly isCredential: boolean;
}

/** Returns the secrets of requests that the operators of a text print. */
export function printedSecrets(value: string): PrintedSecret[] {
  return [...value.matchAll(OPERATOR)].flatMap(([text, operator = "", given = ""]) => {
    const what = secretOf(operator, given);
    if (what === undefined) return [];
    return [{ what, text, isCredential: !/query/.test(what) }];
  });
}

/** Returns the secrets of a request that an operator prints, in words. */
function secretOf(operator: string, given: string): string | undefined {
  const names = given.split("?").map((name) => name.trim());
  const secret = names.find((name) => isCredentialHeader(name));
  switch (operator) {
    case "REQ":
    case "REQUEST_HEADER":
    case "RESP":
    case "RESPONSE_HEADER":
    case "TRAILER":
    case "RESPONSE_TRAILER":
    case "REQ_WITHOUT_QUERY":
    case "REQUEST_HEADER_WITHOUT_QUERY":
      if (secret !== undefined) return `the header ${secret}`;
      if (operator.endsWith("WITHOUT_QUERY")) return undefined;
      return names.some(holdsPath) ? "the path with its query" : undefined;
    case "PATH": {
      const [query = "WQ"] = given.split(":");
      return query === "NQ" ? undefined : "the path with its query";
    }
    case "QUERY_PARAMS":
      return "the query";
    case "QUERY_PARAM":
      return isCredentialParameter(given.trim()) ? `the parameter ${given}` : undefined;
    case "COOKIE":
      return `the cookie ${given}`;
    case "CEL":
    case "TYPED_CEL":
      return secretInExpression(given);
    case "METADATA":
    case "DYNAMIC_METADATA": {
      const key = given.split(":").at(-1) ?? "";
      return isCredentialHeader(key) ? `the metadata ${key}` : undefined;
    }
    case "FILTER_STATE":
    case "UPSTREAM_FILTER_STATE": {
      const [key = ""] = given.split(":");
      return isCredentialHeader(key) ? `the filter state ${key}` : undefined;
    }
    default:
      return undefined;
  }
}

/** Tells whether a header holds a path with its query. */
export function holdsPath(name: string): boolean {
  return /^(:path|x-envoy-original-path|x-original-url|x-rewrite-url|referer)$/i.test(name);
}

/** Functions that an expression only measures by, and does not print. */
const MEASURED =
  /\b(size|has)\(\s*request\.[^()]*\)|\brequest\.(path|query|referer)\s*\.\s*(size|matches|startsWith|endsWith|contains)\(/g;

/** Attributes of CEL: `request.path` has the query, `request.url_path` has not. */
function secretInExpression(text: string): string | undefined {
  const printed = text.replaceAll(MEASURED, "");
  if (/\brequest\.(path|query|referer)\b/.test(printed)) return "the path with its query";
  const names = [
    ...printed.matchAll(/\brequest\.headers\[['"]([^'"]+)['"]\]|\brequest\.headers\.([\w]+)/g),
  ].map(([, quoted, plain]) => quoted ?? plain ?? "");
  if (names.some(holdsPath)) return "the path with its query";
  const name = names.find(isCredentialHeader);
  return name === undefined ? undefined : `the header ${name}`;
}
