/** Cases on headers that policy changes. */
import { BOTH, type Case } from "../case.ts";
import { valuesOf } from "../client/transcript.ts";
import type { CaseContext } from "../context.ts";
import type { HeaderList, UpstreamRecord } from "../target.ts";
import { chunkText, DONE, jsonAnswer, streamOf } from "./shapes.ts";

const AZP = "Envoy external_auth.proto: OkHttpResponse";
const HVO = "Envoy base.proto: HeaderValueOption.append_action";

type Action =
  | "APPEND_IF_EXISTS_OR_ADD"
  | "ADD_IF_ABSENT"
  | "OVERWRITE_IF_EXISTS_OR_ADD"
  | "OVERWRITE_IF_EXISTS";

/**
 * Returns a HeaderValueOption; without an action neither `append` nor `append_action` is sent. An
 * enum's 0 is not on the wire (proto3), so appending also needs the old `append: true`.
 */
function option(key: string, value: string, action?: Action) {
  const append = action === "APPEND_IF_EXISTS_OR_ADD";
  return {
    header: { key, value },
    ...(append ? { append: true } : action && { append_action: action }),
  };
}

function allowWith(okResponse: Record<string, unknown>) {
  return { response: { status: { code: 0 }, ok_response: okResponse } };
}

/** Sends a request that the policy changes, and returns what the upstream saw of it. */
async function sendThrough(
  t: CaseContext,
  okResponse: Record<string, unknown>,
  headers: HeaderList = [],
): Promise<UpstreamRecord | undefined> {
  t.policy.script(allowWith(okResponse));
  const transcript = await t.ask({ headers });
  t.equal("status", 200, transcript.head?.status);
  if (transcript.head?.status !== 200) return undefined;
  return await t.upstream.request();
}

/** All values of a header, whether they came as lines or as one comma list. */
function splitValues(seen: UpstreamRecord | undefined, name: string): string[] {
  return valuesOf(seen?.headers ?? [], name).flatMap((value) => value.split(/ *, */));
}

/** Cases on changes by the policy engine: requests upstream, responses downstream. */
export const MUTATION_CASES: readonly Case[] = [
  {
    id: "mut.set-new",
    level: "must",
    control: "both",
    requirement: "A header that the policy adds reaches the upstream once, as set",
    source: AZP,
    axes: BOTH,
    async run(t) {
      const seen = await sendThrough(t, {
        headers: [option("x-case-set", "from-policy", "OVERWRITE_IF_EXISTS_OR_ADD")],
      });
      t.equal("x-case-set", ["from-policy"], valuesOf(seen?.headers ?? [], "x-case-set"));
    },
  },
  {
    id: "mut.overwrite-explicit",
    level: "must",
    control: "both",
    requirement: "OVERWRITE_IF_EXISTS_OR_ADD replaces the client's value",
    source: HVO,
    axes: BOTH,
    async run(t) {
      const seen = await sendThrough(t, {
        headers: [option("x-case-owned", "from-policy", "OVERWRITE_IF_EXISTS_OR_ADD")],
      }, [["x-case-owned", "from-client"], ["x-case-owned", "again"]]);
      t.equal("x-case-owned", ["from-policy"], valuesOf(seen?.headers ?? [], "x-case-owned"));
    },
  },
  {
    id: "mut.unset-append",
    level: "must",
    control: "both",
    requirement: "A mutation with neither append nor append_action overwrites the client's value",
    source: `${AZP}.headers: "append" false overwrites; envoyproxy/envoy#43310`,
    knownIssues: [{
      envoy: "1.37.0",
      note: "appends when both are unset (envoyproxy/envoy#43310)",
    }],
    async run(t) {
      const seen = await sendThrough(t, {
        headers: [option("x-case-unset", "from-policy")],
      }, [["x-case-unset", "from-client"]]);
      t.equal("x-case-unset", ["from-policy"], valuesOf(seen?.headers ?? [], "x-case-unset"));
    },
  },
  {
    id: "mut.append-action-matrix",
    level: "should",
    control: "both",
    requirement: "Each append action does what it is named after, header present or absent",
    source: HVO,
    knownIssues: [{
      envoy: "1.",
      note: "ext_authz reads only `append` for request headers; every action but that overwrites " +
        "(envoyproxy/envoy#42857)",
    }],
    async run(t) {
      const table: [Action, present: string[], absent: string[]][] = [
        ["APPEND_IF_EXISTS_OR_ADD", ["client", "policy"], ["policy"]],
        ["ADD_IF_ABSENT", ["client"], ["policy"]],
        ["OVERWRITE_IF_EXISTS_OR_ADD", ["policy"], ["policy"]],
        ["OVERWRITE_IF_EXISTS", ["policy"], []],
      ];
      for (const [index, [action, present, absent]] of table.entries()) {
        const name = `x-case-${index}`;
        for (const [state, expected] of [["present", present], ["absent", absent]] as const) {
          const part = t.fork(`${index}-${state}`);
          const headers: HeaderList = state === "present" ? [[name, "client"]] : [];
          const seen = await sendThrough(
            part,
            { headers: [option(name, "policy", action)] },
            headers,
          );
          t.equal(`${action}, ${state}`, expected, splitValues(seen, name));
        }
      }
    },
  },
  {
    id: "mut.append-shape",
    level: "should",
    control: "both",
    requirement: "An appended value is a second field line or a comma list, and keeps the order",
    source: "RFC 9110 section 5.3; envoyproxy/envoy#42857",
    async run(t) {
      const seen = await sendThrough(t, {
        headers: [option("x-case-list", "policy", "APPEND_IF_EXISTS_OR_ADD")],
      }, [["x-case-list", "client"]]);
      const lines = valuesOf(seen?.headers ?? [], "x-case-list");
      t.oneOf("x-case-list", [["client", "policy"], ["client,policy"], ["client, policy"]], lines);
    },
  },
  {
    id: "mut.remove",
    level: "must",
    control: "both",
    requirement: "A header that the policy removes is not seen by the upstream",
    source: `${AZP}.headers_to_remove`,
    axes: BOTH,
    async run(t) {
      const names = t.target.credentials.allow.map(([name]) => name.toLowerCase());
      const seen = await sendThrough(t, {
        headers_to_remove: [...names, "x-case-remove"],
      }, [["x-case-remove", "1"], ["X-Case-Remove", "2"], ["x-case-keep", "3"]]);
      const headers = seen?.headers ?? [];
      for (const name of names) t.equal(`the credential in ${name}`, [], valuesOf(headers, name));
      t.equal("x-case-remove", [], valuesOf(headers, "x-case-remove"));
      t.equal("x-case-keep", ["3"], valuesOf(headers, "x-case-keep"));
    },
  },
  {
    id: "mut.remove-host-ignored",
    level: "must",
    control: "both",
    requirement: "Removing host, :method or :path is ignored and the request stays valid",
    source: `${AZP}.headers_to_remove: pseudo-headers and host may not be removed`,
    async run(t) {
      const seen = await sendThrough(t, {
        headers_to_remove: ["host", ":method", ":path", ":authority", ":scheme"],
      });
      t.equal("method", "POST", seen?.method);
      t.that(
        "target",
        seen?.target.endsWith("/v1/chat/completions") === true,
        "kept",
        seen?.target,
      );
      const host = valuesOf(seen?.headers ?? [], "host");
      t.that("host", host.length === 1 || seen?.protocol === "h2", "one host line", host);
    },
  },
  {
    id: "mut.order",
    level: "should",
    control: "both",
    requirement: "Mutations apply in the order in which the policy lists them",
    source: "envoyproxy/envoy PR 42878 (review)",
    async run(t) {
      const seen = await sendThrough(t, {
        headers: [
          option("x-case-order", "one", "OVERWRITE_IF_EXISTS_OR_ADD"),
          option("x-case-order", "two", "APPEND_IF_EXISTS_OR_ADD"),
          option("x-case-order", "three", "APPEND_IF_EXISTS_OR_ADD"),
        ],
      }, [["x-case-order", "client"]]);
      t.equal("x-case-order", ["one", "two", "three"], splitValues(seen, "x-case-order"));
    },
  },
  {
    id: "mut.response-add-on-allow",
    level: "should",
    control: "both",
    requirement: "response_headers_to_add reaches the client, on streams too",
    source: `${AZP}.response_headers_to_add`,
    axes: BOTH,
    async run(t) {
      for (const stream of [false, true]) {
        const part = t.fork(stream ? "sse" : "json");
        part.policy.script(allowWith({
          response_headers_to_add: [
            option("x-case-response", "from-policy", "OVERWRITE_IF_EXISTS_OR_ADD"),
            option("set-cookie", "policy=1", "APPEND_IF_EXISTS_OR_ADD"),
          ],
        }));
        part.upstream.script(
          ...(stream
            ? streamOf(chunkText("a"), DONE)
            : jsonAnswer("{}", 200, { "set-cookie": "upstream=1" })),
        );
        const transcript = await part.ask({ stream });
        const headers = transcript.head?.headers ?? [];
        const name = stream ? "stream" : "JSON";
        t.equal(`${name}: added header`, ["from-policy"], valuesOf(headers, "x-case-response"));
        const expected = stream ? ["policy=1"] : ["upstream=1", "policy=1"];
        t.equal(`${name}: set-cookie is appended`, expected, valuesOf(headers, "set-cookie"));
      }
    },
  },
  {
    id: "mut.invalid-name",
    level: "must",
    control: "both",
    requirement: "A mutation with an invalid header name never reaches the upstream as a header",
    source: "Envoy ext_authz: validate_mutations; RFC 9110 section 5.1",
    async run(t) {
      t.policy.script(allowWith({
        headers: [option("x-bad\r\nx-injected", "1", "OVERWRITE_IF_EXISTS_OR_ADD")],
      }));
      const transcript = await t.ask();
      const seen = t.upstream.requests();
      const status = transcript.head?.status ?? 0;
      t.that("status", status === 200 || status >= 500, "200 without it, or 5xx", status);
      for (const { headers, rawHead } of seen) {
        t.equal("x-injected at the upstream", [], valuesOf(headers, "x-injected"));
        t.that("raw head", !/x-injected/i.test(rawHead ?? ""), "no x-injected", rawHead ?? "");
      }
    },
  },
  {
    id: "mut.crlf-value",
    level: "must",
    control: "both",
    requirement: "CR, LF or NUL in a mutation's value never makes a second header",
    source: "GHSA-w5w5-487h-qv8q; RFC 9110 section 5.5",
    async run(t) {
      for (
        const [name, value] of [["crlf", "a\r\nx-injected: 1"], ["lf", "a\nx-injected: 1"], [
          "nul",
          "a\0b",
        ]] as const
      ) {
        const part = t.fork(name);
        part.policy.script(allowWith({
          headers: [option("x-case-value", value, "OVERWRITE_IF_EXISTS_OR_ADD")],
        }));
        const transcript = await part.ask();
        const status = transcript.head?.status ?? 0;
        t.that(`${name}: status`, status === 200 || status >= 500, "200 or 5xx", status);
        for (const { headers, rawHead } of part.upstream.requests()) {
          t.equal(`${name}: x-injected at the upstream`, [], valuesOf(headers, "x-injected"));
          const bad = /[\0]|[^\r]\n/.test(rawHead ?? "") || /^x-injected/im.test(rawHead ?? "");
          t.that(`${name}: raw head`, !bad, "well-formed lines", rawHead ?? "");
        }
      }
    },
  },
  {
    id: "mut.query-params",
    level: "may",
    control: "both",
    requirement: "Query parameters that the policy sets or removes change the target only so",
    source: `${AZP}.query_parameters_to_set, query_parameters_to_remove`,
    async run(t) {
      t.policy.script(allowWith({
        query_parameters_to_set: [{ key: "added", value: "1" }],
        query_parameters_to_remove: ["gone"],
      }));
      const transcript = await t.ask({ path: "/v1/chat/completions?keep=a%20b&gone=x" });
      t.equal("status", 200, transcript.head?.status);
      const { target } = await t.upstream.request();
      const query = new URLSearchParams(target.split("?")[1] ?? "");
      t.equal("added", "1", query.get("added"));
      t.equal("keep", "a b", query.get("keep"));
      t.equal("gone", null, query.get("gone"));
    },
  },
  {
    id: "mut.dynamic-metadata-log",
    level: "may",
    control: "both",
    admin: true,
    requirement: "Dynamic metadata of the policy can be seen in the access log",
    source: "Envoy ext_authz filter: dynamic_metadata under envoy.filters.http.ext_authz",
    async run(t) {
      const tag = `tag-${t.nonce}`;
      t.policy.script({
        response: {
          status: { code: 0 },
          ok_response: {},
          dynamic_metadata: { tenant: tag },
        },
      });
      const transcript = await t.ask();
      t.equal("status", 200, transcript.head?.status);
      const id = transcript.head?.headers.find(([name]) => name === "x-request-id")?.[1] ?? "";
      const { line } = await t.envoy.line(id);
      t.that("access log line", line.includes(tag), `holds ${tag}`, line);
    },
  },
  {
    id: "mut.x-envoy-blocked",
    level: "should",
    control: "both",
    requirement:
      "A policy that sets x-envoy-* for the upstream changes no routing or retry behaviour",
    source: "Envoy header sanitizing",
    async run(t) {
      t.upstream.script(...jsonAnswer('{"error":{"message":"once"}}', 500));
      t.policy.script(allowWith({
        headers: [
          option("x-envoy-retry-on", "5xx", "OVERWRITE_IF_EXISTS_OR_ADD"),
          option("x-envoy-max-retries", "3", "OVERWRITE_IF_EXISTS_OR_ADD"),
        ],
      }));
      const transcript = await t.ask();
      t.equal("status", 500, transcript.head?.status);
      t.equal("requests at the upstream", 1, t.upstream.requests().length);
    },
  },
];
