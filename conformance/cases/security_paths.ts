/** Cases on paths that can be read in two ways: policy and upstream see one and the same. */
import { BOTH, type Case } from "../case.ts";
import { valueOf } from "../client/transcript.ts";
import type { CaseContext } from "../context.ts";

/** Sends a path without a credential: refused, and policy and upstream never see different paths. */
async function samePath(t: CaseContext, name: string, path: string): Promise<void> {
  const part = t.fork(name);
  part.policy.script({ allow: {} });
  const { head } = await part.ask({ path });
  const status = head?.status ?? 0;
  t.that(`${path}: status`, [200, 307, 400, 404].includes(status), "200, 307, 400 or 404", status);
  for (const { target } of part.upstream.requests()) {
    const asked = part.policy.checks().map((check) => check.path);
    t.that(`${path}: policy and upstream agree`, asked.includes(target), target, asked);
    t.that(
      `${path}: nothing is left to resolve`,
      !/(^|\/)\.\.?(\/|$)|\/\/|%2f|%5c|\\/i.test(target),
      "a plain path",
      target,
    );
  }
}

/** Attacks of a hostile client with paths and targets. */
export const SECURITY_PATH_CASES: readonly Case[] = [
  {
    id: "sec.path-dotdot",
    level: "must",
    control: "both",
    requirement: "Policy engine and upstream see the same, resolved path",
    source: "GHSA-xcx5-93pw-jw2w; Envoy path normalization",
    axes: BOTH,
    async run(t) {
      await samePath(t, "dots", "/v1/public/../chat/completions");
      await samePath(t, "coded", "/v1/public/%2e%2e/chat/completions");
      await samePath(t, "slashes", "/v1//chat/completions");
      await samePath(t, "hidden-slash", "/v1/public%2F..%2Fchat/completions");
      await samePath(t, "backslash", "/v1/public\\..\\chat/completions");
      await samePath(t, "dot", "/v1/./chat/completions");
    },
  },
  {
    id: "sec.path-escape",
    level: "must",
    control: "both",
    requirement: "No spelling of dot segments leads out of /v1/ without a Check call",
    source: "GHSA-xcx5-93pw-jw2w",
    async run(t) {
      const paths = [
        "/v1/../internal",
        "/healthz/../v1/models",
        "/healthz/..%2fv1/models",
        "/healthz%2f..%2fv1/models",
        "/healthz;/../v1/models",
      ];
      for (const [n, path] of paths.entries()) {
        const part = t.fork(n);
        const { head } = await part.ask({ as: "nobody", method: "GET", path });
        t.oneOf(`${path}: status`, [400, 401, 403, 404, 307], head?.status);
        t.equal(`${path}: requests at the upstream`, 0, part.upstream.requests().length);
      }
    },
  },
  {
    id: "sec.path-dotdot-param",
    level: "should",
    control: "both",
    requirement: "A dot segment with a parameter is not a way around the policy",
    source: "CVE-2026-73551",
    knownIssues: [
      { envoy: "1.36.4", note: "fixed in 1.36.10" },
      { envoy: "1.37.0", note: "fixed in 1.37.6" },
    ],
    async run(t) {
      const path = "/v1/models/..;foo=bar/admin";
      const part = t.fork("param");
      part.policy.script({ allow: {} });
      const { head } = await part.ask({ method: "GET", path });
      t.that("status", (head?.status ?? 0) >= 200, "an answer", head?.status);
      for (const { target } of part.upstream.requests()) {
        const asked = part.policy.checks().map((check) => check.path);
        t.that("policy and upstream agree", asked.includes(target), target, asked);
      }
    },
  },
  {
    id: "sec.path-fragment",
    level: "should",
    control: "both",
    requirement: "A fragment in the request target is refused, or gone before the policy is asked",
    source: "CVE-2021-32779; RFC 9112 section 3.2.1",
    async run(t) {
      const { head } = await t.ask({ method: "GET", path: "/v1/models#frag" });
      t.oneOf("status", [200, 400], head?.status);
      for (const check of t.policy.checks()) {
        t.that("path in the Check call", !check.path.includes("#"), "no fragment", check.path);
      }
      for (const { target } of t.upstream.requests()) {
        t.that("target at the upstream", !target.includes("#"), "no fragment", target);
      }
    },
  },
  {
    id: "sec.absolute-form",
    level: "should",
    control: "both",
    requirement:
      "With an absolute target, policy engine and upstream see one and the same host and path",
    source: "RFC 9112 section 3.2.2",
    axes: ["h1"],
    async run(t) {
      const path = "/v1/chat/completions";
      const { head } = await t.ask({
        path: `http://abs.example${path}`,
        headers: [["host", "header.example"]],
      });
      t.oneOf("status", [200, 400, 404], head?.status);
      for (const check of t.policy.checks()) {
        t.equal("host in the Check call", "abs.example", check.host);
        t.equal("path in the Check call", path, check.path);
      }
      for (const { headers, target } of t.upstream.requests()) {
        t.that("target at the upstream", target.endsWith(path), path, target);
        t.that(
          "host at the upstream",
          valueOf(headers, "host") !== "header.example",
          "not the Host header",
          valueOf(headers, "host"),
        );
      }
    },
  },
];
