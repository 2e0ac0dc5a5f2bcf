/** Cases on several upstreams: who is asked, with which key, and when another one is. */
import type { Case } from "../case.ts";
import { jsonOf, sha256, textOf, type Transcript, valueOf } from "../client/transcript.ts";
import type { CaseContext, ChatOptions } from "../context.ts";
import type { UpstreamRecord, UpstreamStep } from "../target.ts";
import type { FallbackFeature, KnownUpstream } from "../traffic_features.ts";
import { chunkText, DONE, filler, jsonAnswer, STREAM_HEAD, streamOf } from "./shapes.ts";

const PRIORITIES = "Envoy: priority levels, retry plugins (previous_priorities)";
const RETRIES = "Envoy router filter: retry semantics";
const ANSWER = `{"answer":"whole"}`;

/** Returns the target's declaration of its upstreams; without it, nothing here can be judged. */
export function fallbackOf(t: CaseContext): FallbackFeature {
  return t.target.fallback ?? t.undeclared("The upstreams are not ours");
}

/** The requests of a case that one upstream saw. */
export function seenBy({ journal }: KnownUpstream, t: CaseContext): UpstreamRecord[] {
  return journal.entries().filter(({ nonce }) => nonce === t.nonce);
}

/** How often each upstream was asked by this case. */
export function asked(t: CaseContext): number[] {
  return fallbackOf(t).upstreams.map((one) => seenBy(one, t).length);
}

/** Says what each upstream does, in order; those beyond answer. */
export function script(t: CaseContext, ...steps: UpstreamStep[][]): void {
  for (const [index, upstream] of fallbackOf(t).upstreams.entries()) {
    upstream.scripts.set(t.nonce, { steps: steps[index] ?? jsonAnswer(ANSWER) });
  }
}

/** The numbers of requests when the first `count` upstreams were asked once each. */
function firstOf(t: CaseContext, count: number): number[] {
  return fallbackOf(t).upstreams.map((_, index) => index < count ? 1 : 0);
}

function errorOf(status: number, headers: Record<string, string> = {}): UpstreamStep[] {
  const error = { message: "not now", type: "server_error", param: null, code: null };
  return jsonAnswer(JSON.stringify({ error }), status, headers);
}

/** The first upstream answers with this status: does the second one save the request? */
async function savedFrom(t: CaseContext, status: number): Promise<void> {
  const part = t.fork(status);
  script(part, errorOf(status));
  const transcript = await part.ask();
  t.equal(`${status}: status`, 200, transcript.head?.status);
  t.equal(`${status}: answer`, ANSWER, textOf(transcript));
  t.equal(`${status}: asked`, firstOf(t, 2), asked(part));
}

/** A case about the second upstream, whose request is at hand. */
function ofSecond(
  id: string,
  requirement: string,
  judge: (t: CaseContext, second: KnownUpstream, request: UpstreamRecord) => void,
  options: (t: CaseContext) => ChatOptions = () => ({}),
): Case {
  return {
    id,
    level: "must",
    control: "both",
    feature: "fallback",
    requirement,
    source: RETRIES,
    async run(t) {
      script(t, errorOf(503));
      const { head } = await t.ask(options(t));
      t.equal("status", 200, head?.status);
      const [, second] = fallbackOf(t).upstreams;
      const [request] = second === undefined ? [] : seenBy(second, t);
      if (second === undefined || request === undefined) {
        t.equal("requests at the second upstream", 1, 0);
      } else judge(t, second, request);
    },
  };
}

const headerOf = ({ headers }: UpstreamRecord, name: string) => valueOf(headers, name);

/** Checks the error that the gateway itself gives when no upstream did. */
function unavailable(t: CaseContext, transcript: Transcript): void {
  t.equal("status", 503, transcript.head?.status);
  t.equal("code", "upstream_unavailable", jsonOf(transcript)?.error?.code);
}

/** Several upstreams in an order. */
export const FALLBACK_CASES: readonly Case[] = [
  {
    id: "fall.order",
    level: "must",
    control: "both",
    feature: "fallback",
    requirement: "As long as the first upstream answers, nobody else is asked",
    source: PRIORITIES,
    async run(t) {
      script(t);
      for (let n = 0; n < 6; n++) {
        const part = t.fork(n);
        script(part);
        t.equal(`request ${n}: status`, 200, (await part.ask()).head?.status);
        t.equal(`request ${n}: asked`, firstOf(t, 1), asked(part));
      }
    },
  },
  {
    id: "fall.5xx-to-second",
    level: "must",
    control: "both",
    feature: "fallback",
    requirement: "An error of the first upstream (500, 502, 503, 529) is answered by the second",
    source: RETRIES,
    async run(t) {
      for (const status of [500, 502, 503, 529]) await savedFrom(t, status);
    },
  },
  {
    id: "fall.429-to-second",
    level: "must",
    control: "both",
    feature: "fallback",
    requirement: "A 429 of the first upstream is answered by the second, whatever its retry-after",
    source: `${RETRIES}; OpenAI API guide, Rate limits`,
    async run(t) {
      script(t, errorOf(429, { "retry-after": "30" }));
      const transcript = await t.ask();
      t.equal("status", 200, transcript.head?.status);
      t.equal("asked", firstOf(t, 2), asked(t));
    },
  },
  {
    id: "fall.refused-to-second",
    level: "must",
    control: "both",
    feature: "fallback",
    requirement: "While the first upstream takes no connections, the second one answers",
    source: RETRIES,
    exclusive: true,
    async run(t) {
      const [first] = fallbackOf(t).upstreams;
      script(t);
      await first?.close();
      try {
        const transcript = await t.ask();
        t.equal("status", 200, transcript.head?.status);
        t.equal("answer", ANSWER, textOf(transcript));
      } finally {
        await first?.reopen();
      }
      t.equal("requests at the second", 1, asked(t)[1]);
    },
  },
  {
    id: "fall.reset-to-second",
    level: "must",
    control: "both",
    feature: "fallback",
    requirement:
      "A connection that is lost before the first header is no answer: the second is asked",
    source: RETRIES,
    async run(t) {
      script(t, [{ abort: "rst" }]);
      const transcript = await t.ask();
      t.equal("status", 200, transcript.head?.status);
      t.equal("asked", firstOf(t, 2), asked(t));
    },
  },
  {
    id: "fall.client-error-stays",
    level: "must",
    control: "both",
    feature: "fallback",
    requirement:
      "What the client did wrong (400, 401, 404, 422) is answered as it is: nobody else is asked",
    source: RETRIES,
    async run(t) {
      for (const status of [400, 401, 404, 422]) {
        const part = t.fork(status);
        script(part, errorOf(status));
        t.equal(`${status}: status`, status, (await part.ask()).head?.status);
        t.equal(`${status}: asked`, firstOf(t, 1), asked(part));
      }
    },
  },
  ofSecond(
    "fall.key-of-second",
    "Each upstream sees its own key, and neither another's nor the client's",
    (t, second, request) => {
      const [first] = fallbackOf(t).upstreams;
      const [earlier] = first === undefined ? [] : seenBy(first, t);
      t.equal(
        "key at the first",
        first?.authorization,
        earlier && headerOf(earlier, "authorization"),
      );
      t.equal("key at the second", second.authorization, headerOf(request, "authorization"));
      t.equal("client's key at the second", undefined, headerOf(request, "x-api-key"));
    },
  ),
  ofSecond(
    "fall.host-of-second",
    "Each upstream is asked under its own name",
    (t, second, request) => t.equal("host", second.authority, headerOf(request, "host")),
  ),
  ofSecond(
    "fall.path-of-second",
    "Each upstream is asked under its own path, and the log knows the client's",
    (t, second, request) =>
      t.equal("target", `${second.pathPrefix}/v1/chat/completions?q=1`, request.target),
    () => ({ path: "/v1/chat/completions?q=1" }),
  ),
  {
    id: "fall.log-path",
    level: "should",
    control: "both",
    feature: "fallback",
    admin: true,
    requirement: "The log names the client's path, and how often an upstream was asked",
    source: "Envoy access logging: %UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    async run(t) {
      script(t, errorOf(503));
      const transcript = await t.ask();
      const id = valueOf(transcript.head?.headers ?? [], "x-request-id") ?? "";
      const line = await t.envoy.line(id);
      t.equal("path", "/v1/chat/completions", line.path);
      t.equal("attempts", 2, JSON.parse(line.line).upstreamAttempts);
    },
  },
  {
    id: "fall.same-body",
    level: "must",
    control: "both",
    feature: "fallback",
    requirement: "The second upstream gets the same bytes, 3 MiB of them",
    source: RETRIES,
    async run(t) {
      const body = `{"model":"m" , "text":"${filler(3 << 20, t.random)}"}`;
      script(t, errorOf(503));
      const { head } = await t.ask({ body });
      t.equal("status", 200, head?.status);
      const [, second] = fallbackOf(t).upstreams;
      const [request] = second === undefined ? [] : seenBy(second, t);
      t.equal("SHA-256 at the second", sha256(body), request?.bodySha256);
    },
  },
  {
    id: "fall.not-after-first-byte",
    level: "must",
    control: "both",
    feature: "fallback",
    requirement: "Once a byte of an answer has come, nobody else is asked: a cut stream stays cut",
    source: RETRIES,
    async run(t) {
      script(t, [STREAM_HEAD, { write: chunkText("half") }, { abort: "rst" }]);
      const exchange = await t.send(t.chat({ stream: true }));
      await exchange.event(0);
      const end = await exchange.ended();
      t.that("end", end.kind !== "complete", "cut", end.kind);
      t.equal("asked", firstOf(t, 1), asked(t));
    },
  },
  {
    id: "fall.last-answer-stands",
    level: "must",
    control: "both",
    feature: "fallback",
    requirement:
      "When no upstream has a usable answer, the client gets the last one's, and how many there were",
    source: RETRIES,
    async run(t) {
      const { upstreams, attemptsHeader } = fallbackOf(t);
      script(
        t,
        ...upstreams.map((_, index) => errorOf(index === upstreams.length - 1 ? 529 : 503)),
      );
      const transcript = await t.ask();
      t.equal("status", 529, transcript.head?.status);
      t.equal("message", "not now", jsonOf(transcript)?.error?.message);
      t.equal("asked", firstOf(t, upstreams.length), asked(t));
      const attempts = valueOf(transcript.head?.headers ?? [], attemptsHeader);
      t.equal(attemptsHeader, String(upstreams.length), attempts);
    },
  },
  {
    id: "fall.all-down-503",
    level: "must",
    control: "both",
    feature: "fallback",
    requirement: "When no upstream takes a connection, the answer is 503 in OpenAI's shape",
    source: RETRIES,
    exclusive: true,
    async run(t) {
      const { upstreams, attemptsHeader } = fallbackOf(t);
      await Promise.all(upstreams.map((one) => one.close()));
      try {
        const transcript = await t.ask();
        unavailable(t, transcript);
        const attempts = Number(valueOf(transcript.head?.headers ?? [], attemptsHeader));
        t.that(attemptsHeader, attempts >= 1, "1 or more", attempts);
      } finally {
        await Promise.all(upstreams.map((one) => one.reopen()));
      }
      const after = t.fork("after");
      script(after);
      t.equal("status afterwards", 200, (await after.ask()).head?.status);
    },
  },
  {
    id: "fall.attempts-told",
    level: "must",
    control: "both",
    feature: "fallback",
    requirement: "The answer says how often an upstream was asked",
    source: "Project: x-llm-attempts",
    async run(t) {
      const { attemptsHeader } = fallbackOf(t);
      for (const [count, steps] of [[1, []], [2, [errorOf(500)]]] as const) {
        const part = t.fork(count);
        script(part, ...steps);
        const { head } = await part.ask();
        t.equal(`${count}`, String(count), valueOf(head?.headers ?? [], attemptsHeader));
      }
    },
  },
  {
    id: "fall.stream-of-second",
    level: "must",
    control: "both",
    feature: "fallback",
    requirement: "The second upstream's stream is passed on as it comes, and whole",
    source: RETRIES,
    async run(t) {
      const chunks = Array.from({ length: 5 }, (_, index) => chunkText(`part ${index}`, index));
      script(t, errorOf(503), streamOf(...chunks, DONE));
      const transcript = await t.ask({ stream: true });
      t.equal("status", 200, transcript.head?.status);
      t.equal("bytes", [...chunks, DONE].join(""), textOf(transcript));
      t.equal("end", "complete", transcript.end?.kind);
    },
  },
];
