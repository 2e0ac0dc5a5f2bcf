/** Cases on a rate-limit service: requests, tokens, cost, sessions. */
import type { Case } from "../case.ts";
import { jsonOf, type Transcript, valueOf } from "../client/transcript.ts";
import type { CaseContext, ChatOptions } from "../context.ts";
import type { LimitsFeature, UpstreamStep } from "../target.ts";
import { chunkText, DONE, jsonAnswer, STREAM_HEAD, streamOf } from "./shapes.ts";

const SERVICE = "Envoy rate_limit_filter; envoy.service.ratelimit.v3";
const OPENAI = "OpenAI API guide, Rate limits";
/** Tokens that each answer below says it used. */
const USAGE = { prompt_tokens: 10, completion_tokens: 20, total_tokens: 30 };
/** A body far beyond any buffer: 5 MiB. */
const LARGE = 5 * 1024 * 1024;

function featureOf(t: CaseContext): LimitsFeature {
  return t.target.limits ?? t.notMeasured("The limits service is not ours");
}

/** An answer that says its usage; of the model that costs nothing unless another one is named. */
function answer(t: CaseContext, form: "json" | "sse", model = featureOf(t).cheapModel) {
  const fields = { id: "chatcmpl-case", created: 1, model };
  if (form === "json") {
    const object = "chat.completion";
    return jsonAnswer(JSON.stringify({ ...fields, object, choices: [], usage: USAGE }));
  }
  const object = "chat.completion.chunk";
  const last = JSON.stringify({ ...fields, object, choices: [], usage: USAGE });
  return streamOf(chunkText("hello"), `data: ${last}\n\n`, DONE);
}

/** One request of a tenant of this case's own, each with a nonce of its own. */
async function ask(
  t: CaseContext,
  { tenant, name, steps, options }: {
    tenant: string;
    name: string;
    steps: UpstreamStep[];
    options?: ChatOptions;
  },
): Promise<Transcript> {
  const part = t.fork(`${tenant}-${name}`);
  part.policy.script({ allow: { set: { "x-tenant": tenantOf(t, tenant) } } });
  part.upstream.script(...steps);
  return await part.ask(options);
}

const tenantOf = (t: CaseContext, name: string) => `${t.nonce}-${name}`;
const charged = (t: CaseContext, tenant: string, count: number) =>
  featureOf(t).charged(tenantOf(t, tenant), count);

/** Uses a tenant's tokens up; returns how many answers that took. */
async function exhaust(t: CaseContext, tenant: string): Promise<number> {
  const { tokens } = featureOf(t);
  let count = 0;
  for (let spent = 0; spent < tokens; spent += USAGE.total_tokens) {
    await ask(t, { tenant, name: String(count), steps: answer(t, "json") });
    await charged(t, tenant, ++count);
  }
  return count;
}

function chargesUsage(form: "json" | "sse"): Case {
  return {
    id: `limit.tokens-${form}`,
    level: "must",
    control: "both",
    feature: "limits",
    requirement: `The tokens that ${
      form === "json" ? "a JSON answer" : "an event stream"
    } says it used are charged`,
    source: SERVICE,
    async run(t) {
      const options: ChatOptions = form === "sse" ? { stream: true } : {};
      const one = { tenant: "a", steps: answer(t, form), options };
      t.equal("status", 200, (await ask(t, { ...one, name: "first" })).head?.status);
      t.equal("tokens charged", [30], await charged(t, "a", 1));
    },
  };
}

/** Limits of requests, tokens and cost that a service outside of the gateway counts. */
export const LIMITS_SERVICE_CASES: readonly Case[] = [
  chargesUsage("json"),
  chargesUsage("sse"),
  {
    id: "limit.next-429",
    level: "must",
    control: "both",
    feature: "limits",
    requirement:
      "When a tenant's tokens are used up the next request is 429, and nobody hears of it",
    source: SERVICE,
    async run(t) {
      const count = await exhaust(t, "a");
      t.equal("answers until then", Math.ceil(featureOf(t).tokens / 30), count);
      const refused = await ask(t, { tenant: "a", name: "next", steps: answer(t, "json") });
      t.equal("status", 429, refused.head?.status);
      t.equal("requests at the upstream", 0, t.fork("a-next").upstream.requests().length);
    },
  },
  {
    id: "limit.tenant-apart",
    level: "must",
    control: "both",
    feature: "limits",
    requirement: "One tenant's use does not touch another's",
    source: SERVICE,
    async run(t) {
      await exhaust(t, "a");
      const next = { name: "next", steps: answer(t, "json") };
      t.equal("the one", 429, (await ask(t, { ...next, tenant: "a" })).head?.status);
      t.equal("another", 200, (await ask(t, { ...next, tenant: "b" })).head?.status);
    },
  },
  {
    id: "limit.denied-free",
    level: "must",
    control: "both",
    feature: "limits",
    requirement: "A request that policy refuses is not counted, and a refused one not charged",
    source: SERVICE,
    async run(t) {
      const part = t.fork("denied");
      part.policy.script({ deny: { status: 403, code: "no", message: "no" } });
      const { head } = await part.ask({ headers: [["x-session-id", part.nonce]] });
      t.equal("status", 403, head?.status);
      t.equal("decision", "deny", (await part.policy.check()).decision);
      t.equal("questions and charges", 0, featureOf(t).decisions(part.nonce));
      const count = await exhaust(t, "a");
      await ask(t, { tenant: "a", name: "next", steps: answer(t, "json") });
      t.equal("charge of the 429", 0, (await charged(t, "a", count + 1)).at(-1));
    },
  },
  {
    id: "limit.error-free",
    level: "must",
    control: "both",
    feature: "limits",
    requirement: "An error of the upstream costs nothing",
    source: SERVICE,
    async run(t) {
      const body = JSON.stringify({ error: { message: "x".repeat(400), type: "server_error" } });
      for (const [index, status] of [400, 429, 500].entries()) {
        await ask(t, { tenant: "a", name: String(status), steps: jsonAnswer(body, status) });
        t.equal(`${status}: charge`, 0, (await charged(t, "a", index + 1)).at(-1));
      }
    },
  },
  {
    id: "limit.abort-charged",
    level: "must",
    control: "both",
    feature: "limits",
    requirement: "A stream that its client leaves is charged for what was sent",
    source: SERVICE,
    async run(t) {
      const part = t.fork("a-left");
      part.policy.script({ allow: { set: { "x-tenant": tenantOf(t, "a") } } });
      part.upstream.script(STREAM_HEAD, { write: chunkText("x".repeat(4_000)) }, { hang: true });
      const exchange = await part.send(part.chat({ stream: true }));
      await exchange.event(0);
      exchange.abort("rst");
      const [tokens = 0] = await charged(t, "a", 1);
      t.that("tokens charged", tokens >= 1_000, "1,000 or more", tokens);
    },
  },
  {
    id: "limit.no-usage-charged",
    level: "must",
    control: "both",
    feature: "limits",
    requirement: "An answer that does not say its usage is charged by its size",
    source: SERVICE,
    async run(t) {
      const steps = streamOf(chunkText("x".repeat(4_000)), DONE);
      await ask(t, { tenant: "a", name: "first", steps, options: { stream: true } });
      const [tokens = 0] = await charged(t, "a", 1);
      t.that("tokens charged", tokens >= 1_000, "1,000 or more", tokens);
    },
  },
  {
    id: "limit.unknown-model-dear",
    level: "must",
    control: "both",
    feature: "limits",
    requirement: "A model without a price costs the default, and one that costs nothing does not",
    source: SERVICE,
    async run(t) {
      for (const model of ["nobody-knows-me", featureOf(t).cheapModel]) {
        for (const [index, name] of ["first", "second"].entries()) {
          await ask(t, { tenant: model, name, steps: answer(t, "json", model) });
          await charged(t, model, index + 1);
        }
      }
      const next = (tenant: string) => ask(t, { tenant, name: "next", steps: answer(t, "json") });
      const refused = await next("nobody-knows-me");
      t.equal("without a price", 429, refused.head?.status);
      t.equal("error.code", "cost_exceeded", jsonOf(refused)?.error?.code);
      t.equal("for nothing", 200, (await next(featureOf(t).cheapModel)).head?.status);
    },
  },
  {
    id: "limit.session-budget",
    level: "must",
    control: "both",
    feature: "limits",
    requirement: "A session has a budget of its own within its tenant",
    source: SERVICE,
    async run(t) {
      const { sessionRequests } = featureOf(t);
      const inSession = (session: string, name: string, tenant = "a") =>
        ask(t, {
          tenant,
          name: `${session}-${name}`,
          steps: answer(t, "json"),
          options: { headers: [["x-session-id", session]] },
        });
      for (let index = 0; index < sessionRequests; index++) {
        t.equal(`request ${index}`, 200, (await inSession("one", String(index))).head?.status);
      }
      const refused = await inSession("one", "next");
      t.equal("beyond the budget", 429, refused.head?.status);
      t.equal("error.code", "session_budget_exceeded", jsonOf(refused)?.error?.code);
      t.equal("another session", 200, (await inSession("two", "first")).head?.status);
      t.equal("another tenant's", 200, (await inSession("one", "first", "b")).head?.status);
    },
  },
  {
    id: "limit.large-json-whole",
    level: "must",
    control: "both",
    feature: "limits",
    requirement: "An answer of 5 MiB passes whole, though its tokens are looked for",
    source: "Envoy json_to_metadata: buffers what it reads",
    async run(t) {
      const body = JSON.stringify({ text: "x".repeat(LARGE) });
      const transcript = await ask(t, { tenant: "a", name: "large", steps: jsonAnswer(body) });
      t.equal("status", 200, transcript.head?.status);
      t.equal("bytes", body.length, transcript.bodyBytes);
      const [tokens = 0] = await charged(t, "a", 1);
      t.that("tokens charged", tokens >= LARGE / 4, "by its size", tokens);
    },
  },
  {
    id: "limit.service-down-503",
    level: "must",
    control: "both",
    feature: "limits",
    requirement:
      "When the limits cannot be asked nothing passes: 503; and it passes again afterwards",
    source: "Envoy rate_limit.proto: failure_mode_deny",
    exclusive: true,
    async run(t) {
      const limits = featureOf(t);
      await limits.close();
      try {
        const refused = await ask(t, { tenant: "a", name: "down", steps: answer(t, "json") });
        t.equal("status", 503, refused.head?.status);
        t.equal("error.code", "limits_unavailable", jsonOf(refused)?.error?.code);
        t.equal("requests at the upstream", 0, t.fork("a-down").upstream.requests().length);
      } finally {
        await limits.reopen();
      }
      await backAgain(t);
    },
  },
  {
    id: "limit.service-slow-503",
    level: "must",
    control: "both",
    feature: "limits",
    requirement: "When the limits do not answer in time nothing passes: 503",
    source: "Envoy rate_limit.proto: timeout",
    exclusive: true,
    async run(t) {
      {
        using _held = featureOf(t).hold();
        const refused = await ask(t, { tenant: "a", name: "slow", steps: answer(t, "json") });
        t.equal("status", 503, refused.head?.status);
        t.equal("error.code", "limits_unavailable", jsonOf(refused)?.error?.code);
        t.equal("requests at the upstream", 0, t.fork("a-slow").upstream.requests().length);
      }
      await backAgain(t);
    },
  },
  {
    id: "limit.openai-shape",
    level: "must",
    control: "both",
    feature: "limits",
    requirement: "The 429 is JSON in OpenAI's shape, with a code and words that an agent can show",
    source: OPENAI,
    async run(t) {
      await exhaust(t, "a");
      const refused = await ask(t, { tenant: "a", name: "next", steps: answer(t, "json") });
      const { headers = [] } = refused.head ?? {};
      t.equal("content-type", "application/json", valueOf(headers, "content-type"));
      const error = jsonOf(refused)?.error;
      t.equal("error.type", "rate_limit_error", error?.type);
      t.equal("error.code", "tokens_exceeded", error?.code);
      t.equal("error.param", null, error?.param);
      t.that("error.message", /tokens/.test(error?.message ?? ""), "names them", error?.message);
    },
  },
  {
    id: "limit.retry-after",
    level: "should",
    control: "both",
    feature: "limits",
    requirement: "The 429 says in retry-after when it is worth to come back",
    source: "RFC 6585 section 4",
    async run(t) {
      await exhaust(t, "a");
      const refused = await ask(t, { tenant: "a", name: "next", steps: answer(t, "json") });
      const seconds = Number(valueOf(refused.head?.headers ?? [], "retry-after"));
      t.that("seconds", Number.isInteger(seconds) && seconds > 0, "a whole number", seconds);
    },
  },
  {
    id: "limit.quota-headers",
    level: "should",
    control: "both",
    feature: "limits",
    requirement:
      "Answers say what is left in OpenAI's headers, and nothing of the provider's own quota",
    source: OPENAI,
    async run(t) {
      const { tokens } = featureOf(t);
      const own = { "x-ratelimit-remaining-tokens": "149984", "x-ratelimit-limit-requests": "7" };
      const steps = jsonAnswer("{}", 200, own);
      const { headers = [] } = (await ask(t, { tenant: "a", name: "first", steps })).head ?? {};
      t.equal("limit", String(tokens), valueOf(headers, "x-ratelimit-limit-tokens"));
      t.equal("remaining", String(tokens), valueOf(headers, "x-ratelimit-remaining-tokens"));
      const reset = valueOf(headers, "x-ratelimit-reset-tokens") ?? "";
      t.that("reset", /^(\d+h)?(\d+m)?\d+m?s$/.test(reset), "a duration such as 6m0s", reset);
      t.equal("the provider's", false, headers.some(([, value]) => value === "7"));
    },
  },
];

/** Envoy may find the service again a moment later. */
async function backAgain(t: CaseContext): Promise<void> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const next = { tenant: "back", name: String(attempt), steps: answer(t, "json") };
    const { head } = await ask(t, next);
    if (head?.status !== 503) return void t.equal("afterwards", 200, head?.status);
  }
  t.equal("afterwards", 200, 503);
}
