/** Takes secrets out of what is kept: journals, logs and recordings see the result alone. */
import type { CheckRequest } from "../ext_authz/mod.ts";
import type { RulesEngine } from "./engine.ts";
import { SECRET_HEADERS } from "./template.ts";

/** Query parameters that APIs take keys in. */
const SECRET_PARAMETERS = /([?&](?:api[-_]?key|key|access_token|token)=)[^&#]*/gi;

/** What stands in for a secret that is not a known key. */
const REDACTED = "[redacted]";

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
    return SECRET_HEADERS.has(name) || engine.credentialHeaders.includes(name) ? REDACTED : value;
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
  const hidden = path.includes("=") ? path.replace(SECRET_PARAMETERS, `$1${REDACTED}`) : path;
  return credential !== undefined && hidden.includes(credential)
    ? hidden.replaceAll(credential, REDACTED)
    : hidden;
}
