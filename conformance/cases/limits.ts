/** Cases on limits of size and time. */
import { BOTH, type Case } from "../case.ts";
import { H1Connection } from "../client/h1.ts";
import { jsonOf } from "../client/transcript.ts";
import { delay, now } from "../../service/mod.ts";
import { jsonAnswer, STREAM_HEAD } from "./shapes.ts";

const TO = "Envoy FAQ: how do I configure timeouts";

/** How HTTP/2 may refuse without a status. */
const REFUSED = ["stream-reset", "goaway", "rst"];

/** Requests that are too large or too slow: a clear answer in time, and no damage. */
export const LIMIT_CASES: readonly Case[] = [
  {
    id: "lim.header-size",
    level: "should",
    control: "none",
    requirement: "A header of 100 KiB is refused with 431 or 400, or passes; it does not hang",
    source: "RFC 6585 section 5; Envoy max_request_headers_kb",
    axes: BOTH,
    async run(t) {
      const exchange = await t.send(t.chat({ headers: [["x-case-large", "x".repeat(100 << 10)]] }));
      const end = await exchange.ended();
      const { head } = exchange.transcript;
      if (t.protocol === "h2c" && !head) t.oneOf("end", REFUSED, end.kind);
      else t.oneOf("status", [431, 400, 200], head?.status);
      t.equal("a plain request afterwards", 200, (await t.fork("after").ask()).head?.status);
    },
  },
  {
    id: "lim.header-count",
    level: "should",
    control: "none",
    requirement: "200 headers are refused with 431 or 400, or pass; the gateway goes on",
    source: "RFC 6585 section 5; Envoy max_headers_count",
    axes: BOTH,
    async run(t) {
      const many = Array.from({ length: 200 }, (_, n): [string, string] => [`x-case-${n}`, "1"]);
      const exchange = await t.send(t.chat({ headers: many }));
      const end = await exchange.ended();
      const { head } = exchange.transcript;
      if (t.protocol === "h2c" && !head) t.oneOf("end", REFUSED, end.kind);
      else t.oneOf("status", [431, 400, 200], head?.status);
      t.equal("a plain request afterwards", 200, (await t.fork("after").ask()).head?.status);
    },
  },
  {
    id: "lim.url-length",
    level: "should",
    control: "none",
    requirement: "A target of 64 KiB is refused with 414, 431 or 400",
    source: "RFC 9110 section 15.5.15",
    axes: BOTH,
    async run(t) {
      const exchange = await t.send(
        t.chat({ path: `/v1/chat/completions?q=${"x".repeat(64 << 10)}` }),
      );
      const end = await exchange.ended();
      const { head } = exchange.transcript;
      if (t.protocol === "h2c" && !head) t.oneOf("end", REFUSED, end.kind);
      else t.oneOf("status", [414, 431, 400], head?.status);
    },
  },
  {
    id: "lim.body-limit",
    level: "may",
    control: "both",
    feature: "body",
    requirement:
      "A body beyond the declared limit gets 413 and reaches neither policy nor upstream",
    source: "Envoy ext_authz.proto: BufferSettings.max_request_bytes",
    async run(t) {
      const path = "/v1/limited/chat/completions";
      const { head } = await t.ask({ path, body: "x".repeat(200_000) });
      t.equal("status", 413, head?.status);
      t.equal("Check calls", 0, t.policy.checks().length);
      t.equal("requests at the upstream", 0, t.upstream.requests().length);
    },
  },
  {
    id: "lim.slowloris-headers",
    level: "should",
    control: "none",
    requirement: "A request head that never ends is cut in the declared time",
    source: `${TO}: request_headers_timeout`,
    waits: true,
    deadlineMs: 60_000,
    async run(t) {
      t.settled();
      const limit = t.target.expect.requestHeadersTimeoutMs;
      if (limit === 0) t.unsupported("The target declares no limit for slow heads");
      const connection = await t.connect("h1");
      if (!(connection instanceof H1Connection)) return;
      const began = now();
      const [exchange] = connection.raw(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: case\r\nx-slow: ",
      );
      if (!exchange) return;
      const drip = async () => {
        while (!exchange.transcript.end) {
          await delay(500, t.signal);
          connection.raw("a", []);
        }
      };
      const dripping = drip().catch(() => {});
      const end = await exchange.ended({ deadlineMs: limit + t.ms(6_000) });
      await dripping;
      const took = Math.round(now() - began);
      const { head } = exchange.transcript;
      t.that(
        "cut",
        head ? head.status === 408 || head.status === 400 : true,
        "408, 400 or closed",
        head?.status ?? end.kind,
      );
      t.that("time until cut", took >= limit / 2, `about ${limit} ms`, took);
    },
  },
  {
    id: "lim.upstream-connect",
    level: "must",
    control: "both",
    feature: "resilience",
    requirement:
      "A refused upstream gives 503 at once; one that does not answer, an error in the connect time",
    source: `${TO}: connect_timeout`,
    async run(t) {
      const refused = await t.ask({ path: "/v1/refused/chat/completions" });
      t.equal("refused: status", 503, refused.head?.status);
      t.equal("refused: code", "upstream_unavailable", jsonOf(refused)?.error?.code);
      const hole = t.fork("hole");
      const exchange = await hole.send(hole.chat({ path: "/v1/blackhole/chat/completions" }));
      const limit = t.target.expect.connectTimeoutMs + t.ms(3_000);
      const transcript = await exchange.done({ deadlineMs: limit });
      t.oneOf("black hole: status", [503, 504], transcript.head?.status);
      const took = await t.duration(transcript);
      t.that("black hole: time", took <= limit, `<= ${limit} ms`, took);
    },
  },
  {
    id: "lim.route-timeout-504",
    level: "may",
    control: "upstream",
    feature: "resilience",
    requirement: "A route with a timeout answers 504 when the upstream is slower",
    source: "Gateway API HTTPRouteTimeoutRequest",
    async run(t) {
      t.upstream.script({ barrier: "never" }, ...jsonAnswer("{}"));
      const { head } = await t.ask({ path: "/v1/timed/chat/completions" });
      t.equal("status", 504, head?.status);
    },
  },
  {
    id: "lim.stream-exempt",
    level: "must",
    control: "upstream",
    requirement: "No timer of other routes cuts a stream that is older than it",
    source: `Project: streaming routes have no request, route or stream timeout; ${TO}`,
    axes: BOTH,
    waits: true,
    deadlineMs: 60_000,
    async run(t) {
      t.upstream.script(
        STREAM_HEAD,
        { repeat: { times: 17, steps: [{ write: ": keep\n\n" }, { sleep: 1_000 }] } },
        { write: "data: [DONE]\n\n" },
        { end: true },
      );
      const exchange = await t.send(t.chat({ stream: true }));
      await exchange.head();
      t.settled();
      const { kind } = await exchange.ended({ deadlineMs: 17_000 + t.ms(8_000) });
      t.equal("end after 17 s of comments", "complete", kind);
      t.equal("events", 1, exchange.transcript.events.length);
    },
  },
];
