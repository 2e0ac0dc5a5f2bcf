/** How requests get into a gateway: what it wants beside a path and a credential, and how that is taken off again. */
import { markPath, unmarkPath } from "../../service/mod.ts";
import type { HeaderList, Target, WayIn } from "../target.ts";
import { addressOf } from "./address.ts";

/** Adds the headers that every request has. */
export function dressed<T extends { headers: HeaderList }>(spec: T, { headers = [] }: WayIn): T {
  const given = new Set(spec.headers.map(([name]) => name.toLowerCase()));
  const missing = headers.filter(([name]) => !given.has(name.toLowerCase()));
  return missing.length === 0 ? spec : { ...spec, headers: [...spec.headers, ...missing] };
}

/** The value of `host` and `:authority` for a target. */
export function authorityOf({ url, wayIn }: Pick<Target, "url" | "wayIn">): string {
  return wayIn?.host ?? addressOf(url).authority;
}

/** A path of the API as it stands in a request line to the target: below its base path. */
export function wirePath({ url }: Pick<Target, "url">, path: string): string {
  return addressOf(url).prefix + path;
}

/** Adds a nonce to a path where headers do not reach policy. */
export function markedPath(
  { marksPath, sign }: Pick<Target, "marksPath" | "sign">,
  path: string,
  nonce: string,
): string {
  return marksPath && sign ? markPath(path, sign(nonce)) : path;
}

/** Removes from a path what {@linkcode wirePath} and {@linkcode markedPath} added: returns what the case itself asked for. */
export function plainPath(target: Pick<Target, "url" | "marksPath">, path: string): string {
  const { prefix } = addressOf(target.url);
  const below = prefix !== "" && path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : path;
  return target.marksPath ? unmarkPath(below) : below;
}
