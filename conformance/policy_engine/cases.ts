/** Cases on a policy engine that stands alone. */
import { connectGrpc } from "../../grpc/mod.ts";
import { messageCodec } from "../../grpc/messages/mod.ts";
import type { Case } from "../case.ts";
import type { CaseContext } from "../context.ts";
import type { HeaderList } from "../target.ts";
import { messageOf, now } from "../../service/mod.ts";
import { type Answer, checkRequest, type EngineClient, engineClient, isAllowed } from "./client.ts";

/** Envoy's default deadline of a Check call, milliseconds (GrpcService of ext_authz). */
const DEFAULT_DEADLINE_MS = 200;

/** Options of a golden CheckRequest. */
interface Golden {
  as?: "allow" | "deny" | "nobody";
  headers?: HeaderList;
  method?: string;
  path?: string;
}

/** Returns a CheckRequest as Envoy sends it for a chat request (AttributeContext). */
function golden(t: CaseContext, options: Golden = {}): Record<string, unknown> {
  const { as = "allow", method = "POST", path = "/v1/chat/completions" } = options;
  const { allow, deny } = t.target.credentials;
  const credential = as === "allow" ? allow : as === "nobody" ? [] : deny;
  if (!credential) t.undeclared("No refused credential is known: --deny-header");
  return checkRequest([["x-request-id", t.nonce], ...credential, ...(options.headers ?? [])], {
    method,
    path,
  });
}

function addressOf(t: CaseContext): string {
  return t.target.engine?.address ?? t.notMeasured("The target is no policy engine");
}

/** Asks the engine once, on a connection of its own unless a client is given. */
async function ask(t: CaseContext, options: Golden = {}): Promise<Answer> {
  using client = clientOf(t);
  return await client.check(golden(t, options), { deadlineMs: t.ms(5_000), signal: t.signal });
}

function clientOf(t: CaseContext): EngineClient {
  return engineClient(addressOf(t));
}

/** An engine case: over gRPC, that is HTTP/2. */
function engineCase(one: Omit<Case, "control" | "axes" | "feature">): Case {
  return { ...one, control: "none", axes: ["h2c"], feature: "policy_engine" };
}

const CONTRACT = "Envoy external_auth.proto: Authorization.Check";

/** The policy engine alone: the harness is an Envoy-shaped client. */
export const ENGINE_CASES: readonly Case[] = [
  engineCase({
    id: "engine.allow",
    level: "must",
    requirement: "A request with the allowed credential is allowed",
    source: CONTRACT,
    async run(t) {
      const answer = await ask(t);
      t.that("decision", isAllowed(answer), "allow", answer);
    },
  }),
  engineCase({
    id: "engine.deny-missing",
    level: "must",
    requirement: "A request without a credential is denied, not an error",
    source: CONTRACT,
    async run(t) {
      const answer = await ask(t, { as: "nobody" });
      t.that("decision", !isAllowed(answer), "deny", answer);
    },
  }),
  engineCase({
    id: "engine.deny-wrong",
    level: "must",
    requirement: "A request with a wrong credential is denied, not an error",
    source: CONTRACT,
    async run(t) {
      const answer = await ask(t, { as: "deny" });
      t.that("decision", !isAllowed(answer), "deny", answer);
    },
  }),
  engineCase({
    id: "engine.denial-status",
    level: "should",
    requirement: "A denial says 401, 402, 403, 429 or 451, or nothing, which is 403",
    source: `${CONTRACT}; DeniedHttpResponse.status`,
    async run(t) {
      const answer = await ask(t, { as: "nobody" });
      const status = answer.denied_response?.status?.code;
      t.oneOf("status", [
        undefined,
        0,
        "Empty",
        401,
        402,
        403,
        429,
        451,
        "Unauthorized",
        "Forbidden",
        "TooManyRequests",
        "PaymentRequired",
      ], status);
    },
  }),
  engineCase({
    id: "engine.denial-shape",
    level: "should",
    requirement: "The body of a denial is an OpenAI error object",
    source: "openai-node src/core/error.ts: APIError",
    async run(t) {
      const answer = await ask(t, { as: "nobody" });
      const body = answer.denied_response?.body ?? "";
      let type: unknown;
      try {
        type = typeof JSON.parse(body).error.message;
      } catch {
        type = "no JSON object with error.message";
      }
      t.equal("error.message is text", "string", type);
    },
  }),
  engineCase({
    id: "engine.append-action",
    level: "should",
    requirement: "Each header mutation says what happens to a client's own value",
    source:
      "Envoy HeaderValueOption.append_action; envoyproxy/envoy#43310: versions differ when unset",
    async run(t) {
      const answer = await ask(t);
      const unset = (answer.ok_response?.headers ?? []).filter((option) =>
        option.append === undefined && option.append_action === undefined
      );
      t.equal("mutations without an action", [], unset.map(({ header }) => header?.key));
    },
  }),
  engineCase({
    id: "engine.deterministic",
    level: "must",
    requirement: "The same request gets the same decision",
    source: "Project: decisions are explained by the request",
    async run(t) {
      for (const as of ["allow", "nobody"] as const) {
        const seen = new Set<boolean>();
        for (let i = 0; i < 10; i++) seen.add(isAllowed(await ask(t, { as })));
        t.equal(`${as}: different decisions`, 1, seen.size);
      }
    },
  }),
  engineCase({
    id: "engine.latency",
    level: "should",
    requirement: "99 of 100 answers come within Envoy's default deadline of 200 ms",
    source: "Envoy ext_authz: grpc_service.timeout, 200 ms by default",
    async run(t) {
      using client = clientOf(t);
      const request = golden(t);
      await client.check(request, { deadlineMs: t.ms(5_000) });
      const times: number[] = [];
      for (let i = 0; times.length < 200 && i < 400; i++) {
        const began = now();
        await client.check(request, { deadlineMs: t.ms(5_000) });
        const took = now() - began;
        // A call during which this thread stood still took as long as that.
        if (t.lateness.worstSince(began) < DEFAULT_DEADLINE_MS / 4) times.push(took);
      }
      if (times.length < 200) t.tooBusy(`it was late in ${400 - times.length} of 400 calls`);
      times.sort((a, b) => a - b);
      const p99 = times[Math.floor(times.length * 0.99)] ?? 0;
      t.that("p99", p99 < t.ms(DEFAULT_DEADLINE_MS), `< ${t.ms(DEFAULT_DEADLINE_MS)} ms`, p99);
    },
  }),
  engineCase({
    id: "engine.concurrency",
    level: "must",
    requirement: "200 calls at once are all answered, each with its own decision",
    source: "Envoy sends Check calls side by side on one connection",
    async run(t) {
      using client = clientOf(t);
      const answers = await Promise.all(Array.from({ length: 200 }, async (_, n) => {
        const as = n % 2 === 0 ? "allow" as const : "nobody" as const;
        const answer: Answer = await client.check(golden(t, { as }), { deadlineMs: t.ms(10_000) });
        return isAllowed(answer) === (as === "allow");
      }));
      t.equal("wrong decisions", 0, answers.filter((right) => !right).length);
    },
  }),
  engineCase({
    id: "engine.large-headers",
    level: "must",
    requirement: "60 KiB of headers, Envoy's default limit, are decided",
    source: "Envoy max_request_headers_kb",
    async run(t) {
      const headers: HeaderList = Array.from(
        { length: 6 },
        (_, n) => [`x-large-${n}`, "x".repeat(9_900)],
      );
      t.that("allowed", isAllowed(await ask(t, { headers })), "allow", "see decision");
      t.that("denied", !isAllowed(await ask(t, { headers, as: "nobody" })), "deny", "see decision");
    },
  }),
  engineCase({
    id: "engine.many-headers",
    level: "should",
    requirement: "100 headers, Envoy's default limit, are decided",
    source: "Envoy max_headers_count",
    async run(t) {
      const headers: HeaderList = Array.from({ length: 90 }, (_, n) => [`x-many-${n}`, "1"]);
      t.that("decision", isAllowed(await ask(t, { headers })), "allow", "see decision");
    },
  }),
  engineCase({
    id: "engine.non-utf8",
    level: "must",
    requirement:
      "A header that is not UTF-8 is never allowed without a credential, and breaks nothing",
    source: "GHSA-9g5w-hqr3-w2ph; protobuf: strings are UTF-8",
    async run(t) {
      using client = clientOf(t);
      const codec = messageCodec("envoy.service.auth.v3.CheckRequest");
      const reply = messageCodec("envoy.service.auth.v3.CheckResponse");
      const bytes = codec.encode(golden(t, { as: "nobody", headers: [["x-odd", "QQQQ"]] }));
      const at = bytes.findIndex((_, i) =>
        [81, 81, 81, 81].every((byte, n) => bytes[i + n] === byte)
      );
      bytes.set([0xc3, 0x28, 0xff, 0xfe], at);
      const outcome = await client.checkBytes(bytes, { deadlineMs: t.ms(5_000) }).then(
        (answer) => isAllowed(reply.decode(answer)) ? "allow" : "deny",
        () => "error",
      );
      t.that("outcome", outcome !== "allow", "deny or an error", outcome);
      t.that("the next call", isAllowed(await ask(t)), "allow", "see decision");
    },
  }),
  engineCase({
    id: "engine.empty-request",
    level: "must",
    requirement: "An empty CheckRequest is not allowed",
    source: "Project: default deny",
    async run(t) {
      using client = clientOf(t);
      const outcome = await client.check({}, { deadlineMs: t.ms(5_000) }).then(
        (answer) => isAllowed(answer) ? "allow" : "deny",
        () => "error",
      );
      t.that("outcome", outcome !== "allow", "deny or an error", outcome);
      // Nobody there is no error of the engine's.
      t.that("the next call", isAllowed(await ask(t)), "allow", "see decision");
    },
  }),
  engineCase({
    id: "engine.unknown-fields",
    level: "must",
    requirement: "Fields that the engine does not know are skipped: a newer Envoy may send them",
    source: "Protocol Buffers: unknown fields",
    async run(t) {
      using client = clientOf(t);
      const codec = messageCodec("envoy.service.auth.v3.CheckRequest");
      const reply = messageCodec("envoy.service.auth.v3.CheckResponse");
      const known = codec.encode(golden(t));
      // Field 100, length-delimited, three bytes: tag 802 as a varint.
      const bytes = Uint8Array.from([...known, 0xa2, 0x06, 3, 1, 2, 3]);
      const answer: Answer = reply.decode(
        await client.checkBytes(bytes, { deadlineMs: t.ms(5_000) }),
      );
      t.that("decision", isAllowed(answer), "allow", answer);
    },
  }),
  engineCase({
    id: "engine.cancelled-call",
    level: "must",
    requirement: "A call that is cancelled leaves the connection and the next call alone",
    source: "Envoy cancels the Check call when the client leaves",
    async run(t) {
      using client = clientOf(t);
      await client.check(golden(t), { deadlineMs: t.ms(5_000) });
      for (let i = 0; i < 20; i++) {
        const leave = new AbortController();
        const call = client.check(golden(t), { deadlineMs: t.ms(5_000), signal: leave.signal });
        leave.abort();
        await call.catch(() => {});
      }
      const answer: Answer = await client.check(golden(t), { deadlineMs: t.ms(5_000) });
      t.that("the next call", isAllowed(answer), "allow", answer);
    },
  }),
  engineCase({
    id: "engine.every-method",
    level: "should",
    requirement: "GET, HEAD, OPTIONS and odd methods without a credential are denied",
    source: "Project: no method is exempt",
    async run(t) {
      for (const method of ["GET", "HEAD", "OPTIONS", "DELETE", "BREW"]) {
        const answer = await ask(t, { as: "nobody", method });
        t.that(method, !isAllowed(answer), "deny", answer);
      }
    },
  }),
  engineCase({
    id: "engine.health",
    level: "should",
    requirement: "The engine serves grpc.health.v1 and says SERVING",
    source: "gRPC health checking protocol",
    async run(t) {
      using client = connectGrpc({ address: addressOf(t) });
      // HealthCheckResponse{status: SERVING} is the bytes 08 01.
      const outcome = await client.unary("/grpc.health.v1.Health/Check", new Uint8Array(), {
        deadlineMs: t.ms(5_000),
      }).then((bytes) => [...bytes].join(" ") === "8 1" ? "SERVING" : "another status", messageOf);
      t.equal("answer", "SERVING", outcome);
    },
  }),
];
