/** Cases on the redaction of requests, on tags that come back, and on logs. */
import { Buffer } from "node:buffer";
import { gzipSync } from "node:zlib";
import type { Case } from "../case.ts";
import { sha256, textOf, valueOf } from "../client/transcript.ts";
import type { HeaderList } from "../target.ts";
import { AFTER, BEFORE, canaryOf, parsed, redactCase } from "./canary.ts";
import { cutsOf, heard, ODD_REQUEST, says, streamsPieces, wordsOf } from "./chat_answers.ts";

/** Mail addresses in requests, and what the answers make of them. */
export const REDACT_REQUEST_CASES: readonly Case[] = [
  redactCase({
    id: "never-logged",
    admin: true,
    requirement: "A canary stands in no log of the gateway",
    async run(t) {
      const { name, mail } = canaryOf(t);
      t.upstream.script(...says(`${BEFORE}${mail}${AFTER}`));
      const { head } = await t.ask({ body: asking(mail) });
      const id = valueOf(head?.headers ?? [], "x-request-id");
      if (id !== undefined) await t.envoy.line(id);
      t.that("the logs", !(await t.envoy.logs()).includes(name), "without it", name);
    },
  }),
  redactCase({
    id: "request",
    feature: "redact_request",
    requirement: "The upstream does not hear the canary of a request, in any of its texts",
    async run(t) {
      const { name, mail } = canaryOf(t);
      await t.ask({ body: asking(mail) });
      const { bodyText = "" } = await t.upstream.request();
      t.that("canary", !bodyText.includes(name), "nowhere", bodyText);
      t.that("words before it", bodyText.includes(BEFORE), BEFORE, bodyText);
      t.equal("messages", 3, parsed(bodyText)?.messages?.length);
    },
  }),
  redactCase({
    id: "request-untouched",
    feature: "redact_request",
    requirement: "A request without anything to mask reaches the upstream byte for byte",
    async run(t) {
      await t.ask({ body: ODD_REQUEST });
      t.equal("SHA-256", sha256(ODD_REQUEST), (await t.upstream.request()).bodySha256);
    },
  }),
  redactCase({
    id: "request-ambiguous",
    feature: "redact_request",
    requirement:
      "A body that can be read in two ways gets no canary through: said twice, as text, packed",
    async run(t) {
      const { name, mail } = canaryOf(t);
      const said = (text: string) => JSON.stringify([{ role: "user", content: text }]);
      const plain = `{"model":"m","messages":${said(`I am ${mail}`)}}`;
      const bodies: Record<string, { body: string | Uint8Array; headers: HeaderList }> = {
        twice: {
          body: `{"model":"m","messages":${said(`I am ${mail}`)},"messages":${said("Hello")}}`,
          headers: [],
        },
        text: { body: plain, headers: [["content-type", "text/plain"]] },
        packed: { body: gzipSync(plain), headers: [["content-encoding", "gzip"]] },
        wide: { body: Buffer.from(plain, "utf16le"), headers: [] },
      };
      for (const [what, asked] of Object.entries(bodies)) {
        const part = t.fork(what);
        const { head } = await part.ask(asked);
        const hears = part.upstream.requests().some(({ bodyText }) =>
          what !== "text" && what !== "twice" || bodyText?.includes(name)
        );
        t.that(`${what}: canary at the upstream`, !hears, "refused, or redacted", head?.status);
      }
      t.equal("a plain one", 200, (await t.fork("plain").ask()).head?.status);
    },
  }),
  redactCase({
    id: "reversible",
    feature: "redact_reversible",
    requirement: "The upstream hears a tag, and the client its own words back, streamed too",
    async run(t) {
      const { name, mail } = canaryOf(t);
      const body = { messages: [{ role: "user", content: `I am ${mail}` }] };
      const first = t.fork("first");
      await first.ask({ body });
      const { bodyText = "" } = await first.upstream.request();
      t.that("canary at the upstream", !bodyText.includes(name), "nowhere", bodyText);
      const said: string = parsed(bodyText)?.messages?.[0]?.content ?? "";
      const tag = said.slice("I am ".length);
      t.upstream.script(...says(`Dear ${tag}!`));
      t.equal("JSON", `Dear ${mail}!`, heard(await t.ask({ body })).choices[0]?.content);
      await Promise.all(
        cutsOf(tag).map(async ([one, two], at) => {
          const part = t.fork(at);
          part.upstream.script(...streamsPieces("Dear ", one, two, "!"));
          const { choices } = heard(await part.ask({ stream: true, body }));
          t.equal(`cut ${at + 1}`, `Dear ${mail}!`, choices[0]?.content);
        }),
      );
    },
  }),
  redactCase({
    id: "reversible-apart",
    feature: "redact_reversible",
    requirement: "A tag of one request means nothing in the answer to another",
    async run(t) {
      const { name, mail } = canaryOf(t);
      const first = t.fork("first");
      await first.ask({ body: { messages: [{ role: "user", content: `I am ${mail}` }] } });
      const { bodyText = "" } = await first.upstream.request();
      const tag: string = parsed(bodyText)?.messages?.[0]?.content?.slice("I am ".length) ?? "";
      t.upstream.script(...says(`Dear ${tag}!`));
      const transcript = await t.ask();
      t.that("canary", !wordsOf(transcript).includes(name), "nowhere", textOf(transcript));
      t.equal("content", `Dear ${tag}!`, heard(transcript).choices[0]?.content);
    },
  }),
];

/** A conversation that says a mail address in a text and in a part. */
function asking(mail: string): Record<string, unknown> {
  const text = `${BEFORE}${mail}${AFTER}`;
  return {
    messages: [
      { role: "system", content: text },
      { role: "user", content: [{ type: "text", text }] },
      { role: "user", content: "ping" },
    ],
  };
}
