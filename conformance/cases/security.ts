/** Cases on forged headers, and on what must not be shown or reached. */
import { BOTH, type Case } from "../case.ts";
import { valuesOf } from "../client/transcript.ts";
import type { HeaderList } from "../target.ts";
import { jsonAnswer } from "./shapes.ts";

const SAN = "Envoy HTTP header sanitizing";

/** Allows, and sets the tenant as a policy engine does. */
function allowTenant(value: string) {
  return {
    response: {
      status: { code: 0 },
      ok_response: {
        headers: [{
          header: { key: "x-tenant", value },
          append_action: "OVERWRITE_IF_EXISTS_OR_ADD",
        }],
      },
    },
  };
}

/** Every value that a program could read as the tenant: `x_tenant` is the same name to CGI. */
function tenantsOf(headers: HeaderList): string[] {
  return headers.filter(([name]) => name.toLowerCase().replaceAll("_", "-") === "x-tenant")
    .map(([, value]) => value);
}

/** Attacks of a hostile client with headers, methods and credentials. */
export const SECURITY_CASES: readonly Case[] = [
  {
    id: "sec.tenant-spoof",
    level: "must",
    control: "both",
    requirement: "A client's own x-tenant never passes: the upstream sees the policy's, once",
    source: "vllm-project/semantic-router#1445; envoyproxy/envoy#43310",
    axes: BOTH,
    async run(t) {
      t.policy.script(allowTenant("right"));
      const transcript = await t.ask({ headers: [["x-tenant", "evil"], ["X-Tenant", "evil2"]] });
      t.equal("status", 200, transcript.head?.status);
      const seen = await t.upstream.request();
      t.equal("x-tenant at the upstream", ["right"], valuesOf(seen.headers, "x-tenant"));
    },
  },
  {
    id: "sec.tenant-spoof-variants",
    level: "must",
    control: "both",
    requirement: "No spelling of x-tenant brings a client's value to the upstream",
    source: "Envoy best practices edge: headers_with_underscores_action; llm-d-batch-gateway PR 87",
    axes: BOTH,
    async run(t) {
      const variants: Record<string, HeaderList> = {
        case: [["X-TENANT", "evil"]],
        underscore: [["x_tenant", "evil"]],
        lines: [["x-tenant", "evil"], ["x-tenant", "right"]],
        list: [["x-tenant", "right, evil"]],
        spaces: [["x-tenant", "   evil   "]],
        empty: [["x-tenant", ""], ["x-tenant", "evil"]],
        connection: [["connection", "x-tenant"], ["x-tenant", "evil"]],
      };
      for (const [name, headers] of Object.entries(variants)) {
        if (t.protocol === "h2c" && name === "connection") continue;
        const part = t.fork(name);
        part.policy.script(allowTenant("right"));
        const { head } = await part.ask({ headers });
        // HTTP/2 may refuse with a stream reset, without a status.
        t.oneOf(
          `${name}: status`,
          t.protocol === "h2c" ? [200, 400, undefined] : [200, 400],
          head?.status,
        );
        for (const seen of part.upstream.requests()) {
          t.equal(`${name}: tenant at the upstream`, ["right"], tenantsOf(seen.headers));
        }
      }
    },
  },
  {
    id: "sec.tenant-absent-when-none",
    level: "must",
    control: "both",
    requirement: "When the policy sets no tenant, the client's copy does not pass either",
    source: "barbacane PR 184",
    axes: BOTH,
    async run(t) {
      t.policy.script({ response: { status: { code: 0 }, ok_response: {} } });
      const own = t.target.expect.trustedHeaders.map((name): [string, string] => [name, "evil"]);
      const transcript = await t.ask({ headers: own });
      t.equal("status", 200, transcript.head?.status);
      const seen = await t.upstream.request();
      for (const [name] of own) {
        const evil = valuesOf(seen.headers, name).filter((value) => value.includes("evil"));
        t.equal(`${name} at the upstream`, [], evil);
      }
    },
  },
  {
    id: "sec.trusted-not-at-policy",
    level: "should",
    control: "policy",
    requirement: "A client's copy of a trusted name is gone before the policy engine is asked",
    source: "Project: trusted names are stripped at the edge",
    axes: BOTH,
    async run(t) {
      const own = t.target.expect.trustedHeaders.map((name): [string, string] => [name, "evil"]);
      await t.ask({ headers: own });
      const { headers } = await t.policy.check();
      for (const [name] of own) t.equal(`${name} in the Check call`, undefined, headers[name]);
    },
  },
  {
    id: "sec.x-envoy-strip",
    level: "must",
    control: "upstream",
    requirement:
      "x-envoy-* headers of a client do not act and are not passed on as the gateway's own",
    source: `${SAN}; CVE-2023-27487`,
    axes: BOTH,
    async run(t) {
      t.upstream.script(...jsonAnswer('{"error":{}}', 503));
      const { head } = await t.ask({
        headers: [
          ["x-envoy-retry-on", "5xx"],
          ["x-envoy-max-retries", "5"],
          ["x-envoy-upstream-rq-timeout-ms", "1"],
          ["x-envoy-internal", "true"],
          ["x-envoy-original-path", "/admin"],
          ["x-envoy-decorator-operation", "evil"],
          ["x-envoy-hedge-on-per-try-timeout", "true"],
          ["x-envoy-upstream-alt-stat-name", "evil"],
        ],
      });
      t.equal("status", 503, head?.status);
      t.equal("requests at the upstream", 1, t.upstream.requests().length);
      const seen = await t.upstream.request();
      // The gateway may say the same of itself: x-envoy-original-path, where it rewrites a prefix.
      const claimed = {
        "x-envoy-internal": "true",
        "x-envoy-original-path": "/admin",
        "x-envoy-retry-on": "5xx",
      };
      for (const [name, value] of Object.entries(claimed)) {
        const passed = valuesOf(seen.headers, name).filter((one) => one === value);
        t.equal(`${name} of the client at the upstream`, [], passed);
      }
    },
  },
  {
    id: "sec.auth-failure-header",
    level: "must",
    control: "upstream",
    requirement:
      "A client cannot claim x-envoy-auth-failure-mode-allowed or x-envoy-auth-partial-body",
    source: SAN,
    async run(t) {
      await t.ask({
        headers: [
          ["x-envoy-auth-failure-mode-allowed", "true"],
          ["x-envoy-auth-partial-body", "true"],
        ],
      });
      const { headers } = await t.upstream.request();
      t.equal(
        "x-envoy-auth-failure-mode-allowed",
        [],
        valuesOf(headers, "x-envoy-auth-failure-mode-allowed"),
      );
      t.equal("x-envoy-auth-partial-body", [], valuesOf(headers, "x-envoy-auth-partial-body"));
    },
  },
  {
    id: "sec.xff",
    level: "should",
    control: "both",
    requirement: "The gateway appends the true peer to x-forwarded-for; policy sees the true peer",
    source: `${SAN}; Envoy use_remote_address`,
    async run(t) {
      await t.ask({ headers: [["x-forwarded-for", "203.0.113.9"], ["x-real-ip", "203.0.113.9"]] });
      const seen = await t.upstream.request();
      const last = valuesOf(seen.headers, "x-forwarded-for").join(",").split(",").at(-1)?.trim();
      t.that("last x-forwarded-for entry", last !== "203.0.113.9", "the true peer", last);
      const { source } = await t.policy.check();
      t.that("source in the Check call", !source.includes("203.0.113.9"), "the true peer", source);
    },
  },
  {
    id: "sec.method-override",
    level: "should",
    control: "both",
    requirement:
      "X-HTTP-Method-Override and a lower-case method do not change what is asked and sent",
    source: "RFC 9110 section 9.1: methods are case-sensitive",
    async run(t) {
      const part = t.fork("override");
      await part.ask({
        headers: [["x-http-method-override", "GET"], ["x-method-override", "GET"]],
      });
      t.equal("method in the Check call", "POST", (await part.policy.check()).method);
      t.equal("method at the upstream", "POST", (await part.upstream.request()).method);
      const lower = t.fork("lower");
      const { head } = await lower.ask({ method: "post", as: "nobody" });
      t.that("lower-case method: status", (head?.status ?? 0) >= 400, "refused", head?.status);
      t.equal("lower-case method: requests at the upstream", 0, lower.upstream.requests().length);
    },
  },
  {
    id: "sec.admin-not-exposed",
    level: "must",
    control: "none",
    requirement: "Envoy's admin pages cannot be reached through the ingress",
    source: "Envoy best practices edge: admin interface",
    axes: BOTH,
    async run(t) {
      for (const path of ["/stats", "/config_dump", "/clusters", "/quitquitquit", "/server_info"]) {
        const { head } = await t.fork(`p${path.slice(1).replace("_", "-")}`).ask({
          method: "GET",
          path,
        });
        t.oneOf(path, [404, 403, 401, 405], head?.status);
      }
    },
  },
  {
    id: "sec.credential-not-echoed",
    level: "must",
    control: "none",
    requirement: "A denial does not repeat the credential that it refuses",
    source: "OWASP API security: security misconfiguration",
    async run(t) {
      const key = `canary-${t.nonce}`;
      const transcript = await t.ask({
        as: "nobody",
        headers: [["authorization", `Bearer ${key}`], ["x-api-key", key]],
      });
      if (transcript.head?.status === 200) t.unsupported("The policy allows any credential");
      t.oneOf("status", [401, 403], transcript.head?.status);
      const text = JSON.stringify(transcript.head) + new TextDecoder().decode(
        transcript.chunks.length > 0 ? transcript.chunks[0]?.bytes : new Uint8Array(),
      );
      t.that(
        "the credential in the response",
        !text.includes(key),
        "absent",
        text.includes(key) ? "there" : "absent",
      );
    },
  },
  {
    id: "sec.two-credentials",
    level: "should",
    control: "both",
    requirement:
      "Two Authorization lines are one question to the policy: a wrong one does not ride along",
    source: "RFC 9110 section 11.6.2",
    async run(t) {
      const { head } = await t.ask({
        as: "nobody",
        headers: [["authorization", "Bearer wrong-one"], ["authorization", "Bearer wrong-two"]],
      });
      t.oneOf("status", [400, 401, 403], head?.status);
      t.equal("requests at the upstream", 0, t.upstream.requests().length);
    },
  },
  {
    id: "sec.server-alive",
    level: "must",
    control: "none",
    exclusive: true,
    requirement: "After everything above a plain request still works",
    source: "Project: the gateway survives its own tests",
    axes: BOTH,
    async run(t) {
      for (let i = 0; i < 5; i++) {
        t.equal(`request ${i + 1}`, 200, (await t.fork(i).ask()).head?.status);
      }
    },
  },
];
