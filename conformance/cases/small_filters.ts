/** Cases on small filters around policy: CORS, gzip, custom responses, IP tags. */
import { gunzipSync } from "node:zlib";
import type { Case } from "../case.ts";
import { bodyOf, jsonOf, textOf, valueOf } from "../client/transcript.ts";
import type { HeaderList } from "../target.ts";
import {
  headerOf,
  PARTNER,
  protocolCase,
  proxied,
  STRANGER,
  streamsUntouched,
  wentNowhere,
} from "./around_policy.ts";
import { filler, jsonAnswer } from "./shapes.ts";

/** The origin whose pages may call; that of somebody else's. */
const ORIGIN = "https://app.test";
const FOREIGN_ORIGIN = "https://other.test";
/** The header that tells policy the network of a client. */
const NETWORK_HEADER = "x-client-net";

function preflight(origin: string): HeaderList {
  return [
    ["origin", origin],
    ["access-control-request-method", "POST"],
    ["access-control-request-headers", "authorization"],
  ];
}

export const SMALL_FILTER_CASES: readonly Case[] = [
  protocolCase({
    id: "cors-preflight",
    requirement: "A preflight of a known origin is answered without a credential, and goes nowhere",
    source: "Fetch, CORS protocol; Envoy cors filter",
    async run(t) {
      const transcript = await t.ask({
        as: "nobody",
        method: "OPTIONS",
        headers: preflight(ORIGIN),
      });
      t.equal("status", 200, transcript.head?.status);
      t.equal("allowed origin", ORIGIN, headerOf(transcript, "access-control-allow-origin"));
      const allowed = headerOf(transcript, "access-control-allow-headers") ?? "";
      t.that("allowed headers", allowed.includes("authorization"), "authorization, …", allowed);
      t.equal("Check calls", 0, t.policy.checks().length);
      wentNowhere(t);
    },
  }),
  protocolCase({
    id: "cors-foreign",
    requirement: "A page of another origin is told nothing that lets it read an answer",
    source: "Fetch, CORS protocol; Envoy cors filter",
    async run(t) {
      const asked = t.fork("preflight");
      const first = await asked.ask({
        as: "nobody",
        method: "OPTIONS",
        headers: preflight(FOREIGN_ORIGIN),
      });
      t.equal(
        "preflight: allowed origin",
        undefined,
        headerOf(first, "access-control-allow-origin"),
      );
      wentNowhere(asked);
      const second = await t.ask({ headers: [["origin", FOREIGN_ORIGIN]] });
      t.equal("status", 200, second.head?.status);
      t.equal("allowed origin", undefined, headerOf(second, "access-control-allow-origin"));
    },
  }),
  protocolCase({
    id: "cors-denial-readable",
    requirement: "A page can read why it was refused",
    source: "Fetch, CORS protocol; OpenAI API reference, Errors",
    async run(t) {
      const transcript = await t.ask({ as: "deny", headers: [["origin", ORIGIN]] });
      t.oneOf("status", [401, 403], transcript.head?.status);
      t.equal("allowed origin", ORIGIN, headerOf(transcript, "access-control-allow-origin"));
      t.that(
        "error",
        jsonOf(transcript)?.error !== undefined,
        "an error of OpenAI's shape",
        textOf(transcript),
      );
      wentNowhere(t);
    },
  }),
  protocolCase({
    id: "gzip-json",
    requirement:
      "A long JSON answer is compressed for who asks for it, and is the same; the upstream is not asked to",
    source: "RFC 9110 section 12.5.3; Envoy compressor filter",
    async run(t) {
      const text = JSON.stringify({ text: filler(16_384, t.random) });
      t.upstream.script(...jsonAnswer(text));
      const transcript = await t.ask({ headers: [["accept-encoding", "gzip"]] });
      t.equal("content-encoding", "gzip", headerOf(transcript, "content-encoding"));
      t.that(
        "vary",
        /accept-encoding/i.test(headerOf(transcript, "vary") ?? ""),
        "accept-encoding",
        headerOf(transcript, "vary"),
      );
      t.equal("answer", text, unzipped(bodyOf(transcript)));
      const { headers } = await t.upstream.request();
      t.equal("accept-encoding at the upstream", undefined, valueOf(headers, "accept-encoding"));
      const plain = t.fork("plain");
      plain.upstream.script(...jsonAnswer(text));
      t.equal("without asking", text, textOf(await plain.ask()));
    },
  }),
  protocolCase({
    id: "gzip-not-sse",
    requirement:
      "An event stream is not compressed, whatever the client accepts: each event comes at once",
    source: "Envoy compressor filter: what is compressed is held until there is enough of it",
    async run(t) {
      const transcript = await streamsUntouched(t, [["accept-encoding", "gzip, br"]]);
      t.equal("content-encoding", undefined, headerOf(transcript, "content-encoding"));
    },
  }),
  protocolCase({
    id: "html-to-json",
    requirement:
      "An upstream's page of HTML becomes an error in OpenAI's shape; its JSON errors pass as they are",
    source: "OpenAI API reference, Errors; Envoy custom_response filter",
    async run(t) {
      t.upstream.script(
        { headers: { status: 502, headers: { "content-type": "text/html" } } },
        { write: "<html>Bad gateway</html>" },
        { end: true },
      );
      const transcript = await t.ask();
      t.equal("status", 502, transcript.head?.status);
      t.equal("error.code", "upstream_unavailable", jsonOf(transcript)?.error?.code);
      t.that(
        "type",
        /json/.test(headerOf(transcript, "content-type") ?? ""),
        "application/json",
        headerOf(transcript, "content-type"),
      );
      const own = t.fork("own");
      const text =
        '{"error":{"message":"busy","type":"server_error","param":null,"code":"overloaded"}}';
      own.upstream.script(...jsonAnswer(text, 503));
      const passed = await own.ask();
      t.equal("its own: status", 503, passed.head?.status);
      t.equal("its own: body", text, textOf(passed));
    },
  }),
  protocolCase({
    id: "ip-tag",
    requirement:
      "Policy hears the network of a client; what a client says about it itself is not heard",
    source: "Envoy ip_tagging filter",
    async run(t) {
      const claim: HeaderList = [[NETWORK_HEADER, "partner"]];
      for (
        const [name, source, tag] of [
          ["partner", PARTNER, "partner"],
          ["stranger", STRANGER, undefined],
        ] as const
      ) {
        const part = t.fork(name);
        await using connection = await proxied(t, "http", source);
        const { head } = await (await part.send(part.chat({ headers: claim }), connection)).done();
        t.equal(`${name}: status`, 200, head?.status);
        const { headers } = await part.policy.check();
        t.equal(`${name}: told`, tag, headers[NETWORK_HEADER]);
      }
    },
  }),
];

/** The text of a gzip body; what it is instead, where it is none. */
function unzipped(bytes: Uint8Array): string {
  try {
    return gunzipSync(bytes).toString();
  } catch (error) {
    return `no gzip: ${error}`;
  }
}
