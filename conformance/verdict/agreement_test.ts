import assert from "node:assert/strict";
import { judgeAgreement, type Story } from "./agreement.ts";
import type { Transcript } from "../client/transcript.ts";
import { envoyRecord, policyRecord, upstreamRecord } from "../testing/fake_target.ts";
import { Verdict } from "./verdict.ts";

function transcript(change: Partial<Transcript> = {}): Transcript {
  return {
    protocol: "h1",
    method: "POST",
    path: "/v1/chat/completions",
    requestHeaders: [],
    startedAt: 1,
    informational: [],
    head: { status: 200, reason: "OK", headers: [["x-request-id", "id-1"]], at: 5 },
    chunks: [],
    bodyBytes: 5,
    events: [],
    comments: [],
    trailers: [],
    end: { kind: "complete", at: 6 },
    ...change,
  };
}

/** All four witnesses of one allowed request, telling the truth. */
function truth(): Required<Story> {
  return {
    client: [transcript()],
    policy: [policyRecord()],
    upstream: [upstreamRecord()],
    ownAnswers: [],
    envoy: [envoyRecord()],
  };
}

function broken(story: Story): string[] {
  const verdict = new Verdict();
  judgeAgreement(story, verdict);
  return verdict.failed().map(({ name }) => name);
}

Deno.test("judgeAgreement() finds nothing when four witnesses tell the truth", () => {
  const verdict = new Verdict();
  judgeAgreement(truth(), verdict);
  assert.deepEqual(verdict.failed(), []);
  assert.equal(verdict.checks.length, 8, "every invariant was judged");
});

Deno.test("judgeAgreement() finds nothing when four witnesses tell the truth about a denial", () => {
  const head = {
    status: 403,
    reason: "",
    headers: [["x-request-id", "id-1"]] as [string, string][],
    at: 5,
  };
  assert.deepEqual(
    broken({
      client: [transcript({ head })],
      policy: [policyRecord({ decision: "deny", status: 403 })],
      upstream: [],
      envoy: [envoyRecord({ status: 403, codeDetails: "ext_authz_denied" })],
    }),
    [],
  );
});

/** Each witness falsified in turn: who lies, how, and which invariant notices. */
const LIES: Record<string, [lie: Partial<Story>, noticed: string]> = {
  "the policy journal says deny": [
    { policy: [policyRecord({ decision: "deny" })] },
    "agree.allowed-before-upstream",
  ],
  "the policy journal has no such call": [{ policy: [] }, "agree.log-decision"],
  "the policy journal says that it answered later": [
    { policy: [policyRecord({ answeredOrder: 3 })] },
    "agree.allowed-before-upstream",
  ],
  "the policy journal tells of another request id": [
    { policy: [policyRecord({ requestId: "id-2" })] },
    "agree.one-request-id",
  ],
  "the upstream journal hides the request": [{ upstream: [] }, "agree.answer-has-a-source"],
  "the upstream journal tells of another request id": [
    { upstream: [upstreamRecord({ requestId: "id-9" })] },
    "agree.one-request-id",
  ],
  "the upstream journal tells of a request too early": [
    { upstream: [upstreamRecord({ receivedOrder: 0 })] },
    "agree.allowed-before-upstream",
  ],
  "the access log hides the request": [{ envoy: [] }, "agree.log-line"],
  "the access log has the request twice": [
    { envoy: [envoyRecord(), envoyRecord()] },
    "agree.log-line",
  ],
  "the access log says that policy denied": [
    { envoy: [envoyRecord({ codeDetails: "ext_authz_denied" })] },
    "agree.log-decision",
  ],
  "the access log tells of another status": [
    { envoy: [envoyRecord({ status: 502 })] },
    "agree.log-status",
  ],
  "the access log tells of fewer bytes": [
    { envoy: [envoyRecord({ bytesSent: 4 })] },
    "agree.log-bytes",
  ],
  "the client tells of fewer bytes": [
    { client: [transcript({ bodyBytes: 3 })] },
    "agree.log-bytes",
  ],
  "the client tells of another status": [
    {
      client: [transcript({
        head: { status: 403, reason: "", headers: [["x-request-id", "id-1"]], at: 5 },
      })],
    },
    "agree.log-status",
  ],
};
for (const [who, [lie, noticed]] of Object.entries(LIES)) {
  Deno.test(`judgeAgreement() notices when ${who}`, () => {
    const found = broken({ ...truth(), ...lie });
    assert.ok(found.includes(noticed), `${noticed} not in [${found}]`);
  });
}

Deno.test("judgeAgreement() notices a denied request at the upstream", () => {
  const found = broken({
    ...truth(),
    policy: [policyRecord({ decision: "deny" })],
    envoy: [envoyRecord({ status: 200, codeDetails: "ext_authz_denied" })],
  });
  assert.ok(found.includes("agree.refused-stays-away"));
  assert.ok(found.includes("agree.log-decision"));
});

Deno.test("judgeAgreement() leaves out what is excused, and what no witness was there for", () => {
  const verdict = new Verdict();
  judgeAgreement(
    { ...truth(), envoy: [] },
    verdict,
    new Map([["agree.log-line", "the log is off in this case"]]),
  );
  assert.ok(!verdict.checks.some(({ name }) => name === "agree.log-line"));
  const alone = new Verdict();
  judgeAgreement({ client: [transcript()] }, alone);
  assert.deepEqual(alone.checks, []);
});
