import assert from "node:assert/strict";
import type { JsonObject } from "../grpc/mod.ts";
import { messageCodec } from "../grpc/messages/mod.ts";
import { decodeCheckRequest } from "../ext_authz/mod.ts";
import { compileRules, DEFAULT_RULE } from "./engine.ts";
import { parseRules } from "./rules_file.ts";

const REQUEST = messageCodec("envoy.service.auth.v3.CheckRequest");
const RESPONSE = messageCodec("envoy.service.auth.v3.CheckResponse");

interface Asked {
  method?: string;
  path?: string;
  host?: string;
  headers?: Record<string, string>;
  source?: string;
  principal?: string;
  context?: Record<string, string>;
  metadata?: JsonObject;
}

/** Decides one request under rules written as YAML below `rules:`. */
function decide(rules: string, asked: Asked = {}) {
  const engine = compileRules(parseRules(
    `version: v7
keys: [{ name: k, key: key-a, tenant: acme }]
rules:
${rules}`,
    "rules",
  ));
  const { method = "GET", path = "/v1/models", host = "h", headers = {}, source = "192.0.2.7" } =
    asked;
  const decision = engine.decide(decodeCheckRequest(REQUEST.encode({
    attributes: {
      source: {
        address: { socket_address: { address: source } },
        principal: asked.principal ?? "",
      },
      request: { http: { method, path, host, headers } },
      context_extensions: asked.context ?? {},
      metadata_context: { filter_metadata: asked.metadata ?? {} },
    },
  })));
  return { ...decision, response: RESPONSE.decode(decision.response) };
}

function matched(match: string, asked: Asked = {}): boolean {
  const { rule } = decide(`  - { name: it, match: ${match}, allow: {} }`, asked);
  assert.ok(rule === "it" || rule === DEFAULT_RULE);
  return rule === "it";
}

Deno.test.each<{ match: string; yes: Asked[]; no: Asked[] }>([
  { match: "{ method: POST }", yes: [{ method: "POST" }], no: [{ method: "GET" }] },
  { match: "{ method: [GET, HEAD] }", yes: [{ method: "HEAD" }], no: [{ method: "POST" }] },
  {
    match: "{ path: /v1/models }",
    yes: [{ path: "/v1/models" }, { path: "/v1/models?a=/v2" }],
    no: [{ path: "/v1/models/x" }, { path: "/x?/v1/models" }],
  },
  {
    match: "{ path: { prefix: /v1/ } }",
    yes: [{ path: "/v1/a" }],
    no: [{ path: "/v2/v1/" }],
  },
  {
    match: "{ path: [/a, { suffix: /b }] }",
    yes: [{ path: "/a" }, { path: "/x/b" }],
    no: [{ path: "/c" }],
  },
  {
    match: '{ path: { regex: "/v1/(a|b)" } }',
    yes: [{ path: "/v1/b" }],
    no: [{ path: "/v1/bb" }, { path: "/x/v1/b" }],
  },
  { match: "{ host: llm.example }", yes: [{ host: "llm.example" }], no: [{ host: "example" }] },
  {
    match: "{ headers: { X-Team: blue } }",
    yes: [{ headers: { "x-team": "blue" } }],
    no: [{ headers: { "x-team": "red" } }, {}],
  },
  {
    match: "{ headers: { x-team: { present: false } } }",
    yes: [{}],
    no: [{ headers: { "x-team": "" } }],
  },
  {
    match: "{ headers: { x-team: { present: true } }, method: GET }",
    yes: [{ headers: { "x-team": "" } }],
    no: [{}, { headers: { "x-team": "" }, method: "POST" }],
  },
  {
    match: "{ source: [192.0.2.0/24, '::1'] }",
    yes: [{ source: "192.0.2.99" }, { source: "::1" }],
    no: [{ source: "192.0.3.1" }],
  },
  {
    match: '{ principal: { prefix: "spiffe://test/" } }',
    yes: [{ principal: "spiffe://test/a" }],
    no: [{ principal: "spiffe://other/a" }, {}],
  },
  {
    match: "{ principal: { present: false } }",
    yes: [{}],
    no: [{ principal: "spiffe://test/a" }],
  },
  {
    match: "{ credential: known }",
    yes: [{ headers: { "x-api-key": "key-a" } }],
    no: [{}, { headers: { "x-api-key": "x" } }],
  },
  {
    match: "{ credential: { tenant: acme } }",
    yes: [{ headers: { "x-api-key": "key-a" } }],
    no: [{ headers: { "x-api-key": "x" } }],
  },
  {
    match: "{ context_extensions: { route: chat } }",
    yes: [{ context: { route: "chat" } }],
    no: [{ context: { route: "x" } }, {}],
  },
  {
    match: "{ metadata: { jwt: { payload.sub: ada, payload.level: '3' } } }",
    yes: [{ metadata: { jwt: { payload: { sub: "ada", level: 3 } } } }],
    no: [{ metadata: { jwt: { payload: { sub: "bob", level: 3 } } } }, { metadata: {} }, {}],
  },
  {
    match: "{ metadata: { jwt: { constructor: { present: true } } } }",
    yes: [],
    no: [{ metadata: { jwt: {} } }],
  },
])("compileRules() matches $match", ({ match, yes, no }) => {
  for (const asked of yes) assert.equal(matched(match, asked), true, JSON.stringify(asked));
  for (const asked of no) assert.equal(matched(match, asked), false, JSON.stringify(asked));
});

Deno.test("compileRules() lets the first rule that matches decide, and none deny", () => {
  const rules = `
  - { name: first, match: { method: GET }, deny: { status: 402, code: pay } }
  - { name: second, match: { method: [GET, POST] }, allow: {} }`;
  assert.deepEqual([decide(rules).rule, decide(rules).status], ["first", 402]);
  assert.equal(decide(rules, { method: "POST" }).rule, "second");
  const none = decide(rules, { method: "PUT" });
  assert.deepEqual([none.decision, none.rule, none.code, none.status], [
    "deny",
    DEFAULT_RULE,
    "no_rule",
    403,
  ]);
});

const set = (key: string, value: string, append_action = "OVERWRITE_IF_EXISTS_OR_ADD") => ({
  header: { key, value },
  append_action,
});

Deno.test("compileRules() puts every mutation of an allow on the wire, each with its action", () => {
  const { response, decisionId } = decide(
    `
  - name: all
    allow:
      set: { x-team: blue, X-Who: "{tenant} from {source}" }
      append: { x-via: policy }
      remove: [x-internal]
      headers:
        - { name: x-one, value: "1", action: add_if_absent }
        - { name: x-two, value: "2", action: overwrite_if_exists }
        - { name: x-three, value: "3", action: unset }
      response_headers: { x-served-by: "{rule}" }
      query: { set: { tier: "{header:x-tier|free}" }, remove: [debug] }
      metadata: { cost: { tokens: 12 }, decision: mine }`,
    { headers: { "x-api-key": "key-a" } },
  );
  assert.deepEqual(response, {
    status: {},
    ok_response: {
      headers: [
        set("x-llm-decision-id", decisionId),
        set("x-llm-policy-version", "v7"),
        set("x-tenant", "acme"),
        set("x-team", "blue"),
        set("x-who", "acme from 192.0.2.7"),
        { header: { key: "x-via", value: "policy" }, append: true },
        set("x-one", "1", "ADD_IF_ABSENT"),
        set("x-two", "2", "OVERWRITE_IF_EXISTS"),
        { header: { key: "x-three", value: "3" } },
      ],
      headers_to_remove: ["x-internal"],
      response_headers_to_add: [set("x-served-by", "all")],
      query_parameters_to_set: [{ key: "tier", value: "free" }],
      query_parameters_to_remove: ["debug"],
    },
    dynamic_metadata: {
      cost: { tokens: 12 },
      decision: "allow",
      rule: "all",
      tenant: "acme",
      version: "v7",
      key: "k",
    },
  });
});

Deno.test("compileRules() lists a header once when an allow sets one of its own names", () => {
  const { response } = decide("  - { name: a, allow: { set: { x-tenant: mine } } }");
  const { headers } = response["ok_response"] as { headers: { header: { key: string } }[] };
  assert.deepEqual(headers.filter(({ header }) => header.key === "x-tenant"), [
    set("x-tenant", "mine"),
  ]);
});

Deno.test("compileRules() fills what a deny says about the request, and escapes it", () => {
  const { response } = decide(
    `  - { name: no, deny: { message: 'Not "{header:x-team}"', headers: { x-why: "{rule}" } } }`,
    { headers: { "x-team": 'blue"\n' } },
  );
  const denied = response["denied_response"] as { body: string; headers: unknown[] };
  assert.deepEqual(JSON.parse(denied.body).error, {
    message: 'Not "blue" "',
    type: "policy_error",
    param: null,
    code: "denied",
  });
  assert.deepEqual(denied.headers.at(-1), set("x-why", "no"));
});

Deno.test("compileRules() says how to authenticate with every 401", () => {
  const { response } = decide("  - { name: no, deny: { status: 401 } }");
  const { headers } = response["denied_response"] as { headers: unknown[] };
  assert.deepEqual(headers.at(-1), set("www-authenticate", "Bearer"));
});

Deno.test("compileRules() gives each request its own decision id, constant answers included", () => {
  const engine = compileRules(parseRules("version: v1\nrules: [{ name: a, allow: {} }]", "rules"));
  const request = decodeCheckRequest(new Uint8Array(0));
  const [one, two] = [engine.decide(request), engine.decide(request)];
  assert.notEqual(one.decisionId, two.decisionId);
  for (const { response, decisionId } of [one, two]) {
    const ok = RESPONSE.decode(response)["ok_response"] as {
      headers: { header: { value: string } }[];
    };
    assert.equal(ok.headers[0]?.header.value, decisionId);
  }
});

Deno.test("compileRules() denies in the shape of the path's dialect, constant and filled denials alike", () => {
  for (const message of ["Not you", "Not {tenant|anybody}"]) {
    const rules = `  - { name: no, deny: { status: 429, code: slow, message: "${message}" } }`;
    const bodyOf = (path: string) => {
      const denied = decide(rules, { path }).response["denied_response"] as { body: string };
      return JSON.parse(denied.body);
    };
    assert.equal(bodyOf("/v1/models").error.code, "slow");
    assert.equal(bodyOf("/v1/messages?beta=true").type, "error");
    assert.equal(bodyOf("/v1/messages/count_tokens").error.type, "rate_limit_error");
    assert.equal(bodyOf("/v1beta/models/m:generateContent").error.status, "RESOURCE_EXHAUSTED");
    assert.equal(bodyOf("/v1/models").error.code, "slow");
  }
});
