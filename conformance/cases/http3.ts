/** Cases on HTTP/3. */
import type { Case } from "../case.ts";
import { jsonOf } from "../client/transcript.ts";
import { ALLOW_CASES } from "./allow.ts";
import { CANCEL_CASES } from "./cancel.ts";
import { DENY_CASES } from "./deny.ts";
import { FAIL_CLOSED_CASES } from "./fail_closed.ts";
import { STREAM_CASES } from "./stream.ts";
import { STREAM_TIME_CASES } from "./stream_time.ts";

/** Of the core, what is asked again over HTTP/3, and under which name. */
const AGAIN: Readonly<Record<string, string>> = {
  "http.h3-body": "allow.body-identical",
  "http.h3-denied": "deny.body-and-headers",
  "http.h3-fail-closed": "fc.policy-grpc-error",
  "http.h3-lockstep": "sse.lockstep",
  "http.h3-bytes": "sse.bytes-identical",
  "http.h3-upstream-abort": "sse.upstream-abort",
  "http.h3-cancel": "cancel.propagates-stream",
};

const CORE: readonly Case[] = [
  ...ALLOW_CASES,
  ...DENY_CASES,
  ...FAIL_CLOSED_CASES,
  ...STREAM_CASES,
  ...STREAM_TIME_CASES,
  ...CANCEL_CASES,
];

/** The core over HTTP/3, for a target that serves it: same requests, same verdicts. */
export const HTTP3_CASES: readonly Case[] = [
  {
    id: "http.h3",
    level: "may",
    control: "none",
    feature: "tls",
    requirement: "HTTP/3 is served, and asks policy as the other versions do",
    source: "RFC 9114",
    axes: ["h3"],
    async run(t) {
      const allowed = await t.ask();
      t.equal("status", 200, allowed.head?.status);
      t.equal("body", "chat.completion", jsonOf(allowed)?.object);
      t.equal("end", "complete", allowed.end?.kind);
      const refused = await t.ask({ as: "nobody" });
      t.oneOf("status without a credential", [401, 403], refused.head?.status);
    },
  },
  ...Object.entries(AGAIN).map(([id, of]) => overHttp3(id, of)),
];

function overHttp3(id: string, of: string): Case {
  const core = CORE.find((one) => one.id === of);
  if (!core) throw new RangeError(`Cannot run "${of}" over HTTP/3: there is no such case`);
  const { requirement, source } = core;
  return {
    ...core,
    id,
    level: "may",
    feature: "tls",
    requirement: `Over HTTP/3: ${requirement}`,
    source: `RFC 9114; ${source}`,
    axes: ["h3"],
  };
}
