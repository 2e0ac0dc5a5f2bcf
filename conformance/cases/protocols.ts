/** Cases on protocols around policy: gRPC, gRPC-Web, WebSocket (Realtime), the PROXY protocol, plain TCP. */
import { Buffer } from "node:buffer";
import type { Case } from "../case.ts";
import { bodyOf, textOf, type Transcript, valueOf } from "../client/transcript.ts";
import type { CaseContext } from "../context.ts";
import type { UpstreamStep } from "../target.ts";
import {
  headerOf,
  PARTNER,
  protocolCase,
  proxied,
  STRANGER,
  wentNowhere,
} from "./around_policy.ts";
import { jsonAnswer } from "./shapes.ts";
import { switches } from "./upgrade.ts";

const GRPC_PATH = "/llm.v1.Completion/Chat";
/** Codes of gRPC that a refusal is told by: PERMISSION_DENIED, UNAUTHENTICATED. */
const REFUSED_BY_POLICY = ["7", "16"];

/** A message of gRPC: not compressed, its length, its bytes. */
function message(text: string): Uint8Array {
  const body = Buffer.from(text);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, body]);
}

function writeMessage(text: string): UpstreamStep {
  return { write_base64: Buffer.from(message(text)).toString("base64") };
}

const GRPC_HEAD: UpstreamStep = {
  headers: { status: 200, headers: { "content-type": "application/grpc" } },
};
const GRPC_END: UpstreamStep[] = [{ trailers: { "grpc-status": "0" } }, { end: true }];

/** The status of a gRPC call, in trailers or, where nothing else came, in the head. */
function grpcStatusOf(transcript: Transcript): string | undefined {
  return valueOf(transcript.trailers, "grpc-status") ?? headerOf(transcript, "grpc-status");
}

/** Subprotocols that a browser offers for a Realtime session. */
const SUBPROTOCOLS = "realtime, openai-beta.realtime-v1";
const REALTIME_PATH = "/v1/realtime?model=gpt-realtime";

/** A request in bytes, as somebody behind a listener of bytes would send it. */
function plainRequest(t: CaseContext): string {
  const headers = t.identity().map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return `GET /v1/models HTTP/1.1\r\nhost: case\r\n${headers}\r\n`;
}

export const PROTOCOL_CASES: readonly Case[] = [
  protocolCase({
    id: "grpc",
    requirement: "A gRPC call is decided by policy; then messages pass both ways as they come",
    source: "gRPC over HTTP/2, Requests and Responses; Envoy HTTP route matching (grpc)",
    async run(t) {
      t.upstream.scriptEarly(
        GRPC_HEAD,
        writeMessage("first"),
        { barrier: "heard" },
        writeMessage("second"),
        ...GRPC_END,
      );
      const exchange = await t.send(
        t.chat({
          path: GRPC_PATH,
          manual: true,
          headers: [["content-type", "application/grpc"], ["te", "trailers"]],
        }),
        await t.connect("h2c"),
      );
      await exchange.write(message("from the client"));
      t.equal("status", 200, (await exchange.head()).status);
      await exchange.bytes(message("first").length);
      t.equal("Check calls", 1, t.policy.checks().length);
      await exchange.finish();
      await t.upstream.request(
        "the client's message",
        ({ bodyBytes }) => bodyBytes === message("from the client").length,
      );
      t.upstream.release("heard");
      const transcript = await exchange.done();
      const expected = Buffer.concat([message("first"), message("second")]).toString("hex");
      t.equal("messages", expected, Buffer.from(bodyOf(transcript)).toString("hex"));
      t.equal("grpc-status", "0", grpcStatusOf(transcript));
    },
  }),
  protocolCase({
    id: "grpc-denied",
    requirement: "A gRPC call that policy refuses ends with a status of gRPC, and goes nowhere",
    source: "gRPC over HTTP/2, Responses; Envoy ext_authz",
    async run(t) {
      const exchange = await t.send(
        t.chat({
          as: "deny",
          path: GRPC_PATH,
          body: message("x"),
          headers: [["content-type", "application/grpc"], ["te", "trailers"]],
        }),
        await t.connect("h2c"),
      );
      const transcript = await exchange.done();
      t.equal("status", 200, transcript.head?.status);
      t.oneOf("grpc-status", REFUSED_BY_POLICY, grpcStatusOf(transcript));
      wentNowhere(t);
    },
  }),
  protocolCase({
    id: "grpc-web",
    requirement: "A gRPC-Web call over HTTP/1.1 reaches the upstream as gRPC, its end in the body",
    source: "gRPC-Web protocol; Envoy grpc_web filter",
    async run(t) {
      t.upstream.script(GRPC_HEAD, writeMessage("answer"), ...GRPC_END);
      const transcript = await t.ask({
        path: GRPC_PATH,
        body: message("question"),
        headers: [["content-type", "application/grpc-web+proto"], ["x-grpc-web", "1"]],
      });
      t.equal("status", 200, transcript.head?.status);
      const { headers } = await t.upstream.request();
      const type = valueOf(headers, "content-type") ?? "";
      t.that("type at the upstream", /^application\/grpc(\+proto)?$/.test(type), "gRPC's", type);
      const whole = Buffer.from(bodyOf(transcript));
      const { length } = message("answer");
      t.equal(
        "message",
        Buffer.from(message("answer")).toString("hex"),
        whole.subarray(0, length).toString("hex"),
      );
      t.equal("flag of trailers", 0x80, whole[length]);
      t.that(
        "trailers",
        /grpc-status:\s*0/.test(whole.subarray(length + 5).toString()),
        "grpc-status:0",
        whole.subarray(length + 5).toString(),
      );
    },
  }),
  protocolCase({
    id: "grpc-web-denied",
    requirement:
      "A gRPC-Web call that policy refuses is told so by a status that its client reads, and goes nowhere",
    source: "gRPC-Web protocol; gRPC, HTTP to gRPC Status Code Mapping: 401 and 403 are codes, too",
    async run(t) {
      const transcript = await t.ask({
        as: "deny",
        path: GRPC_PATH,
        body: message("x"),
        headers: [["content-type", "application/grpc-web+proto"], ["x-grpc-web", "1"]],
      });
      const status = transcript.head?.status;
      if (status === 200) t.oneOf("grpc-status", REFUSED_BY_POLICY, grpcStatusOf(transcript));
      else t.oneOf("status", [401, 403], status);
      wentNowhere(t);
    },
  }),
  protocolCase({
    id: "realtime",
    requirement:
      "A Realtime session is decided by policy before the switch; then frames pass both ways at once",
    source: "OpenAI Realtime API, WebSocket; RFC 6455 section 4; RFC 9110 section 7.8",
    async run(t) {
      const head = await switches(t, {
        path: REALTIME_PATH,
        headers: [["sec-websocket-protocol", SUBPROTOCOLS]],
        answer: { "sec-websocket-protocol": "realtime" },
        fromUpstream: ["session.created", "response.done"].map(frame),
        fromClient: frame("response.create"),
      });
      t.equal("subprotocol", "realtime", valueOf(head.headers, "sec-websocket-protocol"));
      const { headers, target } = await t.upstream.request();
      t.equal("subprotocols asked", SUBPROTOCOLS, valueOf(headers, "sec-websocket-protocol"));
      t.that("model", target.includes("model=gpt-realtime"), "?model=gpt-realtime", target);
    },
  }),
  protocolCase({
    id: "proxy-protocol",
    requirement:
      "Policy and upstream hear the client's address from the load balancer; who brings none is turned away",
    source: "PROXY protocol version 1, section 2.1; Envoy proxy_protocol listener filter",
    async run(t) {
      const known = t.fork("known");
      await using connection = await proxied(t, "http", PARTNER);
      const spec = known.chat({ headers: [["x-forwarded-for", "192.0.2.1"]] });
      t.equal("status", 200, (await (await known.send(spec, connection)).done()).head?.status);
      const { source } = await known.policy.check();
      t.that("source", source.startsWith(PARTNER), PARTNER, source);
      const { headers } = await known.upstream.request();
      const hops = (valueOf(headers, "x-forwarded-for") ?? "").split(/,\s*/);
      t.equal("the nearest of x-forwarded-for", PARTNER, hops.at(-1));

      const bare = t.fork("bare");
      await using plain = await proxied(t, "http");
      const exchange = await bare.send(bare.chat(), plain);
      t.that(
        "without a header: end",
        (await exchange.ended()).kind !== "complete",
        "a closed connection",
        exchange.describe(),
      );
      t.equal("without a header: Check calls", 0, bare.policy.checks().length);
      wentNowhere(bare);
    },
  }),
  protocolCase({
    id: "tcp",
    requirement:
      "Bytes of a known network pass; those of another, or of a client that names none, do not",
    source: "Envoy tcp_proxy, network RBAC, proxy_protocol listener filter",
    async run(t) {
      for (const source of [STRANGER, undefined]) {
        const part = t.fork(source === undefined ? "bare" : "stranger");
        await using connection = await proxied(t, "tcp", source);
        connection.raw(plainRequest(part), []);
        await connection.closed;
        wentNowhere(part);
      }
      t.excuse("agree.allowed-before-upstream", "Bytes are put before no policy");
      t.upstream.script(...jsonAnswer('{"through":"bytes"}'));
      await using connection = await proxied(t, "tcp", PARTNER);
      const [exchange] = connection.raw(plainRequest(t), ["GET"]);
      if (exchange === undefined) return;
      await exchange.bytes('{"through":"bytes"}'.length);
      t.equal("answer", '{"through":"bytes"}', textOf(exchange.transcript));
      const { rawHead = "" } = await t.upstream.request();
      t.that("head", rawHead.startsWith("GET /v1/models"), "the request, as it was sent", rawHead);
    },
  }),
];

/** A text frame of a server or client with a JSON event, not masked (RFC 6455 section 5.2). */
function frame(type: string): Uint8Array {
  const text = Buffer.from(JSON.stringify({ type }));
  return Buffer.concat([Buffer.from([0x81, text.length]), text]);
}
