/** The models of a host, as it says itself. */
import { deadlineSignal, messageOf } from "../../service/mod.ts";
import { type BackendHost, credentialOf, urlOf } from "../hosts.ts";
import { directGet, readAll, type TlsTrust } from "../../http1/mod.ts";

/**
 * A host's answer about its models: their names, that it does not say (it serves whatever it is asked
 * for), that it wants a key that it was not given, or nothing yet (it cannot be reached, or is still
 * loading).
 */
export type ModelAnswer =
  | { readonly kind: "models"; readonly models: ReadonlySet<string> }
  | { readonly kind: "unsaid"; readonly why: string }
  | { readonly kind: "locked"; readonly why: string }
  | { readonly kind: "silent"; readonly why: string };

/** How long a host may take to list its models, in milliseconds. */
const ANSWER_MS = 5_000;
/** Longest such list that is read: 1 MiB has ten thousand models. */
const MAX_LIST = 1_048_576;

/**
 * Asks a host for its models: `GET /v1/models` (API reference, "List models"). Waits at most 5 s,
 * and never throws.
 *
 * @param tls Roots for a host with TLS; the system's when left out
 */
export async function readModels(
  host: BackendHost,
  { tls, signal }: { tls?: TlsTrust | undefined; signal: AbortSignal },
): Promise<ModelAnswer> {
  const within = deadlineSignal(ANSWER_MS, signal);
  try {
    const answer = await directGet(urlOf(host, "/v1/models"), {
      address: host.host,
      signal: within,
      headers: credentialOf(host),
      ...(tls === undefined ? {} : { tls }),
    });
    const text = await readAll(answer, MAX_LIST);
    const { status } = answer;
    if (status >= 500) return { kind: "silent", why: `status ${status}` };
    // Who asks for a key does not serve whoever comes without one.
    if (status === 401 || status === 403) return { kind: "locked", why: `status ${status}` };
    if (status !== 200) return { kind: "unsaid", why: `status ${status}` };
    const models = namesOf(text);
    return models === undefined
      ? { kind: "unsaid", why: "its /v1/models is no list of models" }
      : { kind: "models", models };
  } catch (error) {
    return { kind: "silent", why: messageOf(error) };
  }
}

function namesOf(text: string): ReadonlySet<string> | undefined {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    return undefined;
  }
  const data = (list as { data?: unknown } | null)?.data;
  if (!Array.isArray(data)) return undefined;
  return new Set(
    data.map((model) => (model as { id?: unknown } | null)?.id)
      .filter((id): id is string => typeof id === "string"),
  );
}
