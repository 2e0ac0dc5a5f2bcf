/** Cases on extensions that are written for a gateway: a Lua script, a Wasm filter, and what fails of them. */
import type { Case } from "../case.ts";
import { jsonOf, valueOf } from "../client/transcript.ts";
import type { CaseContext } from "../context.ts";
import type { HeaderList, SessionsFeature } from "../target.ts";
import { headerOf, streamsUntouched, wentNowhere } from "./around_policy.ts";

const TENANT = "case";
const REGION = "x-data-region";
const EARLIER = '{"role":"user","content":"earlier \\u00e9"},{"role":"assistant","content":"so"}';

interface Described extends Pick<Case, "requirement" | "source" | "waits"> {
  readonly id: string;
  run(t: CaseContext): Promise<void>;
}

function extensionCase(one: Described): Case {
  return { ...one, id: `ext.${one.id}`, level: "must", control: "both", feature: "extensions" };
}

function sessionsOf(t: CaseContext): SessionsFeature {
  return t.target.sessions ?? t.notMeasured("No service of sessions is known");
}

/** A session of this case's own, and the header that names it. Policy says that it is a tenant's. */
function sessionOf(t: CaseContext, tenant = TENANT): { session: string; headers: HeaderList } {
  t.policy.script({ allow: { set: { "x-tenant": tenant } } });
  return { session: t.nonce, headers: [["x-session-id", t.nonce]] };
}

const LUA = "Envoy lua filter: a script that fails lets the request pass, and knows no JSON";
const WASM = "Proxy-Wasm ABI 0.2.1; Envoy PluginConfig.failure_policy";

const LUA_CASES: readonly Case[] = [
  extensionCase({
    id: "lua-context",
    requirement: "A session's messages go in front of a request's, and the rest of its bytes stay",
    source: LUA,
    async run(t) {
      const front = '{ "model":"m", "n":1E+2,\n "messages" : [';
      const rest = ' {"role":"user","content":"\\ud83d\\ude00 now"} ] , "zzz":-0 }';
      for (const framing of ["length", "chunked"] as const) {
        const part = t.fork(framing);
        const { session, headers } = sessionOf(part);
        await sessionsOf(t).answer(`${TENANT}/${session}`, { body: ` [${EARLIER}] ` });
        const { head } = await part.ask({ headers, body: front + rest, framing });
        t.equal(`${framing}: status`, 200, head?.status);
        const { bodyText } = await part.upstream.request();
        t.equal(`${framing}: body`, `${front}${EARLIER},${rest}`, bodyText);
      }
      const first = t.fork("first");
      const { session, headers } = sessionOf(first);
      await sessionsOf(t).answer(`${TENANT}/${session}`, { body: `[${EARLIER}]` });
      await first.ask({ headers, body: '{"messages":[ ],"model":"m"}' });
      const { bodyText } = await first.upstream.request();
      t.equal("no message of its own", `{"messages":[${EARLIER} ],"model":"m"}`, bodyText);
      const plain = t.fork("plain");
      await plain.ask({ body: front + rest });
      t.equal("without a session", front + rest, (await plain.upstream.request()).bodyText);
    },
  }),
  extensionCase({
    id: "lua-tenant",
    requirement: "A session belongs to the tenant that policy named, whatever the client says",
    source: "Project: whoever guesses a session's name must not read it",
    async run(t) {
      const { session, headers } = sessionOf(t, "mine");
      await sessionsOf(t).answer(`theirs/${session}`, { body: `[${EARLIER}]` });
      const body = '{"model":"m","messages":[{"role":"user","content":"now"}]}';
      const { head } = await t.ask({ headers: [...headers, ["x-tenant", "theirs"]], body });
      t.equal("status", 200, head?.status);
      t.equal("asked", [`mine/${session}`], await sessionsOf(t).asked(session));
      t.equal("body", body, (await t.upstream.request()).bodyText);
    },
  }),
  extensionCase({
    id: "lua-odd-body",
    requirement:
      "Messages go into the request's own list alone; a body with two of them, or none, is refused",
    source: "RFC 8259 sections 4 and 7; Project: no two readers of a body",
    async run(t) {
      const nested = '{"metadata":{"messages":[1]},"note":"\\"messages\\":[","messages":[2]}';
      const part = t.fork("nested");
      const { session, headers } = sessionOf(part);
      await sessionsOf(t).answer(`${TENANT}/${session}`, { body: "[0]" });
      await part.ask({ headers, body: nested });
      const { bodyText } = await part.upstream.request();
      t.equal("nested", nested.replace("[2]", "[0,2]"), bodyText);
      const refused = {
        twice: '{"messages":[1],"messages":[2]}',
        escaped: '{"messages":[1],"m\\u0065ssages":[2]}',
        none: '{"model":"m"}',
        text: '{"messages":"[1]"}',
        cut: '{"messages":[1]',
      };
      for (const [name, body] of Object.entries(refused)) {
        const one = t.fork(name);
        const transcript = await one.ask({ headers: sessionOf(one).headers, body });
        t.equal(`${name}: status`, 400, transcript.head?.status);
        t.equal(`${name}: error.code`, "invalid_messages", jsonOf(transcript)?.error?.code);
        wentNowhere(one);
      }
    },
  }),
  extensionCase({
    id: "lua-service-fails",
    waits: true,
    requirement: "Without an answer of the service the request is refused, and goes nowhere",
    source: LUA,
    async run(t) {
      const answers = {
        error: { status: 500, body: "[]" },
        nonsense: { body: "<html>" },
        silence: "silence",
      } as const;
      await Promise.all(
        Object.entries(answers).map(async ([name, answer]) => {
          const part = t.fork(name);
          const { session, headers } = sessionOf(part);
          await sessionsOf(t).answer(`${TENANT}/${session}`, answer);
          const transcript = await part.ask({ headers });
          t.equal(`${name}: status`, 503, transcript.head?.status);
          t.equal(`${name}: error.code`, "context_unavailable", jsonOf(transcript)?.error?.code);
          wentNowhere(part);
        }),
      );
    },
  }),
  extensionCase({
    id: "lua-denied",
    requirement: "Nobody asks for the messages of a session for a request that policy refuses",
    source: "Envoy HTTP filters: order; Project: policy decides first",
    async run(t) {
      const { head } = await t.ask({ as: "deny", headers: [["x-session-id", t.nonce]] });
      t.oneOf("status", [401, 403], head?.status);
      t.equal("asked", [], await sessionsOf(t).asked(t.nonce));
      wentNowhere(t);
    },
  }),
  extensionCase({
    id: "lua-error-closed",
    requirement: "A request whose script fails is refused, and goes nowhere",
    source: LUA,
    async run(t) {
      const transcript = await t.ask({ path: sessionsOf(t).broken.lua });
      t.equal("status", 503, transcript.head?.status);
      t.equal("error.code", "extension_failed", jsonOf(transcript)?.error?.code);
      wentNowhere(t);
    },
  }),
];

const WASM_CASES: readonly Case[] = [
  extensionCase({
    id: "wasm-region",
    requirement: "The Wasm filter keeps requests in the regions of its configuration",
    source: WASM,
    async run(t) {
      for (const [name, given, kept] of [["named", "us", "us"], ["unnamed", "", "eu"]] as const) {
        const part = t.fork(name);
        const transcript = await part.ask({ headers: given === "" ? [] : [[REGION, given]] });
        t.equal(`${name}: status`, 200, transcript.head?.status);
        t.equal(`${name}: told to the client`, kept, headerOf(transcript, REGION));
        const { headers } = await part.upstream.request();
        t.equal(`${name}: told to the upstream`, kept, valueOf(headers, REGION));
      }
      const foreign = t.fork("foreign");
      const transcript = await foreign.ask({ headers: [[REGION, "mars"]] });
      t.equal("foreign: status", 403, transcript.head?.status);
      t.equal("foreign: type", "application/json", headerOf(transcript, "content-type"));
      t.equal("foreign: error.code", "region_not_allowed", jsonOf(transcript)?.error?.code);
      wentNowhere(foreign);
    },
  }),
  extensionCase({
    id: "wasm-fail-closed",
    requirement: "A request at which a Wasm filter traps is refused and goes nowhere; others pass",
    source: WASM,
    async run(t) {
      for (const name of ["first", "second"]) {
        const part = t.fork(name);
        const transcript = await part.ask({ path: sessionsOf(t).broken.wasm });
        t.equal(`${name}: status`, 503, transcript.head?.status);
        t.equal(`${name}: error.code`, "extension_failed", jsonOf(transcript)?.error?.code);
        wentNowhere(part);
      }
      t.equal("another", 200, (await t.fork("other").ask()).head?.status);
    },
  }),
  extensionCase({
    id: "stream-untouched",
    requirement: "Event streams pass extensions as they come, byte for byte",
    source: "Project: an extension holds no answer back",
    async run(t) {
      const { session, headers } = sessionOf(t);
      await sessionsOf(t).answer(`${TENANT}/${session}`, { body: `[${EARLIER}]` });
      await streamsUntouched(t, headers);
    },
  }),
];

export const EXTENSION_CASES: readonly Case[] = [...LUA_CASES, ...WASM_CASES];
