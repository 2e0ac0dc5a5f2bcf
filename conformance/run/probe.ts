/** Looks at a foreign gateway before it is judged. */
import { delay, startDeadline, UnavailableError } from "../../service/mod.ts";
import { connectTo } from "../client/open_connection.ts";
import type { RequestSpec } from "../client/exchange.ts";
import { requestIdOf } from "../client/transcript.ts";
import { markedPath } from "../client/way_in.ts";
import { writeQuestion, type WrittenQuestion } from "../dialects/request.ts";
import type { Control, Protocol, Target, Witness } from "../target.ts";

/** Findings of a first look at a foreign gateway. */
export interface Probe {
  protocols: Protocol[];
  /** Whether and how our nonce reaches our upstream. */
  carry: "header" | "body";
  /** Policy is not shown the nonce's header: it travels in the query, too. */
  marksPath?: true;
  /** The parts that the harness really controls, which may be less than was said. */
  control: Control;
  /** Ids of the requests that were answered, as the client got them. */
  requestIds: string[];
  /** Status of an allowed request in the end; undefined: no response. */
  status: number | undefined;
  /** A path that no API has reached our upstream: every path is forwarded. */
  routesAll: boolean;
  /** Notes for the user, one line each. */
  notes: string[];
}

/** How to look. */
export interface ProbeOptions {
  /** Told once what is waited for, when the first look does not find it. */
  readonly onWait?: (what: string) => void;
  /** How long is waited, milliseconds; 15 s when left out. */
  readonly patienceMs?: number;
  readonly signal?: AbortSignal;
}

const PROBE_MS = 8_000;

/** How long after an answer a part of ours may still hear of the request: a gateway that fails open does not wait. */
const SEEN_MS = 2_000;

/** The same after a refusal, milliseconds: the journals of our own threads only have to be read. */
const SEEN_REFUSED_MS = 200;

/** How long a gateway may take to find our parts, and how often it is asked, milliseconds: gRPC clients back off for seconds. */
const PATIENCE_MS = 15_000;
const AGAIN_MS = 250;

/** A path that no API has. */
const NOWHERE = "/nowhere/llmgate-probe";

/**
 * Looks at a gateway before it is judged: is it there, which HTTP versions does it speak, are our
 * policy engine and our upstream really behind it, and does our nonce get through? What is ours and not found at once is
 * waited for, up to 15 s.
 *
 * @throws {UnavailableError} when nobody answers at its URL
 */
export async function probeTarget(target: Target, options: ProbeOptions = {}): Promise<Probe> {
  const notes: string[] = [];
  const protocol = await firstProtocol(target);
  const found = await lookUntilFound(target, protocol, options);
  notes.push(`an allowed request gets status ${found.status ?? "none"}`);
  // QUIC has no plain text (RFC 9001); its port is that of the URL unless the target knows better.
  const others: readonly Protocol[] = target.url.startsWith("https:") ? ["h2c", "h3"] : ["h2c"];
  const spoken = await Promise.all(
    others.filter((other) => other !== protocol).map(async (other) =>
      await speaks(target, other) ? [other] : []
    ),
  );
  const protocols = [protocol, ...spoken.flat()];
  notes.push(`speaks ${protocols.join(" and ")}`);
  const { upstream, policy } = target;
  if (found.carry === "body") {
    notes.push("unknown headers are not passed on: the nonce goes in the body");
  }
  if (found.marksPath) {
    notes.push("shows policy only some headers: the nonce goes in the query, too");
  }
  if (policy) notes.push(found.policy ? "asks our policy engine" : "never asked our policy engine");
  if (upstream) notes.push(found.upstream ? "reaches our upstream" : "never reached our upstream");
  const routesAll = found.upstream && await forwardsNowhere(target, protocol, found);
  if (routesAll) notes.push("forwards every path");
  return {
    protocols,
    carry: found.carry,
    ...(found.marksPath && { marksPath: true as const }),
    control: controlOf(found),
    requestIds: found.id === undefined ? [] : [found.id],
    status: found.status,
    routesAll,
    notes,
  };
}

/** Sends one allowed request, as a client would. Rejects when nothing answers. */
export function askOnce(target: Target): Promise<{ status: number | undefined }> {
  return ask(target, target.protocols[0] ?? "h1", { carry: target.carry ?? "header" });
}

/** Findings of one look about the parts of ours. */
interface Found {
  policy: boolean;
  upstream: boolean;
  carry: "header" | "body";
  marksPath: boolean;
  status: number | undefined;
  id: string | undefined;
}

/** HTTP/1.1 if it is answered, else HTTP/2 with prior knowledge. */
async function firstProtocol(target: Target): Promise<Protocol> {
  const answered = await speaks(target, "h1", { orThrow: true });
  if (answered) return "h1";
  if (await speaks(target, "h2c")) return "h2c";
  throw new UnavailableError(
    `Cannot judge "${target.url}": it takes connections but answered no request over HTTP/1.1 or HTTP/2 within ${PROBE_MS} ms: ` +
      "a listener may want TLS (https://), or --proxy-protocol",
  );
}

async function speaks(
  target: Target,
  protocol: Protocol,
  { orThrow = false }: { orThrow?: boolean } = {},
): Promise<boolean> {
  try {
    return (await ask(target, protocol, { carry: "header" })).status !== undefined;
  } catch (error) {
    if (orThrow) throw error;
    return false;
  }
}

/** Looks again and again until every part of ours was seen, or patience is over. */
async function lookUntilFound(
  target: Target,
  protocol: Protocol,
  { onWait, signal, patienceMs = PATIENCE_MS }: ProbeOptions,
): Promise<Found> {
  let isOver = false;
  using _ = startDeadline(patienceMs, () => isOver = true);
  for (let isFirst = true;; isFirst = false) {
    const found = await look(target, protocol);
    const missing = [
      ...(target.policy && !found.policy ? ["ask our policy engine"] : []),
      ...(target.upstream && !found.upstream ? ["reach our upstream"] : []),
    ];
    // A path or host that is not routed stays so, however long one waits.
    const isFinal = missing.length === 0 || found.status === 404;
    if (isFinal || isOver || signal?.aborted) return found;
    if (isFirst) {
      onWait?.(
        `waiting up to ${patienceMs / 1_000} s for the gateway to ${missing.join(" and ")}: ` +
          `an allowed request gets ${found.status ?? "no response"}`,
      );
    }
    await delay(AGAIN_MS, signal).catch(() => {});
  }
}

async function look(target: Target, protocol: Protocol): Promise<Found> {
  const { policy, upstream } = target;
  const plain = await ask(target, protocol, { carry: "header" });
  const { status, id } = plain;
  // A gateway that passed a request may still be asking; one that refused has done all that it does.
  const seenMs = status !== undefined && status < 400 ? SEEN_MS : SEEN_REFUSED_MS;
  const [isAsked, isReached] = await Promise.all([
    isSeen(plain.nonce, policy?.journal, seenMs),
    isSeen(plain.nonce, upstream?.journal, seenMs),
  ]);
  const again = async (
    other: { target: Target; carry: "header" | "body" },
    journal: Parameters<typeof isSeen>[1],
  ) => {
    const { nonce } = await ask(other.target, protocol, { carry: other.carry });
    return await isSeen(nonce, journal, seenMs);
  };
  const [isMarked, isInBody] = await Promise.all([
    policy !== undefined && !isAsked &&
    again({ target: { ...target, marksPath: true }, carry: "header" }, policy.journal),
    upstream !== undefined && !isReached && again({ target, carry: "body" }, upstream.journal),
  ]);
  return {
    policy: isAsked || isMarked,
    upstream: isReached || isInBody,
    carry: isInBody ? "body" : "header",
    marksPath: isMarked,
    status,
    id,
  };
}

async function isSeen(
  nonce: string,
  journal: Witness<{ nonce?: string | undefined }> | undefined,
  deadlineMs: number,
): Promise<boolean> {
  if (!journal) return false;
  try {
    await journal.waitFor((entry) => entry.nonce === nonce, { deadlineMs });
    return true;
  } catch (error) {
    if (error instanceof UnavailableError) return false;
    throw error;
  }
}

/** Whether a path that no API has gets to our upstream. */
async function forwardsNowhere(target: Target, protocol: Protocol, found: Found): Promise<boolean> {
  const asked = await ask(
    { ...target, ...(found.marksPath && { marksPath: true as const }) },
    protocol,
    {
      carry: found.carry,
      path: NOWHERE,
    },
  ).catch(() => undefined);
  // Its answer came from there, if at all: nothing has to be waited for.
  return asked !== undefined &&
    target.upstream?.journal.entries().some(({ nonce }) => nonce === asked.nonce) === true;
}

function controlOf({ policy, upstream }: Found): Control {
  if (policy && upstream) return "both";
  return policy ? "policy" : upstream ? "upstream" : "none";
}

async function ask(
  target: Target,
  protocol: Protocol,
  { carry, path }: { carry: "header" | "body"; path?: string },
): Promise<{ status: number | undefined; id: string | undefined; nonce: string }> {
  const nonce = `probe-${protocol}-${carry}-${Math.floor(Math.random() * 36 ** 6).toString(36)}`;
  const signed = target.sign?.(nonce);
  const question = questionOf(target);
  const spec: RequestSpec = {
    method: "POST",
    path: markedPath(target, path ?? question.path, nonce),
    headers: [
      ...target.credentials.allow,
      ["content-type", "application/json"],
      ...(signed !== undefined && carry === "header"
        ? [["x-harness-case", signed] as [string, string]]
        : []),
    ],
    body: JSON.stringify({
      ...question.body,
      ...(signed !== undefined && carry === "body" && { user: signed }),
    }),
  };
  await using connection = await connectTo(target, protocol, { deadlineMs: PROBE_MS });
  const exchange = connection.request(spec);
  await exchange.ended().catch(() => {});
  return { status: exchange.transcript.head?.status, id: requestIdOf(exchange.transcript), nonce };
}

/** The plainest question, in the API that the target's clients speak. */
function questionOf({ dialect, features, model }: Target): WrittenQuestion {
  if (features.includes("responses")) {
    return { path: "/v1/responses", body: { model, input: "ping" } };
  }
  return writeQuestion(dialect?.client ?? "openai", model, {
    turns: [{ role: "user", text: "ping" }],
  });
}
