/** Lists and watches of the Kubernetes API, as it speaks them over HTTP. */
import { directGet, type GetAnswer, readAll } from "../../../http1/mod.ts";
import type { ClusterAccess } from "./cluster_access.ts";

/** An answer that is no success: a `Status` of the API. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  /** HTTP status, or the code in an ERROR event. */
  readonly code: number;
  /** Milliseconds that the API asks to wait; 0 when it does not say. */
  readonly retryAfterMs: number;

  constructor(code: number, message: string, retryAfterMs = 0) {
    super(`${message} (${code})`);
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/** One page of a list. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
  /** Token of the next page; undefined on the last one. */
  readonly next: string | undefined;
}

/** An event of a watch. */
export interface WatchEvent<T> {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  readonly object: T;
}

/** Objects in one page, as client-go asks for them. */
const PAGE_SIZE = 500;
/** How long a page may take, in milliseconds. */
const LIST_MS = 30_000;
/** Beyond the end that the API was asked for, in milliseconds: then the connection is dead. */
const WATCH_SLACK_MS = 30_000;

/** A collection of the API, such as `/apis/discovery.k8s.io/v1/namespaces/default/endpointslices`. */
export interface Collection {
  readonly access: ClusterAccess;
  readonly path: string;
  readonly labelSelector: string;
}

/** @throws {ApiError} for any other status than 200 */
export async function listPage<T>(
  collection: Collection,
  { next, signal }: { next: string | undefined; signal: AbortSignal },
): Promise<Page<T>> {
  const answer = await get(collection, {
    limit: String(PAGE_SIZE),
    ...(next === undefined ? {} : { continue: next }),
  }, AbortSignal.any([signal, AbortSignal.timeout(LIST_MS)]));
  const { items, metadata } = JSON.parse(await readAll(answer)) as {
    items?: T[] | null;
    metadata: { resourceVersion: string; continue?: string };
  };
  return {
    items: items ?? [],
    resourceVersion: metadata.resourceVersion,
    next: metadata.continue || undefined,
  };
}

/**
 * Yields the events after a version, bookmarks included, until the API ends the watch after
 * `seconds` at the latest.
 *
 * @throws {ApiError} when it is refused
 */
export async function* watchFrom<T>(
  collection: Collection,
  { resourceVersion, seconds, signal }: {
    resourceVersion: string;
    seconds: number;
    signal: AbortSignal;
  },
): AsyncGenerator<WatchEvent<T>> {
  const limit = AbortSignal.timeout(seconds * 1000 + WATCH_SLACK_MS);
  const answer = await get(collection, {
    watch: "true",
    allowWatchBookmarks: "true",
    resourceVersion,
    timeoutSeconds: String(seconds),
  }, AbortSignal.any([signal, limit]));
  let rest = "";
  for await (const chunk of answer.body) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line !== "") yield JSON.parse(line) as WatchEvent<T>;
  }
}

async function get(
  { access, path, labelSelector }: Collection,
  query: Record<string, string>,
  signal: AbortSignal,
): Promise<GetAnswer> {
  const url = new URL(access.server);
  url.pathname = `${url.pathname.replace(/\/$/, "")}${path}`;
  url.search = new URLSearchParams({ labelSelector, ...query }).toString();
  const token = await access.token();
  const answer = await directGet(url, {
    headers: {
      accept: "application/json",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    tls: access.tls,
    signal,
  });
  if (answer.status === 200) return answer;
  const seconds = Number(answer.header("retry-after") ?? 0);
  throw new ApiError(answer.status, messageOfStatus(await readAll(answer)), seconds * 1000 || 0);
}

/** Returns the message of a `Status`; the whole text where it is none. */
function messageOfStatus(text: string): string {
  try {
    return String((JSON.parse(text) as { message?: string }).message ?? text);
  } catch {
    return text.trim() || "no reason given";
  }
}
