import { UnavailableError } from "../../service/mod.ts";
import { connectTo } from "../client/open_connection.ts";
import type { RequestSpec } from "../client/exchange.ts";
import { requestIdOf } from "../client/transcript.ts";
import type { Control, Protocol, Target, Witness } from "../target.ts";

/** What a first look at a foreign gateway found. */
export interface Probe {
  protocols: Protocol[];
  /** Whether and how our nonce reaches our upstream. */
  carry: "header" | "body";
  /** What the harness really owns, which may be less than was said. */
  control: Control;
  /** Ids of the requests that were answered, as the client got them. */
  requestIds: string[];
  /** What was found, one line each, for the user. */
  notes: string[];
}

const PROBE_MS = 8_000;

/** How long after an answer a part of ours may still hear of the request: a gateway that fails open does not wait. */
const SEEN_MS = 2_000;

/**
 * Looks at a gateway before it is judged: is it there, which HTTP versions does it speak, are our
 * policy engine and our upstream really behind it, and does our nonce get through?
 *
 * @throws {UnavailableError} when nobody answers at its URL
 */
export async function probeTarget(target: Target): Promise<Probe> {
  const notes: string[] = [];
  const protocols: Protocol[] = ["h1"];
  const plain = await ask(target, "h1", "header");
  notes.push(`an allowed request gets status ${plain.status ?? "none"}`);
  // QUIC has no plain text (RFC 9001); its port is that of the URL unless the target knows better.
  const others: readonly Protocol[] = target.url.startsWith("https:") ? ["h2c", "h3"] : ["h2c"];
  const spoken = await Promise.all(others.map(async (protocol) => {
    const { status } = await ask(target, protocol, "header").catch(() => ({ status: undefined }));
    return status === undefined ? [] : [protocol];
  }));
  protocols.push(...spoken.flat());
  notes.push(`speaks ${protocols.join(" and ")}`);
  const { upstream, policy } = target;
  const seen = async (
    nonce: string,
    journal: Witness<{ nonce?: string | undefined }> | undefined,
  ) => {
    if (!journal) return false;
    try {
      await journal.waitFor((entry) => entry.nonce === nonce, { deadlineMs: SEEN_MS });
      return true;
    } catch (error) {
      if (error instanceof UnavailableError) return false;
      throw error;
    }
  };
  const policyIsOurs = await seen(plain.nonce, policy?.journal);
  let carry: Probe["carry"] = "header";
  let upstreamIsOurs = await seen(plain.nonce, upstream?.journal);
  if (upstream && !upstreamIsOurs) {
    const other = await ask(target, "h1", "body");
    if (await seen(other.nonce, upstream.journal)) {
      [upstreamIsOurs, carry] = [true, "body"];
      notes.push("unknown headers are not passed on: the nonce goes in the body");
    }
  }
  if (policy) notes.push(policyIsOurs ? "asks our policy engine" : "never asked our policy engine");
  if (upstream) notes.push(upstreamIsOurs ? "reaches our upstream" : "never reached our upstream");
  const control = policyIsOurs && upstreamIsOurs
    ? "both"
    : policyIsOurs
    ? "policy"
    : upstreamIsOurs
    ? "upstream"
    : "none";
  return { protocols, carry, control, notes, requestIds: plain.id === undefined ? [] : [plain.id] };
}

/** Sends one allowed request over HTTP/1.1, as a client would. Rejects when nothing answers. */
export function askOnce(target: Target): Promise<{ status: number | undefined }> {
  return ask(target, "h1", target.carry ?? "header");
}

async function ask(
  target: Target,
  protocol: Protocol,
  carry: "header" | "body",
): Promise<{ status: number | undefined; id: string | undefined; nonce: string }> {
  const nonce = `probe-${protocol}-${carry}-${Math.floor(Math.random() * 36 ** 6).toString(36)}`;
  const signed = target.sign?.(nonce);
  const answers = target.features.includes("responses");
  const spec: RequestSpec = {
    method: "POST",
    path: answers ? "/v1/responses" : "/v1/chat/completions",
    headers: [
      ...target.credentials.allow,
      ["content-type", "application/json"],
      ...(signed !== undefined && carry === "header"
        ? [["x-harness-case", signed] as [string, string]]
        : []),
    ],
    body: JSON.stringify({
      model: target.model,
      ...(answers ? { input: "ping" } : { messages: [{ role: "user", content: "ping" }] }),
      ...(signed !== undefined && carry === "body" && { user: signed }),
    }),
  };
  await using connection = await connectTo(target, protocol, { deadlineMs: PROBE_MS });
  const exchange = connection.request(spec);
  const end = await exchange.ended().catch(() => undefined);
  const status = exchange.transcript.head?.status;
  if (protocol === "h1" && status === undefined) {
    throw new UnavailableError(
      `Cannot judge "${target.url}": it takes connections but answered no request: ${
        end ? exchange.describe() : `nothing within ${PROBE_MS} ms`
      }`,
    );
  }
  return { status, id: requestIdOf(exchange.transcript), nonce };
}
