/** Runs one case on one HTTP version, and judges it. */
import { messageOf, now, startDeadline, UnavailableError } from "../../service/mod.ts";
import { judgeAgreement, type Story, witnessesOf } from "../verdict/agreement.ts";
import { type Case, groupOf } from "../case.ts";
import { requestIdOf } from "../client/transcript.ts";
import { CaseContext, type CaseRun } from "../context.ts";
import { curlOf } from "../report/curl.ts";
import type { Lateness } from "./lateness.ts";
import type { Passage } from "./passage.ts";
import type { ReportCase } from "../report/report.ts";
import type { Axis } from "./schedule.ts";
import type { EnvoyRecord, Target } from "../target.ts";
import { shorten, type Timeline, timelineOf, type TraceLine, traceOf } from "../report/trace.ts";
import { asAsked, checkAsAsked } from "../views.ts";
import {
  Awaited,
  type Check,
  INTERRUPTED,
  NotJudged,
  type Status,
  TOO_BUSY,
  Undeclared,
  Verdict,
} from "../verdict/verdict.ts";

/**
 * How long a case may take when it says nothing else, milliseconds before the time scale: what it
 * waits for has deadlines of its own, this one only ends a case that got lost.
 */
const CASE_MS = 30_000;

/** How long the access log may lag behind: it is flushed every 50 ms, but a machine may be busy. */
const LOG_LAG_MS = 10_000;

/** How often a case is asked that the machine was too busy for. */
const ATTEMPTS = 5;

/** The part of the gateway's patience with the policy engine that a case may use up by holding an answer. */
const PATIENCE = 0.9;

/** Lines that are kept of the trace of a case that passed. */
const PASSED_LINES = 24;

/** The gateway's patience where none is declared, milliseconds: Envoy's default (ext_authz.proto, grpc_service). */
const ASSUMED_PATIENCE_MS = 200;

/** Statuses by which a gateway says that somebody did not answer in time (RFC 9110 sections 15.6.4 and 15.6.5). */
const GIVEN_UP: readonly number[] = [503, 504];

/**
 * The part of the gateway's patience that this thread has to be late by. The gateway and the stub, which are not seen from
 * here, take part in the same shortage.
 */
const NOTICEABLE = 0.25;

/** Options of one run of a case. */
export interface AxisOptions extends Axis {
  target: Target;
  timeScale: number;
  seed: number;
  runId: string;
  signal: AbortSignal;
  lateness: Lateness;
  passage: Passage;
}

/** How one run of a case over one HTTP version ended. */
export interface AxisResult {
  protocol: Axis["protocol"];
  status: Status;
  reason: string;
  /** It needs to be told something that was not declared. */
  undeclared?: true;
  duration: number;
  nonce: string;
  checks: Check[];
  witnesses: string[];
  trace: TraceLine[];
  timeline?: Timeline;
  curl?: string;
}

/**
 * Runs a case over one HTTP version and hears all witnesses. Where the suite's own evidence says that it was too late
 * itself, the case is asked again, and not measured after the fifth time. Never rejects.
 */
export async function runAxis(one: Case, options: AxisOptions): Promise<AxisResult> {
  if (options.signal.aborted) return notRun(one, options);
  // The case before may have taken the policy engine down, and the gateway may dial it again slowly.
  if (one.exclusive) await options.passage.untilOpen(options.signal);
  for (let attempt = 1;; attempt++) {
    const result = await runOnce(one, { ...options, attempt });
    const isBusy = result.status === "not-measured" && result.reason.startsWith(TOO_BUSY);
    if (isBusy && attempt < ATTEMPTS && !options.signal.aborted) continue;
    const reason = result.reason || (attempt > 1 ? `asked ${attempt} times on a busy machine` : "");
    return { ...result, reason };
  }
}

/** Returns the result of a case that a signal left no time for. */
function notRun(one: Case, options: AxisOptions): AxisResult {
  return {
    protocol: options.protocol,
    status: "not-measured",
    reason: INTERRUPTED,
    duration: 0,
    nonce: nonceFor(one, { ...options, attempt: 1 }),
    checks: [],
    witnesses: [],
    trace: [],
  };
}

async function runOnce(
  one: Case,
  options: AxisOptions & { readonly attempt: number },
): Promise<AxisResult> {
  const { target, protocol, timeScale } = options;
  const nonce = nonceFor(one, options);
  const verdict = new Verdict();
  const over = new AbortController();
  // Deadlines do not get shorter: the waits of a case stay, and a shorter one would fail every gateway.
  const stretch = one.waits ? Math.max(1, timeScale) : timeScale;
  const budget = (one.deadlineMs ?? CASE_MS) * stretch;
  const late = new AbortController();
  using _ = startDeadline(budget, () => late.abort());
  const run: CaseRun = {
    target,
    protocol,
    timeScale,
    signal: AbortSignal.any([late.signal, options.signal, over.signal]),
    verdict,
    random: seeded(`${options.seed}/${one.id}/${protocol}/${options.round}`),
    exchanges: [],
    nonces: [],
    connections: [],
    excused: new Map(),
    held: new Set(),
    lateness: options.lateness,
    onSettled: options.onSettled,
  };
  const began = now();
  let status: Status | undefined;
  let reason = "";
  let undeclared = false;
  try {
    await untilAborted(one.run(new CaseContext(run, nonce)), run.signal);
  } catch (error) {
    if (error instanceof NotJudged) {
      ({ status, message: reason } = error);
      undeclared = error instanceof Undeclared;
    } else if (error instanceof Awaited) {
      verdict.that("awaited", false, error.expected, error.observed);
    } else if (error instanceof UnavailableError) {
      verdict.that("reachable", false, "the target answers", error.message);
    } else if (run.signal.aborted) {
      const states = run.exchanges.map((exchange) => exchange.describe()).join("; ");
      verdict.that("in time", false, `the case ends within ${budget} ms`, states || "no response");
    } else {
      const stack = error instanceof Error ? error.stack ?? "" : "";
      [status, reason] = [
        "not-measured",
        `Harness fault: ${messageOf(error)} ${stack.split("\n")[1]?.trim() ?? ""}`,
      ];
    }
  }
  for (const connection of run.connections) connection.close();
  const story = await hear(run, options.signal);
  if (!status) judgeAgreement(story, verdict, run.excused);
  over.abort();
  forget(run);

  const failed = verdict.failed();
  const tooLate = heldTooLong(story, run) ??
    (failed.length > 0 ? answeredTooLate(story, run, began) : undefined);
  if (!status && tooLate !== undefined) {
    [status, reason] = ["not-measured", `${TOO_BUSY}: ${tooLate}`];
  }
  // A case cut off is no observation about the target; checks that held before are one.
  const isWhole = failed.length === 0 && verdict.checks.length > 0 && (status ?? "pass") === "pass";
  if (options.signal.aborted && !isWhole) [status, reason] = ["not-measured", INTERRUPTED];
  if (!status) {
    if (verdict.checks.length === 0) {
      [status, reason] = ["not-measured", "Harness fault: no check made"];
    } else if (failed.length === 0) status = "pass";
    else status = one.level === "must" ? "fail" : "warn";
  }
  // Refusals prove something only where something passes.
  const refusals = story.client.length > 0 && story.client.every(({ head }) => !isSuccess(head));
  const isExcused = run.excused.has("agree.something-passes");
  const blocked = status === "pass" && refusals && !isExcused
    ? await options.passage.blocked()
    : undefined;
  if (blocked !== undefined) {
    status = "not-measured";
    reason =
      `Nothing passes at all, so that a refusal proves nothing: an allowed request gets ${blocked}`;
  }
  const timeline = timelineOf(story);
  const curl = curlOf(run.exchanges[0]?.transcript, target);
  return {
    protocol,
    status,
    reason: reason || failed.map(({ name }) => name).join(", "),
    ...(undeclared && { undeclared }),
    duration: now() - began,
    nonce,
    checks: verdict.checks,
    witnesses: witnessesOf(story),
    trace: traceOf(story),
    ...(timeline && { timeline }),
    ...(curl && { curl }),
  };
}

function isSuccess(head: { readonly status: number } | undefined): boolean {
  return head !== undefined && head.status < 400;
}

/** Statuses from worst to best: a case is as good as its worst run. */
const WORST: readonly Status[] = ["fail", "warn", "not-measured", "unsupported", "skip", "pass"];

/** Makes one entry of the report out of all runs of a case, or out of the reason not to run it. */
export function assemble(
  one: Case,
  outcome: AxisResult[] | Pick<ReportCase, "status" | "reason" | "beyond_control">,
  options: { command: string; seed: number; envoyVersion: string | undefined },
): ReportCase {
  const { id, level, source, requirement, control } = one;
  const base = { id, level, source, requirement, group: groupOf(id), control };
  if (!Array.isArray(outcome)) {
    return { ...base, ...outcome, duration_ms: 0, checks: [], witnesses: [], axes: [] };
  }
  const status = WORST.find((wanted) => outcome.some((run) => run.status === wanted)) ?? "pass";
  const worst = outcome.find((run) => run.status === status);
  const bad = outcome.filter((run) => run.status === status).length;
  const share = bad < outcome.length && status !== "pass"
    ? ` (${bad} of ${outcome.length} runs)`
    : "";
  const timed = outcome.find(({ timeline }) => timeline);
  const issue = one.knownIssues?.find(({ envoy }) => options.envoyVersion?.startsWith(envoy));
  const unhappy = status === "fail" || status === "warn" || status === "not-measured";
  const undeclared = outcome.some((run) => run.undeclared);
  return {
    ...base,
    status,
    reason: `${worst?.reason ?? ""}${share}`,
    duration_ms: Math.round(outcome.reduce((sum, { duration }) => sum + duration, 0)),
    checks: outcome.flatMap((run) =>
      run.checks.map((check) => ({
        ...check,
        name: outcome.length > 1 ? `${run.protocol}: ${check.name}` : check.name,
      }))
    ),
    witnesses: [...new Set(outcome.flatMap(({ witnesses }) => witnesses))],
    axes: outcome.map(({ protocol, status, duration, nonce }) => ({
      protocol,
      status,
      duration_ms: Math.round(duration),
      nonce,
    })),
    ...(undeclared && { beyond_control: true }),
    ...traced(outcome, worst),
    ...(timed?.timeline && { timeline: { protocol: timed.protocol, ...timed.timeline } }),
    ...(unhappy && { reproduce: `${options.command} --case ${id} --seed ${options.seed}` }),
    ...(unhappy && worst?.curl && { curl: worst.curl }),
    ...(issue && { known_issue: `Envoy ${options.envoyVersion}: ${issue.note}` }),
  };
}

/** The trace of the run that decided, of every run that was made: a pass is shown as well as a failure. */
function traced(
  outcome: readonly AxisResult[],
  worst: AxisResult | undefined,
): Pick<ReportCase, "trace"> {
  const { status, trace = [] } = worst ?? outcome[0] ?? {};
  if (trace.length === 0) return {};
  return { trace: status === "pass" ? shorten(trace, PASSED_LINES) : trace };
}

/** Collects what every witness has about this run's nonces. */
async function hear(run: CaseRun, signal: AbortSignal): Promise<Story> {
  const { target, nonces } = run;
  const mine = new Set(nonces);
  const client = run.exchanges.map(({ transcript }) => transcript);
  const { ownAnswers } = target.expect;
  const story: Story = { client, ...(ownAnswers && { ownAnswers }) };
  const ofMine = <T extends { nonce?: string | undefined }>(entries: readonly T[]) =>
    entries.filter(({ nonce }) => nonce !== undefined && mine.has(nonce));
  if (target.envoy?.accessLog && !run.excused.has("agree.log-line")) {
    const log = target.envoy.accessLog;
    const ids = [...new Set(client.flatMap((transcript) => requestIdOf(transcript) ?? []))];
    const wait = { deadlineMs: LOG_LAG_MS * run.timeScale, signal };
    await Promise.allSettled(
      ids.map((id) => log.waitFor(({ requestId }) => requestId === id, wait)),
    );
    const wanted = new Set(ids);
    const lines: EnvoyRecord[] = log.entries().filter(({ requestId }) => wanted.has(requestId));
    story.envoy = lines;
  }
  if (target.policy) {
    story.policy = ofMine(target.policy.journal.entries()).map((one) => checkAsAsked(one, target));
  }
  if (target.upstream) {
    story.upstream = ofMine(target.upstream.journal.entries()).map((one) => asAsked(one, target));
  }
  return story;
}

/**
 * Says when the suite held a Check call for so long that the gateway, rightly, gave it up: what came of it is then not
 * what the case is about. `undefined`: it did not.
 */
function heldTooLong({ policy = [] }: Story, { held, target }: CaseRun): string | undefined {
  const { policyTimeoutMs } = target.expect;
  if (policyTimeoutMs === undefined) return undefined;
  for (const { nonce, receivedAt, answeredAt, cancelledAt } of policy) {
    if (nonce === undefined || !held.has(nonce)) continue;
    const ms = (answeredAt ?? cancelledAt ?? receivedAt) - receivedAt;
    if (ms < policyTimeoutMs * PATIENCE) continue;
    return `a Check call was held for ${
      Math.round(ms)
    } ms, and the gateway waits ${policyTimeoutMs} ms`;
  }
  return undefined;
}

/**
 * Says when a failed case has a request that the gateway refused by itself, before any upstream saw it, while this process
 * could not run: our own parts were late then, and rightly given up. `undefined`: they were not.
 *
 * A gateway that gives them up before its declared time is not excused by a delay that would not have used that up.
 */
function answeredTooLate(story: Story, run: CaseRun, began: number): string | undefined {
  const { policy, upstream, client } = story;
  if (!policy || !upstream) return undefined;
  for (const transcript of client) {
    const status = transcript.head?.status;
    const id = requestIdOf(transcript);
    if (status === undefined || !GIVEN_UP.includes(status)) continue;
    if (upstream.some(({ requestId }) => requestId === id)) continue;
    const check = policy.find(({ requestId }) => requestId === id);
    const taken = check ? (check.answeredAt ?? check.cancelledAt ?? now()) - check.receivedAt : 0;
    const missing = (run.target.expect.policyTimeoutMs ?? ASSUMED_PATIENCE_MS) - taken;
    const late = run.lateness.worstSince(began);
    if (late < missing * NOTICEABLE) continue;
    return `the gateway answered ${status} by itself, and the suite was late by ${
      Math.round(late)
    } ms`;
  }
  return undefined;
}

/** Frees what the case set up: scripts, and whoever still stands at a barrier. */
function forget(run: CaseRun): void {
  for (const nonce of run.nonces) {
    for (const room of [run.target.policy, run.target.upstream]) {
      room?.scripts.delete(nonce);
      room?.barriers.forget(`${nonce}/`);
    }
  }
}

/** A nonce that says in a journal whose it is: 8 to 64 characters of a-z, 0-9 and "-". */
function nonceFor(
  one: Case,
  { runId, protocol, round, attempt }: AxisOptions & { readonly attempt: number },
): string {
  const name = one.id.replace(/[^a-z0-9]+/g, "-").slice(0, 36);
  return `${runId}-${name}-${protocol}-${round}${attempt === 1 ? "" : `-again${attempt}`}`;
}

/** Returns a small, fast, seeded generator (mulberry32) of numbers in [0, 1). */
function seeded(text: string): () => number {
  let state = 2166136261;
  for (const char of text) state = Math.imul(state ^ (char.codePointAt(0) ?? 0), 16777619);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

async function untilAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  promise.catch(() => {});
  aborted.catch(() => {});
  try {
    await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
