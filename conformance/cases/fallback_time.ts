/** Cases on upstreams that are slow, sick or busy, and on which of several a request begins with. */
import { delay } from "../../service/mod.ts";
import type { Case } from "../case.ts";
import { jsonOf, textOf, valueOf } from "../client/transcript.ts";
import type { CaseContext } from "../context.ts";
import { asked, fallbackOf, script, seenBy } from "./fallback.ts";
import { chunkText, DONE, jsonAnswer, STREAM_HEAD } from "./shapes.ts";

const HEALTH = "Envoy: health checking, outlier detection, healthy_panic_threshold";
const LANES = "Envoy route: weighted_clusters, header matches";
const ANSWER = `{"answer":"whole"}`;
const FAILURE = jsonAnswer(`{"error":{"message":"not now","type":"server_error"}}`, 503);
/** Milliseconds between two looks at a gauge. */
const LOOK_MS = 20;

/** Resolves when Envoy takes so many upstreams of the main lane for healthy. */
async function healthy(t: CaseContext, count: number): Promise<void> {
  const name = "cluster.upstream.membership_healthy";
  while ((await t.envoy.stats(`^${name.replaceAll(".", "\\.")}$`))[name] !== count) {
    await delay(LOOK_MS, t.signal);
  }
}

/** One request with a nonce of its own; returns how often each upstream was asked. */
async function one(
  t: CaseContext,
  name: string | number,
  headers: [string, string][] = [],
): Promise<number[]> {
  const part = t.fork(name);
  script(part);
  t.equal(`request ${name}: status`, 200, (await part.ask({ headers })).head?.status);
  return asked(part);
}

/** Slow upstreams. */
const SLOW_CASES: readonly Case[] = [
  {
    id: "fall.first-byte-timeout",
    level: "should",
    control: "both",
    feature: "first_byte",
    requirement: "An upstream that sends no header in time is left, and the next one asked",
    source: "Envoy router filter: per_try_timeout",
    async run(t) {
      script(t, [{ hang: true }]);
      const transcript = await t.ask();
      t.equal("status", 200, transcript.head?.status);
      t.equal("answer", ANSWER, textOf(transcript));
      t.equal("requests at the first", 1, asked(t)[0]);
    },
  },
  {
    id: "fall.timeout-cuts-no-stream",
    level: "must",
    control: "both",
    feature: "first_byte",
    requirement: "A stream that lasts longer than the time to the first header is whole",
    source: "Envoy router filter: per_try_timeout",
    async run(t) {
      const { firstByteMs = 0, upstreams } = fallbackOf(t);
      const chunks = Array.from({ length: 4 }, (_, index) => chunkText("part", index));
      const steps = [
        STREAM_HEAD,
        ...chunks.flatMap((write) => [{ write }, { sleep: firstByteMs / 2 }]),
        { write: DONE },
        { end: true },
      ] as const;
      for (const { scripts } of upstreams) scripts.set(t.nonce, { steps: [...steps] });
      const transcript = await t.ask({ stream: true });
      t.equal("end", "complete", transcript.end?.kind);
      t.equal("bytes", [...chunks, DONE].join(""), textOf(transcript));
    },
  },
  {
    id: "fall.hedge",
    level: "may",
    control: "both",
    feature: "hedge",
    requirement:
      "A second upstream is asked beside a slow one; the first answer is the client's, the other is ended",
    source: "Envoy route: hedge_policy.hedge_on_per_try_timeout",
    async run(t) {
      script(t, [{ barrier: "slow" }, ...jsonAnswer(`{"answer":"late"}`)]);
      const transcript = await t.ask();
      t.equal("status", 200, transcript.head?.status);
      t.equal("answer", ANSWER, textOf(transcript));
      const [first] = fallbackOf(t).upstreams;
      const left = await first?.journal.waitFor(
        ({ nonce, end }) => nonce === t.nonce && end !== undefined,
        { signal: t.signal, deadlineMs: t.ms(10_000) },
      );
      t.that("end at the slow one", left?.end !== "completed", "not completed", left?.end);
    },
  },
  {
    id: "fall.retry-after-honoured",
    level: "should",
    control: "both",
    feature: "alone",
    requirement: "One upstream alone is asked again when its retry-after says",
    source: "RFC 9110 section 10.2.3; Envoy route: rate_limited_retry_back_off",
    async run(t) {
      const [only] = fallbackOf(t).upstreams;
      only?.scripts.set(t.nonce, { steps: jsonAnswer("{}", 429, { "retry-after": "1" }) });
      const asking = t.ask();
      await only?.journal.waitFor(({ nonce, end }) => nonce === t.nonce && end !== undefined, {
        signal: t.signal,
        deadlineMs: t.ms(10_000),
      });
      only?.scripts.set(t.nonce, { steps: jsonAnswer(ANSWER) });
      t.equal("status", 200, (await asking).head?.status);
      const [first, second] = only === undefined ? [] : seenBy(only, t);
      const waited = Math.round((second?.receivedAt ?? 0) - (first?.receivedAt ?? 0));
      t.that("wait", waited >= 900, "about 1 s or more", waited);
    },
  },
];

/** Sick and busy upstreams. */
const SICK_CASES: readonly Case[] = [
  {
    id: "fall.outlier",
    level: "should",
    control: "both",
    admin: true,
    feature: "outlier",
    requirement:
      "An upstream that fails in a row is left out: the next requests begin with the second",
    source: HEALTH,
    async run(t) {
      await healthy(t, fallbackOf(t).upstreams.length);
      for (let n = 0; n < 5; n++) {
        const part = t.fork(`failure-${n}`);
        script(part, FAILURE);
        t.equal(`failure ${n}: status`, 200, (await part.ask()).head?.status);
      }
      await healthy(t, fallbackOf(t).upstreams.length - 1);
      const counts = await one(t, "after");
      t.equal("asked", fallbackOf(t).upstreams.map((_, index) => index === 1 ? 1 : 0), counts);
    },
  },
  {
    id: "fall.health",
    level: "should",
    control: "both",
    admin: true,
    feature: "health",
    requirement:
      "An upstream that does not answer the question after health gets no request, until it does again",
    source: HEALTH,
    async run(t) {
      const { upstreams } = fallbackOf(t);
      const [first] = upstreams;
      const only = (at: number) => upstreams.map((_, index) => index === at ? 1 : 0);
      await healthy(t, upstreams.length);
      await first?.close();
      try {
        await healthy(t, upstreams.length - 1);
        t.equal("asked while it is down", only(1), await one(t, "down"));
      } finally {
        await first?.reopen();
      }
      await healthy(t, upstreams.length);
      t.equal("asked afterwards", only(0), await one(t, "up"));
    },
  },
  {
    id: "fall.overflow",
    level: "should",
    control: "both",
    feature: "breaker",
    requirement:
      "A request beyond those that may be in flight is 503 at once; a stream holds its place",
    source: "Envoy: circuit breakers, max_requests",
    async run(t) {
      const { maxInFlight = 0 } = fallbackOf(t);
      const running = await Promise.all(Array.from({ length: maxInFlight }, async (_, index) => {
        const part = t.fork(`running-${index}`);
        script(part, [STREAM_HEAD, { write: chunkText("on") }, { barrier: "end" }, { end: true }]);
        const exchange = await part.send(part.chat({ stream: true }));
        await exchange.event(0);
        return { part, exchange };
      }));
      const beyond = t.fork("beyond");
      script(beyond);
      const refused = await beyond.ask();
      t.equal("status beyond", 503, refused.head?.status);
      t.equal("code beyond", "upstream_unavailable", jsonOf(refused)?.error?.code);
      for (const { part } of running) part.upstream.release("end");
      for (const { exchange } of running) {
        t.equal("end of a stream", "complete", (await exchange.done()).end?.kind);
      }
      await one(t, "afterwards");
    },
  },
];

/** Which upstream a request begins with. */
const LANE_CASES: readonly Case[] = [
  {
    id: "fall.affinity",
    level: "should",
    control: "both",
    feature: "affinity",
    requirement: "Requests of one session meet the same replica, and sessions are spread over all",
    source: "Envoy: Maglev, hash_policy",
    async run(t) {
      const { affinityHeader = "" } = fallbackOf(t);
      const replicas = new Set<number>();
      for (let session = 0; session < 12; session++) {
        const name = `${t.nonce}-${session}`;
        const hosts: number[] = [];
        for (let n = 0; n < 3; n++) {
          hosts.push((await one(t, `${session}-${n}`, [[affinityHeader, name]])).indexOf(1));
        }
        t.equal(`replicas of session ${session}`, 1, new Set(hosts).size);
        replicas.add(hosts[0] ?? -1);
      }
      t.that("replicas in use", replicas.size > 1, "more than 1", replicas.size);
    },
  },
  {
    id: "fall.canary",
    level: "should",
    control: "both",
    feature: "lanes",
    requirement: "A share of the requests begins with the canary, and none is lost when it fails",
    source: LANES,
    async run(t) {
      const counts = { first: 0, canary: 0 };
      for (let n = 0; n < 40; n++) {
        const [first, canary] = await one(t, n);
        counts.first += first ?? 0;
        counts.canary += canary ?? 0;
      }
      t.that("requests at the first", counts.first > 0, "some", counts.first);
      t.that("requests at the canary", counts.canary > 0, "some", counts.canary);
      for (let n = 0; n < 10; n++) {
        const part = t.fork(`failing-${n}`);
        script(part, jsonAnswer(ANSWER), FAILURE);
        t.equal(`failing canary, request ${n}`, 200, (await part.ask()).head?.status);
      }
    },
  },
  {
    id: "fall.variant",
    level: "should",
    control: "both",
    feature: "lanes",
    requirement:
      "A request that names a variant begins there, one that names an unknown one does not",
    source: LANES,
    async run(t) {
      const [, , variant] = fallbackOf(t).upstreams;
      const chosen = await one(t, "chosen", [["x-llm-variant", "b"]]);
      t.equal("asked", [0, 0, 1], chosen);
      const unknown = await one(t, "unknown", [["x-llm-variant", "nobody"]]);
      t.equal("asked of an unknown variant", 0, unknown[2]);
      const part = t.fork("key");
      script(part);
      await part.ask({ headers: [["x-llm-variant", "b"]] });
      const [request] = variant === undefined ? [] : seenBy(variant, part);
      t.equal("its key", variant?.authorization, valueOf(request?.headers ?? [], "authorization"));
    },
  },
];

/** Upstreams that are slow, sick, busy, or one of several to begin with. */
export const FALLBACK_TIME_CASES: readonly Case[] = [
  ...SLOW_CASES,
  ...SICK_CASES,
  ...LANE_CASES,
];
