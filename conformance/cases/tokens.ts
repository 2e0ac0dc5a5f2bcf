/** Cases on tokens (JWT). */
import type { Case } from "../case.ts";
import { jsonOf, textOf, type Transcript, valueOf, valuesOf } from "../client/transcript.ts";
import type { CaseContext } from "../context.ts";
import type { HeaderList, TokensFeature } from "../target.ts";

const RFC8725 = "RFC 8725 section 3";
const RFC6750 = "RFC 6750 section 3";
const RBAC = "Envoy rbac_filter";
/** OpenAI's administration API: for those whose token says `roles: admin`. */
const ADMIN_PATH = "/v1/organization/users";

function featureOf(t: CaseContext): TokensFeature {
  return t.target.tokens ?? t.notMeasured("The issuer of tokens is not ours");
}

/** The claims of a user of this case's own. */
const claimsOf = (t: CaseContext, more: Record<string, unknown> = {}) => ({
  sub: t.nonce,
  tenant: `tenant-${t.nonce}`,
  ...more,
});

/** A request with nothing but a token, decided by the gateway's own rules. */
async function ask(
  t: CaseContext,
  { token, headers = [], path, name }: {
    token: string;
    name: string;
    headers?: HeaderList;
    path?: string;
  },
): Promise<Transcript> {
  const part = t.fork(name);
  const all: HeaderList = [["authorization", `Bearer ${token}`], ...headers];
  return await part.ask({ as: "nobody", headers: all, ...(path !== undefined && { path }) });
}

function invalid(t: CaseContext, what: string, refused: Transcript): void {
  t.equal(`${what}: status`, 401, refused.head?.status);
  t.equal(`${what}: error.code`, "invalid_token", jsonOf(refused)?.error?.code);
  const challenge = valueOf(refused.head?.headers ?? [], "www-authenticate") ?? "";
  t.that(`${what}: www-authenticate`, challenge.startsWith("Bearer"), "Bearer …", challenge);
}

/** Tokens of an issuer whose keys are asked for, and the roles in them. */
export const TOKEN_CASES: readonly Case[] = [
  {
    id: "jwt.issuer-refused",
    level: "must",
    control: "both",
    feature: "tokens",
    requirement: "A token that expired, or is another's, or for another, or not signed, is 401",
    source: `${RFC8725}; ${RFC6750}`,
    async run(t) {
      const tokens = featureOf(t);
      const good = await tokens.sign(claimsOf(t));
      const bad: Record<string, string> = {
        expired: await tokens.sign(claimsOf(t), -600),
        eternal: await tokens.sign(claimsOf(t, { exp: null })),
        issuer: await tokens.sign(claimsOf(t, { iss: "https://somebody.test" })),
        audience: await tokens.sign(claimsOf(t, { aud: "somebody-else" })),
        signature: `${good.slice(0, -8)}AAAAAAAA`,
        unsigned: `${good.slice(0, good.lastIndexOf("."))}.`,
      };
      for (const [name, token] of Object.entries(bad)) {
        invalid(t, name, await ask(t, { token, name }));
        t.equal(`${name}: Check calls`, 0, t.fork(name).policy.checks().length);
        t.equal(`${name}: at the upstream`, 0, t.fork(name).upstream.requests().length);
      }
      t.equal("a good one", 200, (await ask(t, { token: good, name: "good" })).head?.status);
    },
  },
  {
    id: "jwt.beside-keys",
    level: "must",
    control: "both",
    feature: "tokens",
    requirement: "An API key comes in the header of tokens, too, and none is mistaken for one",
    source: "OpenAI API reference, Authentication",
    async run(t) {
      const key: HeaderList = [["authorization", "Bearer demo-key"]];
      const known = await t.fork("known").ask({ as: "nobody", headers: key });
      t.equal("a known key", 200, known.head?.status);
      const headers: HeaderList = [["authorization", "Bearer unknown-key"]];
      const unknown = await t.fork("unknown").ask({ as: "nobody", headers });
      t.equal("error.code of an unknown key", "invalid_api_key", jsonOf(unknown)?.error?.code);
    },
  },
  {
    id: "jwt.claim-header-spoof",
    level: "must",
    control: "both",
    feature: "tokens",
    requirement: "The upstream reads claims in headers that no client can set, and no token",
    source: "Envoy jwt_authn: claim_to_headers, forward",
    async run(t) {
      const forged: HeaderList = [["x-jwt-sub", "root"], ["x-jwt-tenant", "root"]];
      const token = await featureOf(t).sign(claimsOf(t));
      await ask(t, { token, headers: forged, name: "token" });
      const { headers } = await t.fork("token").upstream.request();
      t.equal("subject", [t.nonce], valuesOf(headers, "x-jwt-sub"));
      t.equal("tenant", [`tenant-${t.nonce}`], valuesOf(headers, "x-jwt-tenant"));
      t.equal("x-tenant", [`tenant-${t.nonce}`], valuesOf(headers, "x-tenant"));
      t.equal("token", [], valuesOf(headers, "authorization"));
      const bare = await featureOf(t).sign({ tenant: "a", sub: undefined });
      await ask(t, { token: bare, headers: forged, name: "bare" });
      const without = await t.fork("bare").upstream.request();
      t.equal("of a token without it", [], valuesOf(without.headers, "x-jwt-sub"));
      await t.fork("key").ask({ headers: forged });
      const keyed = await t.fork("key").upstream.request();
      t.equal("of an API key", [], valuesOf(keyed.headers, "x-jwt-sub"));
    },
  },
  {
    id: "jwt.rbac-claim",
    level: "must",
    control: "both",
    feature: "tokens",
    requirement: "The administration API is for tokens with the role, as text or in a list",
    source: RBAC,
    async run(t) {
      const roles = { none: undefined, other: "administrator", one: "admin", list: ["a", "admin"] };
      for (const [name, value] of Object.entries(roles)) {
        const token = await featureOf(t).sign(claimsOf(t, { roles: value }));
        const { head } = await ask(t, { token, name, path: ADMIN_PATH });
        const expected = name === "one" || name === "list" ? 1 : 0;
        const { length } = t.fork(name).upstream.requests();
        t.equal(`${name}: requests at the upstream`, expected, length);
        if (expected === 0) t.equal(`${name}: status`, 403, head?.status);
      }
      const key = t.fork("key");
      t.equal("an API key", 403, (await key.ask({ path: ADMIN_PATH })).head?.status);
    },
  },
  {
    id: "jwt.rbac-path",
    level: "must",
    control: "both",
    feature: "tokens",
    requirement: "No spelling of its path opens the administration API",
    source: `${RBAC}; RFC 3986 section 6`,
    async run(t) {
      const token = await featureOf(t).sign(claimsOf(t));
      const paths = [
        "/v1//organization/users",
        "/v1/models/../organization/users",
        "/v1/./organization/users",
        "/v1/%6Frganization/users",
        "/v1/ORGANIZATION/users",
        "/v1/organization;a=b/users",
      ];
      for (const [index, path] of paths.entries()) {
        const name = String(index);
        const { head } = await ask(t, { token, name, path });
        t.equal(`${path}: status`, 403, head?.status);
        t.equal(`${path}: at the upstream`, 0, t.fork(name).upstream.requests().length);
      }
    },
  },
  {
    id: "jwt.unusable-claim",
    level: "must",
    control: "both",
    feature: "tokens",
    requirement:
      "A claim that no header can hold is refused, in OpenAI's shape, before the upstream",
    source: "RFC 9110 section 5.5",
    async run(t) {
      for (
        const [name, claims] of Object.entries({
          newline: { tenant: "a\nx-admin: 1" },
          control: { tenant: "a\u0001" },
          subject: { sub: "a\r\nb" },
        })
      ) {
        const token = await featureOf(t).sign(claimsOf(t, claims));
        const refused = await ask(t, { token, name });
        const { status = 0 } = refused.head ?? {};
        t.that(`${name}: status`, status === 401 || status === 403, "401 or 403", status);
        const { code } = jsonOf(refused)?.error ?? {};
        t.that(`${name}: error.code`, typeof code === "string", "a text", code);
        t.equal(`${name}: at the upstream`, 0, t.fork(name).upstream.requests().length);
      }
    },
  },
  {
    id: "jwt.rbac-shape",
    level: "must",
    control: "both",
    feature: "tokens",
    requirement: "Who may not do something hears 403 in OpenAI's shape, and not what would help",
    source: RBAC,
    async run(t) {
      const token = await featureOf(t).sign(claimsOf(t));
      const refused = await ask(t, { token, name: "refused", path: ADMIN_PATH });
      const error = jsonOf(refused)?.error;
      t.equal("error.code", "forbidden", error?.code);
      t.equal("error.type", "policy_error", error?.type);
      const text = textOf(refused);
      t.that("no role is named", !/admin|role|claim/i.test(text), "no hint", text);
    },
  },
  {
    id: "jwt.log-names-cause",
    level: "should",
    control: "both",
    admin: true,
    feature: "tokens",
    requirement: "Why a token was refused stands in the log, and not in the answer",
    source: "OWASP Authentication Cheat Sheet: error messages",
    async run(t) {
      const token = await featureOf(t).sign(claimsOf(t), -600);
      const refused = await ask(t, { token, name: "expired" });
      const id = valueOf(refused.head?.headers ?? [], "x-request-id") ?? "";
      const { codeDetails = "" } = await t.envoy.line(id);
      t.that("the log", /expired/i.test(codeDetails), "names the cause", codeDetails);
      t.that("the answer", !/expire/i.test(textOf(refused)), "does not", textOf(refused));
    },
  },
  {
    id: "jwt.remote-rotation",
    level: "must",
    control: "both",
    feature: "tokens",
    requirement:
      "When the issuer goes on to its next key no valid token is refused, and an old key ends",
    source: "RFC 7517; OpenID Connect Core section 10.1.1",
    exclusive: true,
    deadlineMs: 90_000,
    async run(t) {
      const tokens = featureOf(t);
      const old = await tokens.sign(claimsOf(t), 3_600);
      for (const turn of ["first", "second"]) {
        await tokens.keysKnown();
        await tokens.rotate();
        const token = await tokens.sign(claimsOf(t));
        t.equal(`${turn} key`, 200, (await ask(t, { token, name: turn })).head?.status);
      }
      await tokens.keysKnown();
      invalid(t, "the key before both", await ask(t, { token: old, name: "old" }));
    },
  },
  {
    id: "jwt.jwks-down-keeps",
    level: "must",
    control: "both",
    feature: "tokens",
    requirement: "An issuer that is down or talks nonsense leaves the known keys in force",
    source: "Envoy jwt_authn: async_fetch",
    exclusive: true,
    deadlineMs: 90_000,
    async run(t) {
      const tokens = featureOf(t);
      const token = await tokens.sign(claimsOf(t), 3_600);
      t.equal("before", 200, (await ask(t, { token, name: "before" })).head?.status);
      try {
        for (const answer of ["an error", "nonsense"] as const) {
          tokens.keys(answer);
          await tokens.keysKnown();
          t.equal(answer, 200, (await ask(t, { token, name: answer[0] ?? "" })).head?.status);
        }
      } finally {
        tokens.keys("as they are");
      }
    },
  },
];
