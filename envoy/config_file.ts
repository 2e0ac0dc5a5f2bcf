/** Reads Envoy configurations: the bundled ones, and files of other people. */
import { createHash } from "node:crypto";
import { readPlainTextFile, readTextFile, UsageError } from "../service/mod.ts";
import parsedLines from "./configs/parsed.jsonl" with { type: "text" };
import type { JsonObject } from "./tree.ts";
import { readTypedConfig } from "./typed.ts";
import base from "./configs/base.yaml" with { type: "text" };
import edge from "./configs/edge.yaml" with { type: "text" };
import responses from "./configs/responses.yaml" with { type: "text" };
import router from "./configs/router.yaml" with { type: "text" };
import body from "./configs/check/body.yaml" with { type: "text" };
import extProc from "./configs/check/ext_proc.yaml" with { type: "text" };
import failureModes from "./configs/check/failure_modes.yaml" with { type: "text" };
import h2cUpstream from "./configs/check/h2c_upstream.yaml" with { type: "text" };
import jwt from "./configs/check/jwt.yaml" with { type: "text" };
import mcp from "./configs/check/mcp.yaml" with { type: "text" };
import model from "./configs/check/model.yaml" with { type: "text" };
import protocols from "./configs/check/protocols.yaml" with { type: "text" };
import rateLimit from "./configs/check/rate_limit.yaml" with { type: "text" };
import resilience from "./configs/check/resilience.yaml" with { type: "text" };
import routeCache from "./configs/check/route_cache.yaml" with { type: "text" };
import tls from "./configs/check/tls.yaml" with { type: "text" };
import trailers from "./configs/check/trailers.yaml" with { type: "text" };
import websocket from "./configs/check/websocket.yaml" with { type: "text" };

/** An Envoy configuration as it stands in its file. */
export interface EnvoyConfigFile {
  /** The file's name, for messages and reports. */
  readonly name: string;
  /** The text, byte for byte as it was read. */
  readonly text: string;
  /** SHA-256 of the text, hex. */
  readonly sha256: string;
  /** The parsed bootstrap. */
  readonly bootstrap: JsonObject;
}

/** The configurations that come with the program, by name. Each is a file of `envoy/configs/`. */
const BUNDLED: Readonly<Record<string, string>> = {
  base,
  edge,
  responses,
  router,
  "check/body": body,
  "check/ext_proc": extProc,
  "check/failure_modes": failureModes,
  "check/h2c_upstream": h2cUpstream,
  "check/jwt": jwt,
  "check/mcp": mcp,
  "check/model": model,
  "check/protocols": protocols,
  "check/rate_limit": rateLimit,
  "check/resilience": resilience,
  "check/route_cache": routeCache,
  "check/tls": tls,
  "check/trailers": trailers,
  "check/websocket": websocket,
};

/**
 * The check-only configuration of each opt-in feature that the suite can measure. They open what the
 * base profile keeps shut, and are not to be copied from.
 */
export const CHECK_CONFIGS: Readonly<Record<string, string>> = {
  body: "check/body",
  clear_route_cache: "check/route_cache",
  ext_proc: "check/ext_proc",
  failure_modes: "check/failure_modes",
  h2c_upstream: "check/h2c_upstream",
  jwt: "check/jwt",
  mcp: "check/mcp",
  model_policy: "check/model",
  protocols: "check/protocols",
  rate_limit: "check/rate_limit",
  resilience: "check/resilience",
  tls: "check/tls",
  trailers: "check/trailers",
  websocket: "check/websocket",
};

/** The oldest Envoy of those that need a newer one than the others. */
export const CHECK_OLDEST_ENVOY: Readonly<Record<string, string>> = {
  "check/mcp": "1.40.0",
  "check/model": "1.40.0",
};

/** Returns the names of the bundled configurations. */
export function bundledConfigNames(): string[] {
  return Object.keys(BUNDLED);
}

/** A bundled configuration that was parsed before the start: a line of `configs/parsed.jsonl`. */
export interface ParsedConfig {
  readonly name: string;
  /** Of the text that was parsed. */
  readonly sha256: string;
  readonly bootstrap: JsonObject;
}

/** The lines by name, each as text: a start needs one of them, as an object of its own. */
const PARSED = new Map(
  parsedLines.trim().split("\n").map((line) => [/^\{"name":"([^"]+)"/.exec(line)?.[1], line]),
);

/** Those whose file says something else by now, because somebody edits it. */
const CHANGED = new Map<string, JsonObject>();
for (const [name, text] of Object.entries(BUNDLED)) {
  if (PARSED.get(name)?.includes(`"sha256":"${sha256(text)}"`)) continue;
  CHANGED.set(name, (await parseEnvoyConfig(text, fileOf(name))).bootstrap);
}

/**
 * Returns the bundled configuration of a profile. Reads no YAML, which would take a third of a start: it was parsed by
 * `deno task configs`, and a file that differs from what was parsed then is parsed when this module is loaded.
 *
 * @throws {UsageError} that lists the names, for any other name
 */
export function bundledConfig(profile: string): EnvoyConfigFile {
  const text = Object.hasOwn(BUNDLED, profile) ? BUNDLED[profile] : undefined;
  if (text === undefined) {
    throw new UsageError(
      `Cannot find the Envoy configuration "${profile}": there are ${
        bundledConfigNames().map((name) => `"${name}"`).join(", ")
      }`,
    );
  }
  const line = PARSED.get(profile);
  const changed = CHANGED.get(profile);
  const bootstrap = changed !== undefined || line === undefined
    ? structuredClone(changed ?? {})
    : (JSON.parse(line) as ParsedConfig).bootstrap;
  return { name: fileOf(profile), text, sha256: sha256(text), bootstrap };
}

/** Returns the content that `configs/parsed.jsonl` must have: each file as it is now. */
export async function parseBundled(): Promise<string> {
  const lines = Object.entries(BUNDLED).map(async ([name, text]) => {
    const { sha256, bootstrap } = await parseEnvoyConfig(text, fileOf(name));
    return `${JSON.stringify({ name, sha256, bootstrap } satisfies ParsedConfig)}\n`;
  });
  return (await Promise.all(lines)).join("");
}

function fileOf(name: string): string {
  return `envoy/configs/${name}.yaml`;
}

/**
 * Reads an Envoy configuration, YAML or JSON.
 *
 * @param options `again`: it was read before, so that a pipe in its place is none that somebody writes into
 * @throws {UsageError} with line and column, when it cannot be read or parsed
 */
export async function readEnvoyConfig(
  path: string,
  { again = false }: { readonly again?: boolean } = {},
): Promise<EnvoyConfigFile> {
  let text: string;
  try {
    text = await (again ? readPlainTextFile : readTextFile)(path);
  } catch (error) {
    throw new UsageError(
      `Cannot read the Envoy configuration "${path}": ${
        error instanceof Error ? error.message : error
      }`,
    );
  }
  return await parseEnvoyConfig(text, path);
}

/**
 * Parses an Envoy configuration, YAML or JSON (which is YAML too), as Envoy reads it. `bootstrap` is its canonical form:
 * {@linkcode readTypedConfig}. What Envoy would refuse stays in it, so that the Envoy in use can say so.
 *
 * @throws {UsageError} with line and column, when it cannot be parsed, or holds no bootstrap
 */
export async function parseEnvoyConfig(text: string, name: string): Promise<EnvoyConfigFile> {
  const { readings } = await readTypedConfig(text, { name });
  const found = readings.find(({ kind }) => kind === "bootstrap");
  if (found === undefined) {
    throw new UsageError(
      `Cannot use "${name}" as an Envoy configuration: it is ${
        readings[0]?.kind === "dump" ? "a configuration dump" : "a list of xDS resources"
      }, and Envoy starts from a bootstrap with "static_resources"`,
    );
  }
  return { name, text, sha256: sha256(text), bootstrap: found.root };
}

/** SHA-256 of a text (UTF-8), hex. */
export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
