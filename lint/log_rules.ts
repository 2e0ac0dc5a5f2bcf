/** Rules for the contents of logs and traces: every logger, every operator, one list of credential names. */
import { isCredentialHeader, isCredentialParameter } from "../service/mod.ts";
import {
  isObject,
  type Json,
  type LintModel,
  type Placed,
  placedAt,
  typeName,
  valueAt,
} from "../envoy/mod.ts";
import { loggedHeaders } from "./lua.ts";
import { filters, type Hit, type LintRule } from "./rule.ts";

/** Rules about evidence that must not hold secrets. */
export const LOG_RULES: readonly LintRule[] = [
  {
    id: "edge.secrets-logged",
    severity: "error",
    why: "credentials and prompts end in a file that many may read",
    fix: "log the path without its query (`%PATH(NQ:PATH)%`), and no credential header",
    case: "obs.no-secrets",
    source: "Access logging, command operators",
    check: (model) => unique([...loggers(model).flatMap(secretsOf), ...logsOfScripts(model)]),
  },
  {
    id: "edge.secrets-traced",
    severity: "error",
    why: "credentials end in spans, which many may read",
    fix: "take the tag away",
    source: "HttpConnectionManager.Tracing.custom_tags",
    check: (model) =>
      model.ingresses.flatMap((ingress) =>
        placedAt(ingress, "tracing/custom_tags/*").flatMap(({ path, value }): Hit[] => {
          const name = valueAt(value, "request_header/name");
          if (typeof name !== "string" || !isCredentialHeader(name)) return [];
          return [{ path: `${path}/request_header`, found: `each span holds the header ${name}` }];
        })
      ),
  },
  {
    id: "edge.tapped",
    severity: "warning",
    why: "the tap filter hands out heads and bodies as they are, credentials and prompts included",
    fix: "take the filter out of the chain when nobody debugs",
    source: "Tap filter",
    check: (model) =>
      model.ingresses.flatMap(({ filters }) => filters)
        .filter(({ type, disabled }) => type === "Tap" && !disabled)
        .map(({ path, name }) => ({ path, found: `the filter "${name}" records requests` })),
  },
];

/** Loggers that print Envoy's default text when they are given no format of their own. */
const DEFAULTED = new Set(["FileAccessLog", "StdoutAccessLog", "StderrAccessLog"]);
/** Loggers that send whole entries, the path with its query among them (HTTPAccessLogEntry.request.path). */
const WHOLE_ENTRIES = new Set(["HttpGrpcAccessLogConfig"]);

/** Every place where Envoy logs requests: connection managers, listeners, the router towards upstreams. */
function loggers(model: LintModel): Placed[] {
  return [
    ...model.ingresses.flatMap((ingress) => placedAt(ingress, "access_log/*")),
    ...model.listeners.flatMap((listener) => placedAt(listener, "access_log/*")),
    ...model.ingresses.flatMap(({ filters }) =>
      filters.filter(({ type }) => type === "Router").flatMap(({ config, configPath }) =>
        placedAt({ path: configPath, value: config }, "upstream_log/*")
      )
    ),
  ];
}

function secretsOf(log: Placed): Hit[] {
  const path = `${log.path}/typed_config`;
  const config = log.value.typed_config;
  if (!isObject(config)) return [];
  const type = typeName(config);
  if (WHOLE_ENTRIES.has(type)) return [...listedHeaders(config, path), wholeEntry(path)];
  const listed = listedHeaders(config, path);
  const formats = ["log_format", "format", "json_format", "typed_json_format"];
  // An empty format is none.
  const given = formats.some((field) => config[field] !== undefined && config[field] !== "");
  if (DEFAULTED.has(type) && !given) {
    return [{ path, found: "the access log has Envoy's default format, which holds the query" }];
  }
  return [...listed, ...textsWithin({ path, value: config }).flatMap(secretsInText)];
}

/** Scripts that write credentials, or the path with its query, to Envoy's own log. */
function logsOfScripts(model: LintModel): Hit[] {
  return filters(model, "Lua").flatMap(({ filter, config, by }) =>
    loggedHeaders(config).filter((name) => isCredentialHeader(name) || holdsPath(name))
      .map((name) => ({
        path: by?.path ?? filter.path,
        found: `the script of "${filter.name}" logs ${
          holdsPath(name) ? "the path with its query" : `the header ${name}`
        }`,
      }))
  );
}

function wholeEntry(path: string): Hit {
  return { path, found: "the entries that the logger sends hold the path with its query" };
}

function listedHeaders(config: Json, path: string): Hit[] {
  const fields = ["request", "response"].map((side) => `additional_${side}_headers_to_log`);
  return fields.flatMap((field) => {
    const names = valueAt(config, field);
    const secret = Array.isArray(names)
      ? names.filter((name) => isCredentialHeader(String(name)))
      : [];
    return secret.map((name) => ({
      path: `${path}/${field}`,
      found: `the access log holds the header ${name}`,
    }));
  });
}

/** Every text of a logger's configuration. */
function textsWithin({ path, value }: Placed<Json>): Placed<string>[] {
  if (typeof value === "string") return [{ path, value }];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) =>
    textsWithin({ path: `${path}/${key}`, value: child })
  );
}

/** `%OPERATOR(arguments):length%`; arguments may hold brackets themselves. */
const OPERATOR = /%([A-Z][A-Z0-9_]*)(?:\((.*?)\))?(?::\d+)?%/gs;

function secretsInText({ path, value }: Placed<string>): Hit[] {
  return [...value.matchAll(OPERATOR)].flatMap(([text, operator = "", given = ""]): Hit[] => {
    const what = secretOf(operator, given);
    return what === undefined ? [] : [{ path, found: `the access log holds ${what} (${text})` }];
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
    case "DYNAMIC_METADATA": {
      const key = given.split(":").at(-1) ?? "";
      return isCredentialHeader(key) ? `the metadata ${key}` : undefined;
    }
    default:
      return undefined;
  }
}

function holdsPath(name: string): boolean {
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

function unique(hits: readonly Hit[]): Hit[] {
  return [...new Map(hits.map((hit) => [`${hit.path} ${hit.found}`, hit])).values()];
}
