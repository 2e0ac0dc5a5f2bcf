/** Invariants that join the records of the four witnesses. */
import { requestIdOf, type Transcript } from "../client/transcript.ts";
import type { EnvoyRecord, PolicyRecord, UpstreamRecord } from "../target.ts";
import type { Verdict } from "./verdict.ts";

/** Records of the four witnesses about the requests of one case; `undefined`: there is no such witness. */
export interface Story {
  client: readonly Transcript[];
  policy?: readonly PolicyRecord[];
  upstream?: readonly UpstreamRecord[];
  /** Access log lines of the requests whose id the client knows. */
  envoy?: readonly EnvoyRecord[];
  /** Paths that the gateway answers itself. */
  ownAnswers?: readonly string[];
}

/** Names of the invariants; a case that breaks one on purpose excuses it with a reason. */
export const INVARIANTS = [
  "agree.allowed-before-upstream",
  "agree.refused-stays-away",
  "agree.answer-has-a-source",
  "agree.one-request-id",
  "agree.log-line",
  "agree.log-status",
  "agree.log-bytes",
  "agree.log-decision",
  /** Judged by a request of its own, after a case that saw refusals alone. */
  "agree.something-passes",
] as const;

/** The witnesses that a story has, for the report. */
export function witnessesOf(story: Story): string[] {
  const names = ["client"];
  if (story.policy) names.push("policy");
  if (story.upstream) names.push("upstream");
  if (story.envoy) names.push("envoy");
  return names;
}

/**
 * Compares what the witnesses say, whatever the case is about: a verdict stands only when all that
 * the target offers agree. Adds one check per invariant that could be judged.
 */
export function judgeAgreement(
  story: Story,
  verdict: Verdict,
  excused: ReadonlyMap<string, string> = new Map(),
): void {
  const add = (
    name: (typeof INVARIANTS)[number],
    expected: string,
    wrong: string[] | undefined,
  ) => {
    if (!wrong || excused.has(name)) return;
    verdict.that(name, wrong.length === 0, expected, wrong.length === 0 ? "so" : wrong);
  };
  add(
    "agree.allowed-before-upstream",
    "every request at the upstream was allowed by the policy engine before it came",
    allowedBefore(story),
  );
  add(
    "agree.refused-stays-away",
    "a request that the policy engine refused or never answered is not at the upstream",
    refusedStaysAway(story),
  );
  add(
    "agree.answer-has-a-source",
    "a 2xx with a body under /v1/ was answered by the upstream",
    answerHasSource(story),
  );
  add(
    "agree.one-request-id",
    "policy engine and upstream know only request ids that the client knows",
    oneRequestId(story),
  );
  add("agree.log-line", "the gateway logged each request once", logLine(story));
  add("agree.log-status", "the logged status is what the client got", logStatus(story));
  add("agree.log-bytes", "the logged bytes are the body the client got", logBytes(story));
  add(
    "agree.log-decision",
    "the log, the policy engine and the upstream agree",
    logDecision(story),
  );
}

/** Checks of one request, by id where both know it; else all of the nonce. */
function checksFor(entry: UpstreamRecord, policy: readonly PolicyRecord[]): PolicyRecord[] {
  const byId = policy.filter((check) =>
    check.requestId !== undefined && check.requestId === entry.requestId
  );
  return byId.length > 0 ? byId : [...policy];
}

function allowedBefore({ policy, upstream }: Story): string[] | undefined {
  if (!policy || !upstream || upstream.length === 0) return undefined;
  return upstream.flatMap((entry) => {
    const allowed = checksFor(entry, policy).some((check) =>
      check.decision === "allow" && check.answeredOrder !== undefined &&
      check.answeredOrder < entry.receivedOrder
    );
    return allowed ? [] : [`${entry.method} ${entry.target}: no earlier allow`];
  });
}

function refusedStaysAway({ policy, upstream }: Story): string[] | undefined {
  if (!policy || !upstream || policy.length === 0) return undefined;
  const refused = new Set(
    policy.filter((check) => check.decision !== "allow").map((check) => check.requestId),
  );
  const allowed = new Set(
    policy.filter((check) => check.decision === "allow").map((check) => check.requestId),
  );
  // Policy may be shown no ids: then nothing of a nonce may come, of which nothing was allowed.
  const nonces = new Set(policy.filter(({ decision }) => decision === "allow").map((c) => c.nonce));
  const knowsIds = policy.some(({ requestId }) => requestId !== undefined);
  return upstream.flatMap(({ requestId, nonce, method, target }) => {
    const came = knowsIds
      ? requestId !== undefined && refused.has(requestId) && !allowed.has(requestId)
      : !nonces.has(nonce);
    return came ? [`${method} ${target} (${requestId}) came although it was not allowed`] : [];
  });
}

function answerHasSource({ client, upstream, ownAnswers }: Story): string[] | undefined {
  if (!upstream) return undefined;
  const answered = client.filter(({ head, path, method }) =>
    head !== undefined && head.status >= 200 && head.status < 300 &&
    path.startsWith("/v1/") && method !== "OPTIONS" && !ownAnswers?.includes(normalized(path))
  );
  if (answered.length === 0) return undefined;
  if (upstream.length >= answered.length) return [];
  return [`${answered.length} answers at the client, ${upstream.length} requests at the upstream`];
}

/** A path as most readers take it, however it is written: RFC 3986 section 6.2.2, and no slash at the end. */
function normalized(path: string): string {
  const [bare = ""] = path.split(/[?#;]/, 1);
  const plain = bare.replace(
    /%([0-9a-f]{2})/gi,
    (_, hex) => String.fromCharCode(parseInt(hex, 16)),
  );
  const parts: string[] = [];
  for (const part of plain.split(/[/\\]+/)) {
    if (part === "..") parts.pop();
    else if (part !== "." && part !== "") parts.push(part);
  }
  return `/${parts.join("/")}`;
}

function oneRequestId({ client, policy, upstream }: Story): string[] | undefined {
  const ids = client.map(requestIdOf);
  // A request without a response head has an id that the client cannot know.
  if (ids.length === 0 || ids.some((id) => id === undefined)) return undefined;
  const known = new Set(ids);
  const others = [
    ...(policy ?? []).map((check) => ["policy engine", check.requestId] as const),
    ...(upstream ?? []).map((entry) => ["upstream", entry.requestId] as const),
  ].filter(([, id]) => id !== undefined);
  if (others.length === 0) return undefined;
  return others.flatMap(([who, id]) => known.has(id) ? [] : [`${who} saw ${id}`]);
}

/** Requests of the client that have an id, with their lines. */
function logged({ client, envoy }: Story): [Transcript, EnvoyRecord[]][] | undefined {
  if (!envoy) return undefined;
  const withId = client.flatMap((transcript) => {
    const id = requestIdOf(transcript);
    return id === undefined ? [] : [[transcript, id] as const];
  });
  if (withId.length === 0) return undefined;
  return withId.map(([transcript, id]) => [
    transcript,
    envoy.filter((line) => line.requestId === id),
  ]);
}

function logLine(story: Story): string[] | undefined {
  return logged(story)?.flatMap(([transcript, lines]) =>
    lines.length === 1 ? [] : [`${requestIdOf(transcript)}: ${lines.length} lines`]
  );
}

function logStatus(story: Story): string[] | undefined {
  return logged(story)?.flatMap(([{ head }, lines]) =>
    lines.flatMap((line) =>
      line.status === undefined || head?.status === line.status
        ? []
        : [`client ${head?.status}, log ${line.status}`]
    )
  );
}

function logBytes(story: Story): string[] | undefined {
  const whole = logged(story)?.filter(([{ end, method }]) =>
    end?.kind === "complete" && method !== "HEAD"
  );
  if (!whole || whole.length === 0) return undefined;
  return whole.flatMap(([{ bodyBytes }, lines]) =>
    lines.flatMap((line) =>
      line.bytesSent === undefined || line.bytesSent === bodyBytes
        ? []
        : [`client ${bodyBytes}, log ${line.bytesSent}`]
    )
  );
}

/** Code details: Envoy's ext_authz filter says `ext_authz_denied` or `ext_authz_error`. */
function logDecision(story: Story): string[] | undefined {
  const pairs = logged(story);
  if (!pairs) return undefined;
  const { policy, upstream } = story;
  if (!policy && !upstream) return undefined;
  return pairs.flatMap(([transcript, lines]) => {
    const id = requestIdOf(transcript);
    const decision = policy?.find((check) => check.requestId === id)?.decision;
    const proxied = upstream?.some((entry) => entry.requestId === id);
    return lines.flatMap(({ codeDetails }) => {
      if (codeDetails === undefined) return [];
      // Details of a failed side call hold its own details in braces: only the start counts.
      const denied = codeDetails.startsWith("ext_authz_denied");
      const answered = codeDetails.startsWith("via_upstream");
      const wrong: string[] = [];
      if (denied && decision === "allow") wrong.push(`${id}: policy allowed, log ${codeDetails}`);
      if (answered && decision !== undefined && decision !== "allow") {
        wrong.push(`${id}: policy said ${decision}, log ${codeDetails}`);
      }
      if (answered && policy && decision === undefined) {
        wrong.push(`${id}: never at the policy engine, log ${codeDetails}`);
      }
      if (denied && policy && decision === undefined) {
        wrong.push(`${id}: never at the policy engine, log ${codeDetails}`);
      }
      if (answered && proxied === false) {
        wrong.push(`${id}: not at the upstream, log ${codeDetails}`);
      }
      if (denied && proxied) wrong.push(`${id}: at the upstream, log ${codeDetails}`);
      return wrong;
    });
  });
}
