/** Cases on request smuggling. */
import type { Case } from "../case.ts";
import { H1Connection } from "../client/h1.ts";
import { H2Connection } from "../client/h2.ts";
import type { CaseContext } from "../context.ts";
import { valuesOf } from "../client/transcript.ts";
import type { HeaderList, UpstreamRecord } from "../target.ts";
import { jsonAnswer } from "./shapes.ts";

/** The request that an attacker hides: were it seen by the upstream, it was smuggled. */
const HIDDEN = "/v1/models?smuggled=1";

/** The path of the case's own request. */
const CHAT = "/v1/chat/completions";

/** Lines of a head for the case's own request, credential and nonce included. */
function headLines(t: CaseContext): string {
  const headers: HeaderList = [
    ["host", t.authority],
    ...t.target.credentials.allow,
    ...(t.target.wayIn?.headers ?? []),
    ...t.identity(),
    ["content-type", "application/json"],
  ];
  return headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
}

/** Sends raw bytes and returns what became of them; the upstream would answer with 200. */
async function sendRaw(
  t: CaseContext,
  name: string,
  bytes: (head: string) => string,
): Promise<{ refused: boolean; outcome: number | string; seen: UpstreamRecord[] }> {
  const part = t.fork(name);
  part.upstream.script(...jsonAnswer("{}"));
  const connection = await part.connect("h1");
  if (!(connection instanceof H1Connection)) t.unsupported("Needs HTTP/1.1");
  const hidden = `GET ${part.wirePath(HIDDEN)} HTTP/1.1\r\n${headLines(part)}\r\n`;
  const own = bytes(headLines(part)).replaceAll(CHAT, part.wirePath(CHAT));
  const [exchange, second] = connection.raw(own + hidden, ["POST", "GET"]);
  if (!exchange || !second) t.unsupported("Needs HTTP/1.1");
  const end = await exchange.ended();
  // The hidden request is answered too, or its connection closed; some gateways leave it open.
  await second.ended({ deadlineMs: t.ms(2_000) }).catch(() => {});
  const status = exchange.transcript.head?.status;
  const refused = status === undefined
    ? end.kind !== "complete"
    : (status >= 400 && status < 500) || status === 501;
  return { refused, outcome: status ?? end.kind, seen: await wholeRequests(part) };
}

/**
 * Returns what the upstream could take for whole requests. One that the gateway began to forward, and broke off when it found out,
 * is none.
 */
async function wholeRequests(t: CaseContext): Promise<UpstreamRecord[]> {
  const isOver = ({ bodyEnd, end }: UpstreamRecord) => bodyEnd !== undefined || end !== undefined;
  for (const { receivedOrder } of t.upstream.requests()) {
    await t.upstream.request(
      "end of what was begun",
      (one) => one.receivedOrder === receivedOrder && isOver(one),
    );
  }
  return t.upstream.requests().filter(({ bodyEnd }) => bodyEnd !== undefined);
}

/** Checks that an ambiguous request is refused by the gateway, or is one request: nothing hides in it. */
async function refuses(
  t: CaseContext,
  name: string,
  bytes: (head: string) => string,
): Promise<void> {
  const { refused, outcome, seen } = await sendRaw(t, name, bytes);
  t.that(
    `${name}: refused, or one plain request`,
    refused || outcome === 200,
    "4xx, 501 or closed",
    outcome,
  );
  const smuggled = seen.filter(({ target }) => target.includes("smuggled"));
  t.equal(`${name}: hidden requests at the upstream`, 0, smuggled.length);
  // Refused by the gateway, not passed on for the upstream to refuse.
  const most = outcome === 200 ? 1 : 0;
  t.that(`${name}: requests at the upstream`, seen.length <= most, `<= ${most}`, seen.length);
}

/** Checks that a repairable request is refused, or reaches the upstream well-formed and harmless. */
async function refusesOrRepairs(
  t: CaseContext,
  name: string,
  options: { bytes: (head: string) => string; harmless: (seen: UpstreamRecord) => boolean },
): Promise<void> {
  const { refused, outcome, seen } = await sendRaw(t, name, options.bytes);
  t.that(`${name}: an answer`, refused || outcome === 200, "refused, or 200", outcome);
  if (refused) t.equal(`${name}: requests at the upstream`, 0, seen.length);
  for (const one of seen) {
    const broken = /[^\r]\n|\r[^\n]|\0|\n[ \t]/.test(one.rawHead ?? "");
    t.that(`${name}: head at the upstream`, !broken, "well-formed lines", one.rawHead ?? "");
    t.that(`${name}: what the upstream reads`, options.harmless(one), "nothing new", one.headers);
  }
}

const POST = `POST ${CHAT} HTTP/1.1\r\n`;

/** Two readers, two meanings: what is ambiguous is refused. */
export const SMUGGLING_CASES: readonly Case[] = [
  {
    id: "sec.cl-te",
    level: "must",
    control: "upstream",
    requirement:
      "Content-Length with Transfer-Encoding is refused; nothing hidden reaches the upstream",
    source: "RFC 9112 section 6.1",
    async run(t) {
      await refuses(
        t,
        "cl-te",
        (head) => `${POST}${head}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
      );
      await refuses(
        t,
        "te-cl",
        (head) => `${POST}${head}transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n`,
      );
    },
  },
  {
    id: "sec.te-obfuscated",
    level: "must",
    control: "upstream",
    requirement: "A transfer coding that is not plain chunked is refused",
    source: "RFC 9112 section 6.1; http_desync_guardian vectors",
    async run(t) {
      const values: Record<string, string> = {
        xchunked: "transfer-encoding: xchunked",
        space: "transfer-encoding : chunked",
        tab: "transfer-encoding:\tchunked, identity",
        twice: "transfer-encoding: chunked\r\ntransfer-encoding: identity",
        quoted: 'transfer-encoding: "chunked"',
        vertical: "transfer-encoding: \x0bchunked",
      };
      for (const [name, line] of Object.entries(values)) {
        await refuses(t, name, (head) => `${POST}${head}${line}\r\n\r\n0\r\n\r\n`);
      }
    },
  },
  {
    id: "sec.dup-cl",
    level: "must",
    control: "upstream",
    requirement: "Two different Content-Length values, or one that is no number, are refused",
    source: "RFC 9112 section 6.3",
    async run(t) {
      const values: Record<string, string> = {
        two: "content-length: 0\r\ncontent-length: 44",
        list: "content-length: 0, 44",
        plus: "content-length: +0",
        hex: "content-length: 0x0",
        minus: "content-length: -1",
      };
      for (const [name, lines] of Object.entries(values)) {
        await refuses(t, name, (head) => `${POST}${head}${lines}\r\n\r\n`);
      }
    },
  },
  {
    id: "sec.bare-lf",
    level: "must",
    control: "upstream",
    requirement: "Bare LF and stray CR in a head are refused or read as one thing by all",
    source: "RFC 9112 section 2.2",
    async run(t) {
      const frame = "content-length: 0\r\n\r\n";
      await refusesOrRepairs(t, "bare-lf", {
        bytes: (head) => `${POST}${head}x-case: a\nx-other: b\r\n${frame}`,
        harmless: ({ headers }) => valuesOf(headers, "x-case").every((value) => value === "a"),
      });
      await refusesOrRepairs(t, "stray-cr", {
        bytes: (head) => `${POST}${head}x-case: a\rx-other: b\r\n${frame}`,
        harmless: ({ headers }) => valuesOf(headers, "x-other").length === 0,
      });
      await refusesOrRepairs(t, "nul", {
        bytes: (head) => `${POST}${head}x-case: a\0b\r\n${frame}`,
        harmless: ({ headers }) => valuesOf(headers, "x-case").every((value) => value === "a b"),
      });
    },
  },
  {
    id: "sec.obs-fold",
    level: "must",
    control: "upstream",
    requirement: "A folded header line is refused, or its fold replaced by a space",
    source: "RFC 9112 section 5.2",
    async run(t) {
      await refusesOrRepairs(t, "fold", {
        bytes: (head) => `${POST}${head}x-case: a\r\n x-other: b\r\ncontent-length: 0\r\n\r\n`,
        harmless: ({ headers }) =>
          valuesOf(headers, "x-other").length === 0 &&
          valuesOf(headers, "x-case").every((value) => /^a +x-other: b$/.test(value)),
      });
    },
  },
  {
    id: "sec.chunk-size",
    level: "must",
    control: "upstream",
    requirement: "A chunk size that is not plain hexadecimal is refused",
    source: "RFC 9112 section 7.1",
    async run(t) {
      const sizes: Record<string, string> = {
        prefix: "0x5\r\nhello\r\n0\r\n\r\n",
        overflow: "fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        minus: "-5\r\nhello\r\n0\r\n\r\n",
        empty: "\r\nhello\r\n0\r\n\r\n",
        "no-crlf": "5\r\nhelloXX0\r\n\r\n",
      };
      for (const [name, body] of Object.entries(sizes)) {
        await refuses(t, name, (head) => `${POST}${head}transfer-encoding: chunked\r\n\r\n${body}`);
      }
    },
  },
  {
    id: "sec.bad-request-line",
    level: "should",
    control: "upstream",
    requirement: "A malformed request line is refused and reaches nobody",
    source: "RFC 9112 section 3",
    async run(t) {
      const lines: Record<string, string> = {
        version: "POST /v1/chat/completions HTTP/9.9\r\n",
        "no-target": "POST HTTP/1.1\r\n",
        garbage: "\x16\x03\x01\x02\x00\x01\r\n",
      };
      for (const [name, line] of Object.entries(lines)) {
        await refuses(t, name, (head) => `${line}${head}content-length: 0\r\n\r\n`);
      }
      await refusesOrRepairs(t, "spaces", {
        bytes: (head) => `POST  /v1/chat/completions  HTTP/1.1\r\n${head}content-length: 0\r\n\r\n`,
        harmless: ({ target }) => /^\/v1\/(chat\/completions|models\?smuggled=1)$/.test(target),
      });
    },
  },
  {
    id: "sec.h2-downgrade",
    level: "must",
    control: "upstream",
    requirement:
      "CR, LF or NUL in HTTP/2 fields, or a false content-length, never become HTTP/1.1 bytes",
    source: "RFC 9113 sections 8.1.1 and 8.2.1",
    axes: ["h2c"],
    async run(t) {
      const fields: Record<string, HeaderList> = {
        value: [["x-case", "a\r\nx-injected: 1"]],
        lf: [["x-case", "a\nx-injected: 1"]],
        name: [["x-case\r\nx-injected", "1"]],
        colon: [["x-case: 1\r\nx-injected", "1"]],
        upper: [["X-Case-Upper", "1"]],
        nul: [["x-case", "a\0b"]],
        te: [["transfer-encoding", "chunked"]],
        connection: [["connection", "x-case"]],
        length: [["content-length", "1"]],
      };
      // Side by side: a gateway may keep a refused connection for a second, for its answer to arrive.
      const sent = await Promise.all(
        Object.entries(fields).map(async ([name, extra]) => {
          const part = t.fork(name);
          return { name, part, ...await sendFields(part, extra) };
        }),
      );
      for (const { name, part, end, head } of sent) {
        const refused = end !== "complete" || (head !== undefined && head >= 400 && head < 500);
        t.that(`${name}: refused`, refused, "reset, closed or 4xx", head ?? end);
        for (const seen of part.upstream.requests()) {
          const raw = seen.rawHead ?? seen.headers.map(([key]) => key).join("\n");
          t.that(`${name}: nothing injected`, !/^x-injected/im.test(raw), "absent", raw);
        }
      }
      const path = t.fork("path");
      const { end, head } = await sendFields(
        path,
        [],
        "/v1/models HTTP/1.1\r\nx-injected: 1\r\nx: ",
      );
      t.that(
        "path: refused",
        end !== "complete" || (head ?? 0) >= 400,
        "reset, closed or 4xx",
        head ?? end,
      );
      t.equal("path: requests at the upstream", 0, path.upstream.requests().length);
      t.equal("the gateway lives", 200, (await t.fork("after").ask()).head?.status);
    },
  },
  {
    id: "sec.missing-path",
    level: "should",
    control: "none",
    requirement: "An HTTP/2 request without :path is an error, and the gateway lives on",
    source: "CVE-2026-73547; RFC 9113 section 8.3.1",
    axes: ["h2c"],
    async run(t) {
      for (const name of [":path", ":method", ":scheme", ":authority"]) {
        const connection = await t.connect("h2c");
        if (!(connection instanceof H2Connection)) return;
        const spec = t.chat();
        const fields: HeaderList = [
          [":method", "GET"],
          [":scheme", "http"],
          [":authority", t.authority],
          [":path", "/healthz"],
        ];
        const exchange = t.watch(connection.requestWith(
          [...fields.filter(([key]) => key !== name), ...spec.headers],
          {
            ...spec,
            method: "GET",
            path: "/healthz",
            headers: spec.headers,
            framing: "none",
            body: "",
          },
        ));
        const { kind } = await exchange.ended();
        const status = exchange.transcript.head?.status;
        const refused = kind !== "complete" || (status !== undefined && status >= 400);
        if (name !== ":authority") t.that(`without ${name}`, refused, "an error", status ?? kind);
      }
      t.equal("the gateway lives", 200, (await t.fork("after").ask()).head?.status);
    },
  },
];

/** Sends one HTTP/2 request with these extra fields; returns how it ended. */
async function sendFields(
  t: CaseContext,
  extra: HeaderList,
  path = "/v1/chat/completions",
): Promise<{ end: string; head: number | undefined }> {
  const connection = await t.connect("h2c");
  if (!(connection instanceof H2Connection)) return { end: "complete", head: undefined };
  const spec = t.chat();
  const lower = spec.headers.map(([name, value]): [string, string] => [name.toLowerCase(), value]);
  const exchange = t.watch(connection.requestWith([
    [":method", "POST"],
    [":scheme", "http"],
    [":authority", t.authority],
    [":path", t.wirePath(path)],
    ...lower,
    ...extra,
  ], spec));
  const end = await exchange.ended();
  return { end: end.kind, head: exchange.transcript.head?.status };
}
