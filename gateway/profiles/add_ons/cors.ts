/** The add-on `--cors-origin`: pages of these origins may ask the gateway, and their preflights are answered by it. */
import { createHash } from "node:crypto";
import type { EnvoyConfigFile } from "../../../envoy/mod.ts";
import { inSection, repeated, textOption } from "../../../options/mod.ts";
import { UsageError } from "../../../service/mod.ts";
import type { AddOn } from "../../mod.ts";
import type { AddOnKind } from "../add_on_kind.ts";

const CORS = "envoy.filters.http.cors";
const EXT_AUTHZ = "envoy.filters.http.ext_authz";
const TYPE = "type.googleapis.com/envoy.extensions.filters.http.cors.v3";

/** Methods and headers that a page may send: the calls of the API, and the headers of the official JavaScript client. */
const METHODS = "GET, POST, DELETE, HEAD, OPTIONS";
const REQUEST_HEADERS = [
  ...["authorization", "x-api-key", "content-type", "accept", "x-request-id", "traceparent"],
  ...["openai-organization", "openai-project", "openai-beta", "idempotency-key"],
  ...["arch", "lang", "os", "package-version", "runtime", "runtime-version", "retry-count"]
    .map((name) => `x-stainless-${name}`),
  ...["timeout", "helper-method", "poll-helper"].map((name) => `x-stainless-${name}`),
].join(", ");

/** Headers of an answer that a page may read. */
const RESPONSE_HEADERS = "x-request-id, x-llm-deny-code, retry-after";

/** How long a browser may keep a preflight's answer, seconds: rules change rarely. */
const MAX_AGE = "600";

// deno-lint-ignore no-explicit-any -- a configuration is edited at known places; Envoy validates it
type Config = any;

/**
 * Returns a configuration whose preflights Envoy answers, before policy: a browser sends no credential with them. Every
 * other request is asked about as before.
 *
 * @throws {UsageError} for a configuration that asks no policy, or has a filter for it of its own
 */
export function withCors(file: EnvoyConfigFile, origins: readonly string[]): EnvoyConfigFile {
  const bootstrap: Config = structuredClone(file.bootstrap);
  let found = 0;
  for (const listener of bootstrap.static_resources.listeners) {
    for (const chain of listener.filter_chains ?? []) {
      for (const { typed_config: manager } of chain.filters ?? []) {
        const at = manager?.http_filters?.findIndex(({ name }: Config) => name === EXT_AUTHZ) ?? -1;
        if (at < 0) continue;
        if (manager.http_filters.some(({ name }: Config) => name === CORS)) {
          throw new UsageError(`Cannot use --cors-origin with ${file.name}: it has a CORS filter`);
        }
        manager.http_filters.splice(at, 0, {
          name: CORS,
          typed_config: { "@type": `${TYPE}.Cors` },
        });
        for (const host of manager.route_config?.virtual_hosts ?? []) {
          host.typed_per_filter_config = {
            ...host.typed_per_filter_config,
            [CORS]: policyFor(origins),
          };
        }
        found++;
      }
    }
  }
  if (found === 0) {
    throw new UsageError(`Cannot use --cors-origin with ${file.name}: it asks no policy`);
  }
  const text = `${JSON.stringify(bootstrap, null, 2)}\n`;
  return {
    name: `${file.name} with CORS`,
    text,
    sha256: createHash("sha256").update(text).digest("hex"),
    bootstrap,
  };
}

function policyFor(origins: readonly string[]): Config {
  return {
    "@type": `${TYPE}.CorsPolicy`,
    allow_origin_string_match: origins.map((exact) => ({ exact })),
    allow_methods: METHODS,
    allow_headers: REQUEST_HEADERS,
    expose_headers: RESPONSE_HEADERS,
    max_age: MAX_AGE,
  };
}

/** Returns the add-on for some origins. */
export function corsAddOn(origins: readonly string[]): AddOn {
  return {
    ports: [],
    config: (file) => withCors(file, origins),
    start: () =>
      Promise.resolve({
        welcome: () => [{ label: "cors", text: origins.join("  ") }],
        [Symbol.asyncDispose]: () => Promise.resolve(),
      }),
  };
}

const FLAGS = inSection("Browsers (any profile)", {
  corsOrigin: repeated(textOption("--cors-origin <ORIGIN>", {
    description: "let pages of this origin ask: http://localhost:3000; preflights need no key",
  })),
});

export const BROWSERS: AddOnKind<typeof FLAGS> = {
  flags: FLAGS,
  bind({ corsOrigin = [] }) {
    for (const origin of corsOrigin) {
      if (origin === "*" || URL.parse(origin)?.origin === origin) continue;
      throw new UsageError(
        `Cannot use --cors-origin "${origin}": it must be an origin such as http://localhost:3000, or "*"`,
      );
    }
    return Promise.resolve(corsOrigin.length === 0 ? undefined : corsAddOn(corsOrigin));
  },
};
