/** Rules for the contents of logs and traces: every logger, every operator, one list of credential names. */
import { isCredentialHeader } from "../service/mod.ts";
import {
  type Ingress,
  isObject,
  type Json,
  type LintModel,
  type Placed,
  placedAt,
  typeName,
  valueAt,
} from "../envoy/mod.ts";
import { EVERY_HEADER, loggedHeaders } from "./lua.ts";
import { filters, type Hit, type LintRule, unique } from "./rule.ts";
import { holdsPath, printedSecrets, textsWithin } from "./secrets.ts";

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
    source: "HttpConnectionManager.Tracing, Route.tracing; CustomTag",
    check: (model) => unique(model.ingresses.flatMap(traced)),
  },
  {
    id: "edge.tapped",
    severity: "warning",
    why: "a tap hands out heads and bodies as they are, credentials and prompts included",
    fix: "take the tap away when nobody debugs",
    source: "Tap filter, tap transport socket",
    check: (model) => [
      ...model.ingresses.flatMap(({ filters }) => filters)
        .filter(({ type, disabled }) => type === "Tap" && !disabled)
        .map(({ path, name }) => ({ path, found: `the filter "${name}" records requests` })),
      ...tappedTransports(model),
    ],
  },
];

/** Transports of listeners and clusters that record the bytes which pass. */
function tappedTransports({ listeners, clusters }: LintModel): Hit[] {
  const chains = listeners.flatMap((listener) =>
    ["filter_chains/*", "default_filter_chain"].flatMap((chain) => placedAt(listener, chain))
  );
  return [...chains, ...clusters.values()].flatMap((holder) =>
    placedAt(holder, "transport_socket/typed_config")
  ).filter(({ value }) => typeName(value) === "Tap")
    .map(({ path }) => ({ path, found: "the transport records what passes" }));
}

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
  return [...listed, ...printed({ path, value: config }, "the access log holds")];
}

/** Scripts that write credentials, or the path with its query, to Envoy's own log. */
function logsOfScripts(model: LintModel): Hit[] {
  return filters(model, "Lua").flatMap(({ filter, config, by }) =>
    loggedHeaders(config).flatMap((name): Hit[] => {
      const what = name === EVERY_HEADER
        ? "every header"
        : holdsPath(name)
        ? "the path with its query"
        : isCredentialHeader(name)
        ? `the header ${name}`
        : undefined;
      if (what === undefined) return [];
      const found = `the script of "${filter.name}" logs ${what}`;
      return [{ path: by?.path ?? filter.path, found }];
    })
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

/** Returns what the texts of a value print, after the words that say where. */
function printed(place: Placed<Json>, where: string): Hit[] {
  return textsWithin(place).flatMap(({ path, value }) =>
    printedSecrets(value).map(({ what, text }) => ({ path, found: `${where} ${what} (${text})` }))
  );
}

/** Tags and names of spans: of the connection manager, and of each route. */
function traced(ingress: Ingress): Hit[] {
  const holders = new Map(
    [ingress, ...ingress.routes].map((holder) => [holder.path, holder as Placed]),
  );
  return [...holders.values()].flatMap((holder) => placedAt(holder, "tracing"))
    .flatMap((tracing): Hit[] => [
      ...["operation", "upstream_operation"].flatMap((field) =>
        printed(
          { path: `${tracing.path}/${field}`, value: tracing.value[field] ?? null },
          "each span is called by",
        )
      ),
      ...placedAt(tracing, "custom_tags/*").flatMap(({ path, value }) => [
        ...printed({ path: `${path}/value`, value: value.value ?? null }, "each span holds"),
        ...taggedHeader(path, valueAt(value, "request_header/name")),
      ]),
    ]);
}

function taggedHeader(path: string, name: Json | undefined): Hit[] {
  if (typeof name !== "string" || !(isCredentialHeader(name) || holdsPath(name))) return [];
  return [{ path: `${path}/request_header`, found: `each span holds the header ${name}` }];
}
