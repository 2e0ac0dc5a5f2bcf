/** The group `dialect` on a right gateway, on servers that speak one dialect, and on planted defects. */
import assert from "node:assert/strict";
import { type Dialect, DIALECTS } from "../../dialects/mod.ts";
import type { Upstream } from "../../upstream/mod.ts";
import { DIALECT_CASES, type DialectPair } from "../../conformance/mod.ts";
import { type Defect, DEFECTS, startTranslator } from "../../conformance/testing/translator.ts";
import { judge, redOf } from "./judge.ts";

/** The mock itself: what stands between a client and a server of one dialect changes nothing. */
const itself = ({ url }: Upstream) => ({ url, [Symbol.asyncDispose]: () => Promise.resolve() });

for (const dialect of DIALECTS) {
  Deno.test(`every case of the group holds where both sides speak ${dialect}`, async () => {
    const pair = { client: dialect as Dialect, upstream: dialect as Dialect };
    assert.deepEqual(redOf(await judge(pair, itself)), []);
  });
}

Deno.test("a gateway that knows the client's API alone is measured: what passes there is asked there", async () => {
  const cases = DIALECT_CASES.filter(({ id }) => id.startsWith("dialect.error-404"));
  const pair = { client: "anthropic", upstream: "anthropic" } as const;
  const report = await judge(pair, ({ url }) => {
    const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
      const { pathname } = new URL(request.url);
      if (pathname !== "/v1/messages") return new Response("nothing here", { status: 404 });
      return fetch(`${url}${pathname}`, request);
    });
    const front = `http://127.0.0.1:${server.addr.port}`;
    return { url: front, [Symbol.asyncDispose]: () => server.shutdown() };
  }, cases);
  assert.deepEqual(report.cases.map(({ status }) => status), ["pass", "pass"]);
});

const PAIR: DialectPair = { client: "openai", upstream: "anthropic" };

Deno.test("every case of the group holds on a gateway that translates rightly", async () => {
  const report = await judge(PAIR, ({ url }) => startTranslator(url));
  assert.deepEqual(redOf(report), []);
  assert.ok(report.summary.passed >= 60, String(report.summary.passed));
});

/** The case that each defect must turn red. */
const KILLED: Readonly<Record<Defect, string>> = {
  "drops-tool-calls": "dialect.tool-call-sse",
  "says-tool-calls-without-any": "dialect.stop-json",
  "always-stop": "dialect.length-json",
  "no-usage": "dialect.usage-sse",
  "cached-counted-twice": "dialect.usage-cached-json",
  "system-as-user": "dialect.ask-system",
  "first-system-only": "dialect.ask-systems",
  "drops-images": "dialect.ask-image",
  "tools-in-openai-shape": "dialect.ask-tools",
  "drops-tool-choice": "dialect.ask-choice-required",
  "named-choice-as-any": "dialect.ask-choice-named",
  "results-as-text": "dialect.ask-result",
  "parallel-under-one-index": "dialect.tool-parallel-sse",
  "arguments-as-object": "dialect.tool-deep-sse",
  "thoughts-in-text": "dialect.reasoning-json",
  "no-done": "dialect.stream-order-text",
  "done-twice": "dialect.stream-order-calls",
  "ends-cut-streams": "dialect.stream-cut",
  "errors-untranslated": "dialect.error-529-json",
  "errors-as-500": "dialect.error-429-sse",
  "drops-retry-after": "dialect.retry-after",
  "forwards-own-fields": "dialect.ask-own-fields",
  "drops-limit": "dialect.ask-limit",
  "one-piece": "dialect.stream-pieces",
  "empty-deltas": "dialect.stream-order-thoughts",
  "drops-text-beside-calls": "dialect.text-and-call-json",
};

for (const defect of DEFECTS) {
  const id = KILLED[defect];
  Deno.test(`the defect "${defect}" turns ${id} red`, async () => {
    const cases = DIALECT_CASES.filter((one) => one.id === id);
    const report = await judge(PAIR, ({ url }) => startTranslator(url, defect), cases);
    assert.equal(report.cases.length, 1);
    const status = report.cases[0]?.status;
    assert.ok(status === "fail" || status === "warn", JSON.stringify(report.cases[0]));
  });
}
