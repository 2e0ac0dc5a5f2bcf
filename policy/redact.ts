/** Removes secrets from what is kept: journals, logs and recordings see the result alone. */
import type { CheckRequest } from "../ext_authz/mod.ts";
import type { RulesEngine } from "./engine.ts";
import { REDACTED, redactedHeader, redactedTarget } from "../service/mod.ts";

/** A request's texts without its secrets. */
export interface Redacted {
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly headerList?: [string, string][];
}

/**
 * Replaces credentials: a known key by `[key:NAME]`, anything else secret by `[redacted]`. A header
 * is secret by its name, or because it repeats the credential.
 * @param key Name of the request's key, empty when it is not known.
 */
export function redact(request: CheckRequest, engine: RulesEngine, key: string): Redacted {
  const credential = engine.keys.credentialOf(request.headers);
  const mark = key === "" ? REDACTED : `[key:${key}]`;
  const hide = (name: string, value: string): string => {
    if (credential !== undefined && value.includes(credential)) {
      return value.replaceAll(credential, mark);
    }
    return engine.credentialHeaders.includes(name) ? REDACTED : redactedHeader(name, value);
  };
  const headers: Record<string, string> = {};
  for (const name in request.headers) {
    const value = request.headers[name] ?? "";
    headers[name] = name === ":path" ? hidePath(value, credential) : hide(name, value);
  }
  const path = hidePath(request.path, credential);
  if (request.headerList === undefined) return { path, headers };
  return {
    path,
    headers,
    headerList: request.headerList.map(([name, value]) => [name, hide(name, value)]),
  };
}

function hidePath(path: string, credential: string | undefined): string {
  const hidden = redactedTarget(path);
  return credential !== undefined && hidden.includes(credential)
    ? hidden.replaceAll(credential, REDACTED)
    : hidden;
}
