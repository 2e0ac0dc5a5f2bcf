/** Cases on what passes a gateway unchanged. */
import { Buffer } from "node:buffer";
import { BOTH, type Case } from "../case.ts";
import { H1Connection } from "../client/h1.ts";
import { bodyHash, sha256, sha256InTurns, valueOf, valuesOf } from "../client/transcript.ts";
import type { HeaderList } from "../target.ts";
import { bytes, filler, jsonAnswer } from "./shapes.ts";
import { switches } from "./upgrade.ts";

const SEED = "Project: headers untouched but for a published allow-list";

/** Headers that frame a message: each hop has its own (RFC 9112 section 6). */
const FRAMING = ["host", "content-length", "transfer-encoding"];

/** HTTP mechanics: what comes in on one side goes out on the other. */
export const PASS_CASES: readonly Case[] = [
  {
    id: "pass.headers-request",
    level: "must",
    control: "upstream",
    requirement:
      "A client's headers reach the upstream unchanged; nothing undeclared is added or lost",
    source: SEED,
    axes: BOTH,
    async run(t) {
      const sent: HeaderList = [
        ["x-case-unknown", "keep me"],
        ["openai-organization", "org-1"],
        ["openai-beta", "assistants=v2"],
        ["accept", "application/json"],
        ["accept-language", "de, en;q=0.5"],
        ["user-agent", "case/1.0 (test)"],
        ["x-stainless-lang", "js"],
        ["cookie", "a=1; b=2"],
      ];
      const transcript = await t.ask({ headers: sent });
      t.equal("status", 200, transcript.head?.status);
      const seen = await t.upstream.request();
      const { requestHeadersAdded, requestHeadersChanged } = t.target.expect;
      for (const [name, value] of sent) {
        if (requestHeadersChanged.includes(name)) continue;
        t.equal(name, [value], valuesOf(seen.headers, name));
      }
      const mine = new Set(transcript.requestHeaders.map(([name]) => name.toLowerCase()));
      const theirs = new Set(seen.headers.map(([name]) => name.toLowerCase()));
      const added = [...theirs].filter((name) =>
        !mine.has(name) && !requestHeadersAdded.includes(name) && !FRAMING.includes(name)
      );
      const lost = [...mine].filter((name) =>
        !theirs.has(name) && !requestHeadersChanged.includes(name) && !FRAMING.includes(name)
      );
      t.equal("headers added that are not declared", [], added.toSorted());
      t.equal("headers lost that are not declared", [], lost.toSorted());
    },
  },
  {
    id: "pass.response-headers",
    level: "must",
    control: "upstream",
    requirement:
      "The upstream's headers reach the client unchanged; nothing undeclared is added or lost",
    source: SEED,
    axes: BOTH,
    async run(t) {
      const sent: Record<string, string> = {
        "x-ratelimit-limit-requests": "10",
        "x-ratelimit-remaining-tokens": "149984",
        "openai-processing-ms": "17",
        "openai-version": "2020-10-01",
        "retry-after": "3",
        "cache-control": "no-store",
        "x-case-response": "keep me",
        "set-cookie": "a=1; Path=/",
      };
      t.upstream.script(...jsonAnswer("{}", 200, sent));
      const { head } = await t.ask();
      const headers = head?.headers ?? [];
      const { responseHeadersAdded, responseHeadersReplaced = [] } = t.target.expect;
      for (const [name, value] of Object.entries(sent)) {
        if (!responseHeadersReplaced.includes(name)) {
          t.equal(name, [value], valuesOf(headers, name));
        } else {
          t.equal(`${name} of the upstream`, false, valuesOf(headers, name).includes(value));
        }
      }
      const known = new Set([
        ...Object.keys(sent),
        "content-type",
        "content-length",
        "date",
        ...responseHeadersAdded,
      ]);
      const added = headers.map(([name]) => name.toLowerCase()).filter((name) => !known.has(name));
      t.equal("headers added that are not declared", [], added.toSorted());
    },
  },
  {
    id: "pass.hop-by-hop",
    level: "must",
    control: "upstream",
    requirement: "Hop-by-hop headers are not forwarded",
    source: "RFC 9110 section 7.6.1",
    axes: ["h1"],
    async run(t) {
      const transcript = await t.ask({
        headers: [
          ["connection", "keep-alive"],
          ["keep-alive", "timeout=5"],
          ["proxy-connection", "keep-alive"],
          ["te", "gzip"],
        ],
      });
      t.equal("status", 200, transcript.head?.status);
      const seen = await t.upstream.request();
      for (const name of ["keep-alive", "proxy-connection"]) {
        t.equal(`${name} at the upstream`, [], valuesOf(seen.headers, name));
      }
      t.that(
        "te at the upstream",
        valuesOf(seen.headers, "te").every((value) => /^trailers$/i.test(value)),
        "absent, or trailers",
        valuesOf(seen.headers, "te"),
      );
    },
  },
  {
    id: "pass.connection-named",
    level: "should",
    control: "upstream",
    requirement: "A header that Connection names is refused or not forwarded",
    source: "RFC 9110 section 7.6.1",
    axes: ["h1"],
    async run(t) {
      const transcript = await t.ask({
        headers: [["connection", "x-case-hop"], ["x-case-hop", "1"]],
      });
      const status = transcript.head?.status ?? 0;
      t.oneOf("status", [200, 400], status);
      for (const { headers } of t.upstream.requests()) {
        t.equal("x-case-hop at the upstream", [], valuesOf(headers, "x-case-hop"));
      }
    },
  },
  {
    id: "pass.expect-100",
    level: "should",
    control: "none",
    requirement: "Expect: 100-continue gets 100 or a final status at once",
    source: "RFC 9110 section 10.1.1",
    async run(t) {
      const body = JSON.stringify({
        model: t.target.model,
        messages: [{ role: "user", content: "x" }],
      });
      const exchange = await t.send(t.chat({
        manual: true,
        headers: [["expect", "100-continue"], ["content-length", String(body.length)]],
      }));
      const answer = await exchange.until(
        "100 or a final status",
        () => exchange.transcript.informational[0] ?? exchange.transcript.head,
        { deadlineMs: t.ms(2_000) },
      );
      t.that(
        "first answer",
        answer.status === 100 || answer.status >= 200,
        "100 or final",
        answer.status,
      );
      if (answer.status === 100) await exchange.write(body);
      const { head } = await exchange.done();
      t.oneOf("final status", [200, 417], head?.status);
    },
  },
  {
    id: "pass.early-response",
    level: "should",
    control: "upstream",
    requirement: "An answer that the upstream gives during the upload reaches the client at once",
    source: "RFC 9112 section 9.3; RFC 9113 section 8.1",
    axes: BOTH,
    async run(t) {
      const body = '{"error":{"message":"too large"}}';
      t.upstream.scriptEarly(...jsonAnswer(body, 413));
      const exchange = await t.send(t.chat({ manual: true }));
      await exchange.write("x".repeat(1024));
      const head = await exchange.head();
      t.equal("status, with the upload open", 413, head.status);
    },
  },
  {
    id: "pass.chunked-upload",
    level: "must",
    control: "upstream",
    requirement: "A chunked upload arrives whole, whatever its chunks",
    source: "RFC 9112 section 7.1",
    async run(t) {
      t.upstream.script(...jsonAnswer("{}"));
      const exchange = await t.send(t.chat({ manual: true }));
      // A gateway may read the model from it, so it is JSON all the same.
      const opening = `{"model":"${t.target.model}","pad":"`;
      const parts = [1, 7, 4096, 65536, 3].map((size) => filler(size, t.random));
      let sent = "";
      for (const part of [opening, ...parts, '"}']) {
        sent += part;
        await exchange.write(part);
      }
      await exchange.finish();
      const { head } = await exchange.done();
      t.equal("status", 200, head?.status);
      const seen = await t.upstream.request("whole body", (r) => r.bodySha256 !== undefined);
      t.equal("bytes", sent.length, seen.bodyBytes);
      t.equal("SHA-256", sha256(sent), seen.bodySha256);
    },
  },
  {
    id: "pass.upload-10mib",
    level: "must",
    control: "upstream",
    requirement: "A body of 10 MiB arrives whole, or is refused with 413",
    source: "OpenAI API: images in base64 make requests of this size",
    axes: BOTH,
    // So many bytes would hold up our own policy engine for the cases beside it.
    exclusive: true,
    deadlineMs: 60_000,
    async run(t) {
      t.upstream.script(...jsonAnswer("{}"));
      const block = filler(1 << 20, t.random);
      const parts = ['{"image":"', ...Array.from({ length: 10 }, () => block), '"}'];
      const body = bytes(parts.join(""));
      const exchange = await t.send(t.chat({ body }));
      const { head } = await exchange.done({ deadlineMs: t.ms(25_000) });
      t.oneOf("status", [200, 413], head?.status);
      if (head?.status !== 200) return;
      const seen = await t.upstream.request("whole body", (r) => r.bodySha256 !== undefined);
      t.equal("SHA-256", await sha256InTurns(parts), seen.bodySha256);
    },
  },
  {
    id: "pass.multipart",
    level: "should",
    control: "upstream",
    requirement: "A multipart upload passes byte for byte, its boundary too",
    source: "OpenAI API reference: /v1/audio/transcriptions, /v1/files",
    async run(t) {
      t.upstream.script(...jsonAnswer("{}"));
      const boundary = "----case-boundary";
      const body = bytes(
        `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="a.bin"\r\n\r\n` +
          `\x00\x01\xff\r\n--${boundary}\r\ncontent-disposition: form-data; name="model"\r\n\r\n` +
          `${t.target.model}\r\n--${boundary}--\r\n`,
      );
      const type = `multipart/form-data; boundary=${boundary}`;
      const transcript = await t.ask({
        path: "/v1/audio/transcriptions",
        headers: [["content-type", type]],
        body,
      });
      t.equal("status", 200, transcript.head?.status);
      const seen = await t.upstream.request("whole body", (r) => r.bodySha256 !== undefined);
      t.equal("content-type", [type], valuesOf(seen.headers, "content-type"));
      t.equal("SHA-256", sha256(body), seen.bodySha256);
    },
  },
  {
    id: "pass.half-close",
    level: "should",
    control: "none",
    requirement:
      "A client that closes its write side still gets the whole response, or a clean refusal",
    source: "RFC 9112 section 9.6",
    knownIssues: [{
      envoy: "1.",
      note: "takes the client's FIN for its leave and drops the request",
    }],
    async run(t) {
      const connection = await t.connect("h1");
      const exchange = t.watch(connection.request(t.chat()));
      if (connection instanceof H1Connection) connection.halfClose();
      const { head, end } = await exchange.done();
      t.equal("status", 200, head?.status);
      t.equal("end", "complete", end?.kind);
    },
  },
  {
    id: "pass.keepalive-reuse",
    level: "should",
    control: "none",
    requirement: "50 requests go over one connection",
    source: "RFC 9112 section 9.3",
    axes: BOTH,
    async run(t) {
      // Our upstream answers at once; without it the default pace of a model is taken.
      if (t.target.upstream) t.upstream.script(...jsonAnswer("{}"));
      const connection = await t.connect();
      let answered = 0;
      for (let i = 0; i < 50; i++) {
        const { head, end } = await (await t.send(t.chat(), connection)).done();
        if (head?.status === 200 && end?.kind === "complete") answered++;
      }
      t.equal("complete answers", 50, answered);
    },
  },
  {
    id: "pass.h1-pipelining",
    level: "may",
    control: "upstream",
    requirement: "Two pipelined requests are answered in order",
    source: "RFC 9112 section 9.3.2",
    async run(t) {
      const [one, two] = [t.fork("one"), t.fork("two")];
      one.upstream.script(...jsonAnswer('{"answer":1}'));
      two.upstream.script(...jsonAnswer('{"answer":2}'));
      const connection = await t.connect("h1");
      const first = t.watch(connection.request(one.chat()));
      const second = t.watch(connection.request(two.chat()));
      t.equal("first answer", sha256('{"answer":1}'), bodyHash(await first.done()));
      t.equal("second answer", sha256('{"answer":2}'), bodyHash(await second.done()));
    },
  },
  {
    id: "pass.204-304-head",
    level: "should",
    control: "upstream",
    requirement: "204, 304 and HEAD have no body and no invented length",
    source: "RFC 9110 sections 9.3.2, 15.3.5 and 15.4.5; RFC 9112 section 6.3",
    axes: BOTH,
    async run(t) {
      for (
        const [name, status, method] of [["204", 204, "POST"], ["304", 304, "GET"], [
          "head",
          200,
          "HEAD",
        ]] as const
      ) {
        const part = t.fork(name);
        part.upstream.script({ headers: { status, headers: {} } }, { end: true });
        const transcript = await part.ask({ method });
        t.equal(`${name}: status`, status, transcript.head?.status);
        t.equal(`${name}: body bytes`, 0, transcript.bodyBytes);
        const length = valueOf(transcript.head?.headers ?? [], "content-length");
        if (name === "204") t.equal("204: content-length", undefined, length);
      }
    },
  },
  {
    id: "pass.query-exact",
    level: "must",
    control: "upstream",
    requirement: "The query string reaches the upstream byte for byte",
    source: SEED,
    axes: BOTH,
    async run(t) {
      const query = "?api-version=2024-06-01&q=%41%20b+c&empty=&a=1&a=2&%C3%A9=%F0%9F%98%80";
      const transcript = await t.ask({ path: `/v1/chat/completions${query}` });
      t.equal("status", 200, transcript.head?.status);
      const { target } = await t.upstream.request();
      t.equal("query", query, target.slice(target.indexOf("?")));
    },
  },
  {
    id: "pass.response-trailing-status",
    level: "should",
    control: "upstream",
    requirement: "Statuses that a gateway has no meaning for pass unchanged",
    source: "RFC 9110 section 15",
    async run(t) {
      for (const status of [202, 206, 409, 418, 422, 499, 529]) {
        const part = t.fork(status);
        part.upstream.script(...jsonAnswer("{}", status));
        t.equal(`status ${status}`, status, (await part.ask()).head?.status);
      }
    },
  },
  {
    id: "pass.websocket",
    level: "may",
    control: "both",
    feature: "websocket",
    requirement: "An upgrade is decided by policy before it is made; then bytes pass both ways",
    source: "RFC 9110 section 7.8; RFC 6455 section 4",
    async run(t) {
      await switches(t, {
        fromUpstream: ["from upstream", ", and back"].map((text) => Buffer.from(text)),
        fromClient: Buffer.from("from client"),
      });
    },
  },
];
