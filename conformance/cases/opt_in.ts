/** Cases on tokens and local rate limits, for targets that declare them. */
import type { Case } from "../case.ts";
import { newTokenKey, signedToken } from "../client/token.ts";
import { jsonOf, valueOf, valuesOf } from "../client/transcript.ts";
import type { CaseContext } from "../context.ts";
import type { HeaderList, JwtFeature } from "../target.ts";
import { lockstep } from "./stream.ts";

const RFC8725 = "RFC 8725 section 3";

/** Claims of a token; the defaults are valid. */
interface TokenOptions {
  alg?: "ES256" | "none";
  kid?: string;
  claims?: Record<string, unknown>;
  /** Signs with another key. */
  forged?: true;
}

function featureOf(t: CaseContext): JwtFeature {
  return t.target.jwt ?? t.undeclared("The target does not say how its tokens are signed");
}

/** A token of the target's issuer. */
async function token(t: CaseContext, options: TokenOptions = {}): Promise<string> {
  const { key, issuer, audience } = featureOf(t);
  const second = Math.floor(Date.now() / 1000);
  const head = { alg: options.alg ?? "ES256", typ: "JWT", kid: options.kid ?? key.kid };
  const claims = { iss: issuer, aud: audience, sub: t.nonce, exp: second + 300, ...options.claims };
  if (options.alg === "none") return await signedToken(head, claims, undefined);
  return await signedToken(head, claims, options.forged ? (await newTokenKey()).privateKey : key);
}

async function withToken(t: CaseContext, options: TokenOptions = {}): Promise<HeaderList> {
  const { header, prefix = "" } = featureOf(t);
  return [[header, `${prefix}${await token(t, options)}`]];
}

function refusedToken(
  id: string,
  requirement: string,
  make: (t: CaseContext) => Promise<HeaderList>,
): Case {
  return {
    id,
    level: "must",
    control: "both",
    feature: "jwt",
    requirement,
    source: RFC8725,
    async run(t) {
      const { head } = await t.ask({ headers: await make(t) });
      t.oneOf("status", [401, 403], head?.status);
      // Tokens may be checked before policy is asked, or after.
      t.equal("requests at the upstream", 0, t.upstream.requests().length);
      const good = t.fork("good");
      const valid = await good.ask({ headers: await withToken(good) });
      t.equal("a valid token", 200, valid.head?.status);
    },
  };
}

/** Tokens that the gateway itself checks. */
export const JWT_CASES: readonly Case[] = [
  refusedToken(
    "jwt.missing-401",
    "A request without a token is refused",
    () => Promise.resolve([]),
  ),
  refusedToken(
    "jwt.expired",
    "An expired token is refused",
    (t) => withToken(t, { claims: { exp: Math.floor(Date.now() / 1000) - 300 } }),
  ),
  refusedToken(
    "jwt.bad-sig",
    "A token that another key signed is refused",
    (t) => withToken(t, { forged: true }),
  ),
  refusedToken(
    "jwt.alg-none",
    "A token without a signature is refused",
    (t) => withToken(t, { alg: "none" }),
  ),
  refusedToken(
    "jwt.wrong-aud",
    "A token for another audience is refused",
    (t) => withToken(t, { claims: { aud: "somebody-else" } }),
  ),
  refusedToken(
    "jwt.kid-unknown",
    "A token of an unknown key is refused",
    (t) => withToken(t, { kid: "nobody", forged: true }),
  ),
  {
    id: "jwt.claims-to-policy",
    level: "should",
    control: "policy",
    feature: "jwt",
    requirement: "The claims of a valid token reach the policy engine as metadata",
    source: "Envoy ext_authz.proto: metadata_context_namespaces",
    async run(t) {
      const { head } = await t.ask({ headers: await withToken(t) });
      t.equal("status", 200, head?.status);
      const { metadata } = await t.policy.check();
      const text = JSON.stringify(metadata ?? {});
      t.that("subject in the metadata", text.includes(`"${t.nonce}"`), t.nonce, text);
      t.that("issuer in the metadata", text.includes(featureOf(t).issuer), "there", text);
    },
  },
  {
    id: "jwt.not-forwarded",
    level: "should",
    control: "both",
    feature: "jwt",
    requirement: "The token does not reach the upstream",
    source: "Envoy jwt_authn: forward is false",
    async run(t) {
      const { head } = await t.ask({ headers: await withToken(t) });
      t.equal("status", 200, head?.status);
      const { headers } = await t.upstream.request();
      t.equal("token at the upstream", [], valuesOf(headers, featureOf(t).header));
    },
  },
];

/** Sends requests with one key until the bucket is empty; returns the statuses. */
async function exhaust(t: CaseContext, key: string): Promise<(number | undefined)[]> {
  const limit = t.target.rateLimit ?? t.undeclared("The target does not say what it limits");
  const statuses: (number | undefined)[] = [];
  for (let i = 0; i <= limit.burst; i++) {
    const { head } = await t.fork(`${key}-${i}`).ask({
      headers: [[limit.header, `${t.nonce}-${key}`]],
    });
    statuses.push(head?.status);
  }
  return statuses;
}

/** A limit that the gateway itself enforces. */
export const RATE_LIMIT_CASES: readonly Case[] = [
  {
    id: "rl.429-shape",
    level: "may",
    control: "none",
    feature: "rate_limit",
    requirement: "Beyond the limit the answer is 429 with retry-after and an OpenAI error",
    source: "RFC 6585 section 4; openai-node src/core/error.ts: RateLimitError",
    async run(t) {
      const statuses = await exhaust(t, "a");
      t.equal("last status", 429, statuses.at(-1));
      const limit = t.target.rateLimit;
      const transcript = await t.ask({ headers: [[limit?.header ?? "", `${t.nonce}-a`]] });
      const headers = transcript.head?.headers ?? [];
      const told = valueOf(headers, "retry-after") ?? valueOf(headers, "x-ratelimit-reset");
      t.that("retry-after", told !== undefined, "there", told);
      t.equal("error.type is text", "string", typeof jsonOf(transcript)?.error?.type);
    },
  },
  {
    id: "rl.per-key",
    level: "may",
    control: "none",
    feature: "rate_limit",
    requirement: "One key's limit does not touch another's",
    source: "Envoy local rate limit: descriptors",
    async run(t) {
      const one = await exhaust(t, "one");
      const two = await exhaust(t, "two");
      t.equal("both keys alike", one, two);
      t.equal("first of the second key", 200, two[0]);
    },
  },
  {
    id: "rl.before-upstream",
    level: "may",
    control: "both",
    feature: "rate_limit",
    requirement: "A limited request is not seen by the upstream",
    source: "Project: coarse and first",
    async run(t) {
      const statuses = await exhaust(t, "b");
      const limit = t.target.rateLimit?.burst ?? 0;
      t.equal("last status", 429, statuses.at(-1));
      t.equal("requests at the upstream", 0, t.fork(`b-${limit}`).upstream.requests().length);
    },
  },
  {
    id: "rl.stream-counts-once",
    level: "may",
    control: "upstream",
    feature: "rate_limit",
    requirement: "A stream is one request, however many events it has",
    source: "Envoy local rate limit: a token per request",
    async run(t) {
      const limit = t.target.rateLimit ?? t.undeclared("The target does not say what it limits");
      const headers: HeaderList = [[limit.header, t.nonce]];
      t.upstream.script(...lockstep(6));
      const exchange = await t.send(t.chat({ stream: true, headers }));
      for (let n = 0; n < 6; n++) {
        await exchange.event(n);
        t.upstream.release(n < 5 ? String(n + 1) : "done");
      }
      t.equal("the stream", "complete", (await exchange.ended()).kind);
      for (let i = 1; i < limit.burst; i++) {
        const { head } = await t.fork(i).ask({ headers });
        t.equal(`request ${i + 1}`, 200, head?.status);
      }
    },
  },
];
