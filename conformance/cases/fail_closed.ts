/** Cases on policy that fails: refused, slow, broken. */
import { BOTH, type Case } from "../case.ts";
import { jsonOf, valuesOf } from "../client/transcript.ts";
import type { CaseContext } from "../context.ts";
import { delay, startDeadline } from "../../service/mod.ts";
import { Awaited } from "../verdict/verdict.ts";

const AZF = "Envoy ext_authz.proto: failure_mode_allow is false";

/** How long a policy engine that never answers may keep a client waiting where no limit is declared, milliseconds. */
const UNDECLARED_MS = 30_000;

/** gRPC codes by name (google.rpc.Code). */
const GRPC = { UNAVAILABLE: 14, INTERNAL: 13, UNIMPLEMENTED: 12, RESOURCE_EXHAUSTED: 8 } as const;

/** Header that Envoy adds to a request that passed because policy failed. */
const FAILED_OPEN = "x-envoy-auth-failure-mode-allowed";

/** Whether a status is a refusal; none at all is no answer. */
function isRefusal(status: number | undefined): boolean {
  return status !== undefined && status >= 400;
}

/**
 * Sends a request while the policy engine is at fault: it must be refused, and must not reach the upstream. Which status
 * says so is a case of its own, `fc.error-status`: Envoy's default is 403.
 */
async function refused(t: CaseContext, label: string): Promise<void> {
  const { head } = await t.ask();
  t.that(`${label}: refused`, isRefusal(head?.status), "a status of 400 or above", head?.status);
  t.equal(`${label}: requests at the upstream`, 0, t.upstream.requests().length);
}

/**
 * Sends a request whose Check call breaks as `fault` says. Before it, one must pass: a gateway whose connection to the
 * policy engine broke a moment ago would refuse without asking.
 */
async function refusedAt(t: CaseContext, fault: string): Promise<void> {
  const part = t.fork(fault.replace("_", "-"));
  await recovered(part.fork("before"));
  part.policy.script({ fault });
  await refused(part, fault);
  t.that(
    `${fault}: Check calls`,
    part.policy.checks().length > 0,
    ">= 1",
    part.policy.checks().length,
  );
}

/** The policy engine is down, slow or broken: nothing may pass. */
export const FAIL_CLOSED_CASES: readonly Case[] = [
  {
    id: "fc.policy-down",
    level: "must",
    control: "both",
    requirement: "With the policy engine down, requests are refused and never reach the upstream",
    source: AZF,
    axes: BOTH,
    exclusive: true,
    deadlineMs: 60_000,
    async run(t) {
      await t.policy.close();
      try {
        for (let i = 0; i < 5; i++) await refused(t.fork(i), `request ${i + 1}`);
      } finally {
        await t.policy.reopen();
        await recovered(t.fork("recovers"));
      }
    },
  },
  {
    id: "fc.policy-timeout",
    level: "must",
    control: "both",
    requirement:
      "A policy engine that never answers is given up, in the declared time where one is",
    source: `${AZF}; GrpcService.timeout`,
    deadlineMs: 60_000,
    async run(t) {
      const limit = t.target.expect.policyTimeoutMs ?? t.ms(UNDECLARED_MS);
      t.policy.script({ hang: true });
      const exchange = await t.send(t.chat());
      const transcript = await exchange.done({ deadlineMs: limit + t.ms(5_000) });
      const { head } = transcript;
      t.that("refused", isRefusal(head?.status), "a status of 400 or above", head?.status);
      const took = await t.duration(transcript);
      const most = limit + t.ms(4_000);
      t.that("answered in the declared time", took <= most, `<= ${most} ms`, `${took} ms`);
      t.equal("requests at the upstream", 0, t.upstream.requests().length);
    },
  },
  {
    id: "fc.policy-grpc-error",
    level: "must",
    control: "both",
    requirement: "A gRPC error of the policy engine refuses the request, whatever its code",
    source: AZF,
    async run(t) {
      for (const [name, code] of Object.entries(GRPC)) {
        const part = t.fork(name.toLowerCase().replace("_", "-"));
        part.policy.script({ grpc: { code, message: "planned" } });
        await refused(part, name);
      }
    },
  },
  {
    id: "fc.policy-rst",
    level: "must",
    control: "both",
    requirement: "A reset in the middle of a Check call refuses the request",
    source: AZF,
    // A TCP reset ends every Check call on the connection, those of other cases too.
    exclusive: true,
    async run(t) {
      for (const fault of ["rst_stream", "tcp_rst"]) await refusedAt(t, fault);
    },
  },
  {
    id: "fc.policy-garbage",
    level: "must",
    control: "both",
    requirement: "An answer that is not a CheckResponse refuses the request",
    source: AZF,
    // A frame that breaks HTTP/2 takes the connection down, and every other call on it.
    exclusive: true,
    async run(t) {
      for (const fault of ["garbage", "truncated_frame", "no_trailers"]) await refusedAt(t, fault);
    },
  },
  {
    id: "fc.policy-error-response",
    level: "may",
    control: "both",
    requirement: "An error_response of the policy engine is an error and not a denial",
    source: "Envoy external_auth.proto: CheckResponse.error_response",
    knownIssues: [{ envoy: "1.36", note: "does not know error_response: a denial with 403" }],
    async run(t) {
      t.policy.script({ fault: "error_response" });
      const transcript = await t.ask();
      const { status = 0 } = transcript.head ?? {};
      t.that("status", status >= 500, "500 or above", status);
      t.equal("error.type", "policy_error", jsonOf(transcript)?.error?.type);
      t.equal("requests at the upstream", 0, t.upstream.requests().length);
    },
  },
  {
    id: "fc.error-status",
    level: "should",
    control: "both",
    requirement:
      "A refusal because policy failed is told from a denial: 500 or above, as an OpenAI error",
    source:
      "RFC 9110 section 15.6; Envoy ext_authz.proto: status_on_error, whose default is 403; project: 503",
    async run(t) {
      t.policy.script({ grpc: { code: GRPC.UNAVAILABLE, message: "planned" } });
      const transcript = await t.ask();
      const { status = 0 } = transcript.head ?? {};
      const declared = t.target.expect.policyErrorStatus;
      if (declared === undefined) t.that("status", status >= 500, "500 or above", status);
      else t.equal("status", declared, status);
      t.equal("error.message is text", "string", typeof jsonOf(transcript)?.error?.message);
      t.equal("requests at the upstream", 0, t.upstream.requests().length);
    },
  },
  {
    id: "fc.slow-but-in-time",
    level: "must",
    control: "both",
    requirement: "An answer at a quarter of the time limit is honoured",
    source: "Envoy GrpcService.timeout",
    async run(t) {
      const limit = t.target.expect.policyTimeoutMs;
      if (limit === undefined) {
        return t.undeclared(
          "The gateway's time limit for policy is not known: --policy-timeout tells it",
        );
      }
      const wait = Math.round(limit / 4);
      t.policy.script({ allow: {}, delay: wait });
      const { head } = await t.ask();
      t.equal("status", 200, head?.status);
      t.equal("requests at the upstream", 1, t.upstream.requests().length);
    },
  },
  {
    id: "fc.recovers",
    level: "must",
    control: "both",
    requirement: "When the policy engine is back, requests pass within 10 s, without a restart",
    source: "Project: policy is external and swappable",
    exclusive: true,
    deadlineMs: 60_000,
    async run(t) {
      await t.policy.close();
      try {
        await refused(t.fork("down"), "down");
      } finally {
        await t.policy.reopen();
      }
      await recovered(t.fork("up"));
    },
  },
  {
    id: "fc.outage-under-load",
    level: "must",
    control: "both",
    requirement:
      "While the policy engine dies and comes back under load, no request passes unchecked",
    source: `${AZF}; project: zero leaks during an outage`,
    exclusive: true,
    deadlineMs: 60_000,
    async run(t) {
      let running = true;
      const statuses: number[] = [];
      const worker = async (n: number) => {
        for (let i = 0; running; i++) {
          const transcript = await t.fork(`${n}-${i}`).ask();
          statuses.push(transcript.head?.status ?? 0);
          // A load, and no flood: the journals of our parts hold what other cases still wait for.
          await delay(5, t.signal);
        }
      };
      const workers = Promise.all(Array.from({ length: 4 }, (_, n) => worker(n)));
      // Should the case end early, nobody awaits them any more.
      workers.catch(() => {});
      const seen = async (what: string, ok: (status: number) => boolean) => {
        const from = statuses.length;
        let isOver = false;
        using _ = startDeadline(t.ms(15_000), () => isOver = true);
        while (statuses.slice(from).filter(ok).length < 10) {
          if (isOver) {
            running = false;
            throw new Awaited(`10 ${what} answers`, `not within 15 s: ${statuses.slice(-5)}`);
          }
          await delay(5, t.signal);
        }
      };
      await seen("allowed", (status) => status === 200);
      await t.policy.close();
      try {
        await seen("refused", isRefusal);
      } finally {
        await t.policy.reopen();
      }
      await seen("allowed", (status) => status === 200);
      running = false;
      await workers;
      const odd = statuses.filter((status) => status !== 200 && !isRefusal(status));
      t.equal("answers that are neither", [], odd);
      t.that("requests sent", statuses.length >= 30, ">= 30", statuses.length);
      // That each request at the upstream was allowed before is checked by the witnesses.
    },
  },
  {
    id: "fc.no-route-bypass",
    level: "must",
    control: "none",
    requirement: "An unknown path without a credential gets an error and never the upstream",
    source: "Project: everything but the open paths is policed or 404",
    async run(t) {
      for (
        const path of ["/", "/v2/chat/completions", "/v1", "/internal/v1/models", "/V1/models"]
      ) {
        const part = t.fork(path.replace(/[^a-z0-9]+/gi, "-").toLowerCase() + "x");
        const { head } = await part.ask({ as: "nobody", method: "GET", path });
        t.oneOf(`${path}: status`, [401, 403, 404], head?.status);
        if (t.target.upstream) {
          t.equal(`${path}: requests at the upstream`, 0, part.upstream.requests().length);
        }
      }
    },
  },
];

/** Cases on the authorization filter's other settings than failing closed, where a target has routes for them. */
export const FAILURE_MODE_CASES: readonly Case[] = [
  {
    id: "fc.fail-open-marked",
    level: "may",
    control: "both",
    feature: "failure_modes",
    requirement: "Where fail-open is declared, the upstream is told that nobody was asked",
    source: "Envoy ext_authz.proto: failure_mode_allow_header_add",
    async run(t) {
      t.policy.script({ grpc: { code: GRPC.UNAVAILABLE, message: "planned" } });
      t.excuse("agree.allowed-before-upstream", "Fail-open: nobody allowed it");
      t.excuse("agree.refused-stays-away", "Fail-open: nobody allowed it");
      t.excuse("agree.log-decision", "Fail-open: nobody allowed it");
      const path = "/v1/open/chat/completions";
      const { head } = await t.ask({ path });
      t.equal("status", 200, head?.status);
      const { headers } = await t.upstream.request();
      t.equal("told to the upstream", ["true"], valuesOf(headers, FAILED_OPEN));
      const asked = t.fork("asked");
      asked.policy.script({ allow: {} });
      await asked.ask({ path });
      const allowed = await asked.upstream.request();
      t.equal("told when policy allowed", [], valuesOf(allowed.headers, FAILED_OPEN));
    },
  },
  {
    id: "fc.disabled-filter",
    level: "must",
    control: "both",
    feature: "failure_modes",
    requirement:
      "An authorization filter that is switched off at runtime refuses, and lets nobody pass",
    source: "Envoy ext_authz.proto: filter_enabled, deny_at_disable",
    async run(t) {
      const { head } = await t.ask({ path: "/v1/disabled/chat/completions" });
      t.oneOf("status", [403, t.target.expect.policyErrorStatus ?? 503], head?.status);
      t.equal("Check calls", 0, t.policy.checks().length);
      t.equal("requests at the upstream", 0, t.upstream.requests().length);
    },
  },
  {
    id: "fc.body-limit-before-check",
    level: "may",
    control: "both",
    feature: "failure_modes",
    requirement: "A body beyond the filter's limit gets 413 and no Check call, fail-open or not",
    source: "Envoy ext_authz.proto: BufferSettings.max_request_bytes",
    async run(t) {
      const path = "/v1/open-limited/chat/completions";
      const { head } = await t.ask({ path, body: "x".repeat(200_000) });
      t.equal("status", 413, head?.status);
      t.equal("Check calls", 0, t.policy.checks().length);
      t.equal("requests at the upstream", 0, t.upstream.requests().length);
    },
  },
];

/** Waits until requests pass again: the one place where the suite polls. */
async function recovered(t: CaseContext): Promise<void> {
  let isOver = false;
  using _ = startDeadline(t.ms(10_000), () => isOver = true);
  let last: number | undefined;
  for (let i = 0; !isOver; i++) {
    last = (await t.fork(i).ask()).head?.status;
    if (last === 200) break;
    await delay(50, t.signal);
  }
  t.equal("passes again within 10 s", 200, last);
}
