/** Judges by the group `dialect` whatever stands between a client and the mock upstream. */
import { startUpstream, type Upstream } from "../../upstream/mod.ts";
import { signNonce } from "../../service/mod.ts";
import {
  DIALECT_CASES,
  type DialectPair,
  type Report,
  runSuite,
  type Target,
} from "../../conformance/mod.ts";

const SECRET = "a secret of this test";

function targetOf(url: string, upstream: Upstream, dialect: DialectPair): Target {
  return {
    name: `${dialect.client} to ${dialect.upstream}`,
    url,
    control: "upstream",
    protocols: ["h1"],
    features: ["dialect"],
    credentials: { allow: [] },
    model: "m",
    sign: (nonce) => signNonce(nonce, SECRET),
    dialect,
    expect: {
      requestHeadersTimeoutMs: 0,
      connectTimeoutMs: 5_000,
      routes: [],
      requestHeadersAdded: [],
      requestHeadersChanged: [],
      responseHeadersAdded: [],
      trustedHeaders: [],
      requestIdKept: false,
    },
    upstream: upstream as unknown as NonNullable<Target["upstream"]>,
  };
}

/** A gateway to be judged. */
export type Front = AsyncDisposable & { readonly url: string };

/** Runs the cases against what `front` starts before a mock. */
export async function judge(
  dialect: DialectPair,
  front: (upstream: Upstream) => Front | Promise<Front>,
  cases = DIALECT_CASES,
): Promise<Report> {
  await using upstream = await startUpstream({ pace: "none" });
  await using gateway = await front(upstream);
  return await runSuite(targetOf(gateway.url, upstream, dialect), { cases, seed: 1 });
}

/** The cases that are not green, each with its first reasons. */
export function redOf(report: Report): string[] {
  return report.cases.filter(({ status }) => status !== "pass" && status !== "unsupported").map((
    { id, status, checks, reason },
  ) =>
    `${id} ${status}: ${reason ?? ""} ${JSON.stringify(checks.filter(({ ok }) => !ok).slice(0, 2))}`
  );
}
