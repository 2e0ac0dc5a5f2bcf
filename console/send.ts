/** Requests that the console itself sends through the gateway: the playground's, and those that are sent again. */
import type { Policy } from "../policy/mod.ts";
import { isCredentialHeader, messageOf, UnavailableError, UsageError } from "../service/mod.ts";
import { REPLAY_PREFIX, type Row } from "./row.ts";

/** Sends a chat request through the gateway, so that key, policy and streaming are real. */
export async function play(
  ingress: string,
  asked: unknown,
  signal: AbortSignal,
): Promise<Response> {
  const { path, key, body } = (asked ?? {}) as { path?: unknown; key?: unknown; body?: unknown };
  if (typeof path !== "string" || !path.startsWith("/v1")) {
    throw new UsageError("Expected a path that begins with /v1");
  }
  // A gateway that redirects is shown so, and leads nowhere.
  const isAsking = body === undefined || body === null;
  try {
    return await fetch(`${ingress}${path}`, {
      method: isAsking ? "GET" : "POST",
      headers: {
        ...(isAsking ? {} : { "content-type": "application/json" }),
        ...(typeof key === "string" && key !== "" && { "x-api-key": key }),
      },
      ...(isAsking ? {} : { body: JSON.stringify(body) }),
      redirect: "manual",
      signal,
    });
  } catch (error) {
    throw new UnavailableError(`Cannot reach the gateway: ${messageOf(error)}`);
  }
}

/** Headers that the connection makes itself. */
const MADE =
  /^(:.*|host|content-length|connection|accept-encoding|x-request-id|x-forwarded-.*|x-envoy-.*)$/;

/**
 * Sends a request again, under an id that names the first one. Keys that the rules know are sent again; the page never
 * sees them.
 *
 * @throws {UsageError} where its body was not kept, or its credential is not known
 */
export async function sendAgain(
  row: Row,
  { ingress, policy }: { readonly ingress: string; readonly policy: Policy | undefined },
): Promise<{ id: string; status: number }> {
  const { check, tapped } = row;
  if (check === undefined) throw new UsageError("Cannot send it again: policy never saw its head");
  // A client of policy's port can have it note any path: `@elsewhere/` would make the ingress a name of somebody.
  if (!check.path.startsWith("/")) throw new UsageError("Cannot send it again: its path is none");
  const hasBody = check.method !== "GET" && check.method !== "HEAD";
  if (hasBody && (tapped === undefined || tapped.leftOut > 0)) {
    throw new UsageError("Cannot send it again: its body was not kept: start with --tap");
  }
  const keys = policy?.rules?.parsed.keys ?? [];
  const headers = new Headers();
  for (const [name, value] of Object.entries(check.headers)) {
    if (MADE.test(name)) continue;
    const open = value.replace(
      /\[key:([^\]]+)\]/g,
      (mark, key: string) => keys.find((one) => one.name === key)?.key ?? mark,
    );
    if (isCredentialHeader(name) && /\[(redacted|key:)/.test(open)) {
      throw new UsageError(`Cannot send it again: the credential in ${name} is not kept`);
    }
    headers.set(name, open);
  }
  const id = `${REPLAY_PREFIX}${row.id}-${crypto.randomUUID().slice(0, 8)}`;
  headers.set("x-request-id", id);
  try {
    const answer = await fetch(`${ingress}${check.path}`, {
      method: check.method,
      headers,
      ...(hasBody && tapped ? { body: tapped.request } : {}),
      redirect: "manual",
    });
    // Nobody reads it: the page shows the new request as it shows any.
    void answer.body?.pipeTo(new WritableStream()).catch(() => {});
    return { id, status: answer.status };
  } catch (error) {
    throw new UnavailableError(`Cannot reach the gateway: ${messageOf(error)}`);
  }
}
