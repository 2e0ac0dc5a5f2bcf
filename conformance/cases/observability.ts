/** Cases on logs, ids and metrics. */
import { BOTH, type Case } from "../case.ts";
import { delay } from "../../service/mod.ts";
import { requestIdOf, valueOf, valuesOf } from "../client/transcript.ts";
import { chunkText, DONE, streamOf } from "./shapes.ts";

/** When a line that cannot be recognised is written for sure, milliseconds: a launched Envoy flushes every 50. */
const UNNAMED_LINE_MS = 1_000;

const NO_DETAILS = "The access log has no response code details";

/** Cases on what logs, ids and metrics tell afterwards. */
export const OBSERVABILITY_CASES: readonly Case[] = [
  {
    id: "obs.request-id",
    level: "should",
    control: "upstream",
    requirement: "Client, policy engine and upstream see the same x-request-id",
    source: "Envoy: HTTP header manipulation, x-request-id",
    axes: BOTH,
    async run(t) {
      const transcript = await t.ask();
      const id = requestIdOf(transcript);
      const seen = await t.upstream.request();
      t.that("the response has an id", id !== undefined && id.length >= 8, "an id", id);
      t.equal("id at the upstream", [id], valuesOf(seen.headers, "x-request-id"));
      if (t.target.policy) {
        t.equal("id at the policy engine", id, (await t.policy.check()).requestId);
      }
    },
  },
  {
    id: "obs.request-id-kept",
    level: "should",
    control: "upstream",
    requirement: "A client's own x-request-id is kept or replaced as declared, everywhere the same",
    source: "Envoy preserve_external_request_id",
    async run(t) {
      const own = `case-${t.nonce}`;
      const transcript = await t.ask({ headers: [["x-request-id", own]] });
      const id = requestIdOf(transcript);
      const { requestIdKept } = t.target.expect;
      if (requestIdKept === true) t.equal("id in the response", own, id);
      if (requestIdKept === false) t.that("id in the response", id !== own, "a new id", id);
      const seen = await t.upstream.request();
      t.equal("id at the upstream", [id], valuesOf(seen.headers, "x-request-id"));
    },
  },
  {
    id: "obs.request-id-on-errors",
    level: "should",
    control: "none",
    requirement: "Denials and unknown paths carry x-request-id too",
    source: "Project: x-request-id is on every response",
    axes: BOTH,
    async run(t) {
      const denied = await t.ask({ as: "nobody" });
      t.that("denial", requestIdOf(denied) !== undefined, "an id", requestIdOf(denied));
      const lost = await t.fork("lost").ask({ method: "GET", path: "/nowhere" });
      t.that("404", requestIdOf(lost) !== undefined, "an id", requestIdOf(lost));
    },
  },
  {
    id: "obs.traceparent",
    level: "should",
    control: "both",
    requirement: "The trace id of the client reaches policy engine and upstream",
    source: "W3C Trace Context section 3.2",
    async run(t) {
      const trace = "0af7651916cd43dd8448eb211c80319c";
      await t.ask({ headers: [["traceparent", `00-${trace}-b7ad6b7169203331-01`]] });
      const seen = await t.upstream.request();
      const check = await t.policy.check();
      const idOf = (value: string | undefined) => value?.split("-")[1];
      t.equal("at the policy engine", trace, idOf(check.headers["traceparent"]));
      t.equal("at the upstream", trace, idOf(valueOf(seen.headers, "traceparent")));
    },
  },
  {
    id: "obs.access-log-line",
    level: "should",
    control: "none",
    admin: true,
    requirement: "Each request leaves one line with status, flags, duration and bytes",
    source: "Envoy access logging",
    axes: BOTH,
    async run(t) {
      const transcript = await t.ask();
      const id = requestIdOf(transcript) ?? "";
      const line = await t.envoy.line(id);
      t.equal("lines", 1, t.envoy.lines(id).length);
      t.equal("status", transcript.head?.status, line.status);
      t.equal("bytes sent", transcript.bodyBytes, line.bytesSent);
      t.equal("method", "POST", line.method);
      t.that(
        "path",
        line.path.startsWith("/v1/chat/completions"),
        "/v1/chat/completions",
        line.path,
      );
      t.that("duration", line.durationMs !== undefined, ">= 0 ms", line.durationMs);
    },
  },
  {
    id: "obs.deny-flag",
    level: "should",
    control: "none",
    admin: true,
    requirement: "A denied request is logged with flag UAEX and ext_authz_denied",
    source: "Envoy response flags: UAEX, UnauthorizedExternalService",
    async run(t) {
      const transcript = await t.ask({ as: "nobody" });
      const { flags = "", codeDetails } = await t.envoy.line(requestIdOf(transcript) ?? "");
      if (codeDetails === undefined) t.notMeasured(NO_DETAILS);
      t.that("flags", /\bUAEX\b/.test(flags), "UAEX", flags);
      t.equal("code details", "ext_authz_denied", codeDetails);
    },
  },
  {
    id: "obs.error-details",
    level: "should",
    control: "both",
    admin: true,
    requirement: "A request refused because the policy engine failed is logged as ext_authz_error",
    source: "Envoy response code details",
    async run(t) {
      t.policy.script({ grpc: { code: 13, message: "planned" } });
      const transcript = await t.ask();
      const { codeDetails } = await t.envoy.line(requestIdOf(transcript) ?? "");
      if (codeDetails === undefined) t.notMeasured(NO_DETAILS);
      t.equal("code details", "ext_authz_error", codeDetails);
    },
  },
  {
    id: "obs.counters",
    level: "should",
    control: "both",
    admin: true,
    exclusive: true,
    requirement: "ext_authz counters rise by exactly the requests allowed, denied and failed",
    source: "Envoy ext_authz filter: statistics",
    async run(t) {
      const read = async () => {
        const stats = await t.envoy.stats("^http\\..*ext_authz\\.(ok|denied|error)$");
        const sum = (name: string) =>
          Object.entries(stats).filter(([key]) => key.endsWith(`ext_authz.${name}`))
            .reduce((total, [, value]) => total + value, 0);
        return { ok: sum("ok"), denied: sum("denied"), error: sum("error") };
      };
      const before = await read();
      for (let i = 0; i < 4; i++) await t.fork(`ok-${i}`).ask();
      for (let i = 0; i < 3; i++) await t.fork(`deny-${i}`).ask({ as: "nobody" });
      for (let i = 0; i < 2; i++) {
        const part = t.fork(`error-${i}`);
        part.policy.script({ grpc: { code: 13 } });
        await part.ask();
      }
      const after = await read();
      t.equal("ok", 4, after.ok - before.ok);
      t.equal("denied", 3, after.denied - before.denied);
      t.equal("error", 2, after.error - before.error);
    },
  },
  {
    id: "obs.no-secrets",
    level: "must",
    control: "both",
    admin: true,
    requirement: "Credentials, prompts and answers are in no log, statistic or journal",
    source: "Project: secrets never reach a log; OWASP logging cheat sheet",
    async run(t) {
      const canary = (what: string) => `canary${what}${t.nonce.replace(/-/g, "")}`;
      const key = canary("key");
      const prompt = canary("prompt");
      const answer = canary("answer");
      t.policy.script({ allow: {} });
      t.upstream.script(...streamOf(chunkText(answer), DONE));
      const transcript = await t.ask({
        stream: true,
        as: "nobody",
        headers: [["authorization", `Bearer ${key}`], ["x-api-key", key], ["cookie", `s=${key}`]],
        path: `/v1/chat/completions?api_key=${key}`,
        body: { messages: [{ role: "user", content: prompt }] },
      });
      t.equal("status", 200, transcript.head?.status);
      const id = requestIdOf(transcript);
      if (t.envoy.hasAccessLog && id !== undefined) await t.envoy.line(id);
      // A log whose lines name no ids is text all the same; nothing tells when this request's is written.
      else await delay(t.ms(UNNAMED_LINE_MS), t.signal);
      const places: Record<string, string> = {
        "Envoy's logs": await t.envoy.logs(),
        "Envoy's statistics": JSON.stringify(await t.envoy.stats()),
        "policy journal": JSON.stringify(t.policy.checks().map(({ path: _, ...rest }) => rest)),
      };
      for (const [place, text] of Object.entries(places)) {
        for (const [what, word] of Object.entries({ key, prompt, answer })) {
          t.that(
            `${what} in ${place}`,
            !text.includes(word),
            "absent",
            text.includes(word) ? "there" : "absent",
          );
        }
      }
    },
  },
  {
    id: "obs.stream-bytes",
    level: "may",
    control: "upstream",
    admin: true,
    requirement: "Logged bytes and duration cover the whole stream",
    source: "Envoy access logging: BYTES_SENT, DURATION",
    async run(t) {
      t.upstream.script(
        ...streamOf(chunkText("a")).slice(0, -1),
        { sleep: 100 },
        { write: DONE },
        { end: true },
      );
      const transcript = await t.ask({ stream: true });
      const line = await t.envoy.line(requestIdOf(transcript) ?? "");
      t.equal("bytes", transcript.bodyBytes, line.bytesSent);
      const { durationMs = 0 } = line;
      t.that("duration", durationMs >= 99, ">= 99 ms", line.durationMs);
    },
  },
  {
    id: "obs.upstream-error-details",
    level: "may",
    control: "upstream",
    admin: true,
    requirement:
      "An upstream that resets before its headers is logged as such, and answered with 503",
    source: "Envoy response flags: UC, UpstreamConnectionTermination",
    async run(t) {
      t.upstream.script({ abort: "rst" });
      const transcript = await t.ask();
      t.equal("status", 503, transcript.head?.status);
      const { flags = "" } = await t.envoy.line(requestIdOf(transcript) ?? "");
      t.that("flags", /\b(UC|UR|UF)\b/.test(flags), "UC, UR or UF", flags);
    },
  },
];
