/** Mutants that are defects of the small proxy. */
import type { Defects } from "./proxy/defects.ts";
import type { Mutant } from "./mutant.ts";

function mutant(id: string, defect: string, defects: Defects, kills: string[]): Mutant {
  return { id, defect, defects, kills };
}

/** A small proxy with one defect each, for what Envoy's configuration cannot do wrong. */
export const PROXY_MUTANTS: readonly Mutant[] = [
  mutant("buffers-response", "holds responses back until they are complete", {
    buffersResponse: true,
  }, ["sse.lockstep", "sse.comments-keepalive"]),
  mutant("holds-headers", "sends the response head with the first body byte", {
    holdsHeaders: true,
  }, ["sse.first-byte"]),
  mutant("batches-events", "sends three events at a time", { batchesEvents: true }, [
    "sse.lockstep",
  ]),
  mutant("batches-late", "from the fourth on, sends events two at a time", { batchesLate: true }, [
    "sse.lockstep",
  ]),
  mutant("swallows-cancel", "does not tell the upstream that the client left", {
    swallowsCancel: true,
  }, [
    "cancel.propagates-stream",
    "cancel.fin-propagates",
    "cancel.before-first-byte",
    "cancel.isolated",
  ]),
  mutant("clean-end-on-abort", "turns an abort of the upstream into a clean end", {
    cleanEndOnAbort: true,
  }, ["sse.upstream-abort", "retry.never-mid-stream"]),
  mutant("drops-done", "drops [DONE]", { dropsDone: true }, [
    "sse.done-exact",
    "sse.eof-after-done",
  ]),
  mutant("doubles-done", "sends [DONE] twice", { doublesDone: true }, [
    "sse.done-exact",
    "sse.bytes-identical",
  ]),
  mutant("adds-done", "adds [DONE] to a stream that ended without one", { addsDone: true }, [
    "sse.upstream-clean-short",
  ]),
  mutant("lingers-after-done", "keeps the response open after its end", {
    lingersAfterDone: true,
  }, ["sse.eof-after-done"]),
  mutant("mangles-utf8", "decodes each chunk by itself", { manglesUtf8: true }, ["sse.utf8-split"]),
  mutant("normalizes-lines", "rewrites CRLF as LF", { normalizesLines: true }, [
    "sse.eol-crlf",
    "sse.crlf-split",
    "sse.bytes-identical",
  ]),
  mutant("drops-comments", "removes comments", { dropsComments: true }, [
    "sse.comments-keepalive",
    "sse.bytes-identical",
  ]),
  mutant("drops-tail", "removes an event that was not ended", { dropsIncompleteTail: true }, [
    "sse.incomplete-tail",
  ]),
  mutant("joins-data-lines", "makes one data line of several", { joinsDataLines: true }, [
    "sse.multi-line-data",
  ]),
  mutant("hides-error-events", "removes errors from streams", { hidesErrorEvents: true }, [
    "sse.error-event",
  ]),
  mutant("drops-usage", "removes the chunk with the usage", { dropsUsage: true }, [
    "sse.usage-chunk",
  ]),
  mutant("re-serializes-request", "parses and writes the request JSON again", {
    reserializesRequest: true,
  }, ["allow.body-identical"]),
  mutant("re-serializes-response", "parses and writes the response JSON again", {
    reserializesResponse: true,
  }, ["allow.response-identical"]),
  mutant("trims-response", "removes white space at the end of bodies", { trimsResponse: true }, [
    "allow.response-identical",
  ]),
  mutant("declares-length", "waits two seconds for a stream's length, to declare it", {
    declaresLength: true,
  }, [
    "sse.no-content-length",
  ]),
  mutant("truncates-large", "cuts responses at 8 MiB", { truncatesLarge: true }, [
    "allow.large-response",
  ]),
  mutant("truncates-upload", "cuts uploads at 1 MiB", { truncatesUpload: true }, [
    "pass.upload-10mib",
  ]),
  mutant("loses-last-chunk", "loses the end of chunked uploads", { losesLastChunk: true }, [
    "pass.chunked-upload",
  ]),
  mutant("drops-response-headers", "removes x-ratelimit-*", { dropsResponseHeaders: true }, [
    "pass.response-headers",
  ]),
  mutant("changes-content-type", "removes parameters of content-type", {
    changesContentType: true,
  }, ["sse.content-type"]),
  mutant("forwards-hop-by-hop", "forwards hop-by-hop headers", { forwardsHopByHop: true }, [
    "pass.hop-by-hop",
  ]),
  mutant("retries", "repeats a POST that failed", { retries: true }, [
    "retry.post-not-blind",
    "retry.reset-not-blind",
  ]),
  mutant("retries-mid-stream", "begins a broken stream again", { retriesMidStream: true }, [
    "retry.never-mid-stream",
  ]),
  mutant("forwards-before-asking", "sends the request on while it asks", {
    forwardsBeforeAsking: true,
  }, ["contract.check-before-upstream", "deny.upstream-untouched"]),
  mutant("forwards-overtaken", "lets a request pass once a later one has been answered", {
    forwardsOvertaken: true,
  }, ["contract.check-before-upstream"]),
  mutant("mirrors-denied", "sends the upstream what was denied with 403", {
    mirrorsDenied: true,
  }, ["deny.upstream-untouched"]),
  mutant("bare-denial-is-500", "answers 500 to a denial without a status", {
    bareDenialIs500: true,
  }, ["deny.default-403", "deny.custom-status"]),
  mutant("denies-streams-as-stream", "answers a denied request for a stream with a stream", {
    deniesStreamsAsStream: true,
  }, ["deny.streaming-not-sse"]),
  mutant("asks-twice", "asks the policy engine twice", { asksTwice: true }, [
    "contract.check-once",
  ]),
  mutant("asks-without-query", "asks without the query", { asksWithoutQuery: true }, [
    "contract.method-path-host",
  ]),
  mutant("asks-without-headers", "asks with a few headers", { asksWithoutHeaders: true }, [
    "contract.headers-complete",
  ]),
  mutant("caches-decisions", "asks once per connection", { cachesDecisions: true }, [
    "allow.independent-decisions",
  ]),
  mutant("fails-open", "lets requests pass when nobody answers", { failsOpen: true }, [
    "fc.policy-grpc-error",
    "fc.policy-garbage",
    "fc.policy-rst",
  ]),
  mutant("needs-ok-response", "takes an OK without http_response for a denial", {
    needsOkResponse: true,
  }, ["allow.empty-ok"]),
  mutant("own-denial-body", "writes its own denial", { ownDenialBody: true }, [
    "deny.body-and-headers",
  ]),
  mutant("denies-as-stream", "answers denials as an event stream", { deniesAsStream: true }, [
    "deny.streaming-not-sse",
  ]),
  mutant("denies-with-200", "answers denials with 200", { deniesWith200: true }, [
    "deny.no-credential",
    "deny.default-403",
  ]),
  mutant("leaks-credential", "repeats the credential in the denial", { leaksCredential: true }, [
    "sec.credential-not-echoed",
  ]),
  mutant("ignores-set", "ignores headers that the policy sets", { ignoresSet: true }, [
    "mut.set-new",
    "mut.overwrite-explicit",
  ]),
  mutant("ignores-remove", "ignores headers_to_remove", { ignoresRemove: true }, ["mut.remove"]),
  mutant("appends-always", "appends where it should overwrite", { appendsAlways: true }, [
    "mut.unset-append",
    "mut.overwrite-explicit",
  ]),
  mutant("removes-host", "lets the policy remove host", { removesHost: true }, [
    "mut.remove-host-ignored",
  ]),
  mutant("splits-values", "writes line breaks of a mutation to the wire", { splitsValues: true }, [
    "mut.crlf-value",
    "mut.invalid-name",
  ]),
  mutant("keeps-trusted", "lets a client's trusted names pass", { keepsTrusted: true }, [
    "sec.tenant-absent-when-none",
    "sec.x-envoy-strip",
  ]),
  mutant("policy-spoofs", "adds a tenant of its own", { policySpoofs: true }, ["sec.tenant-spoof"]),
  mutant("skips-get", "does not ask about GET", { skipsGet: true }, ["deny.every-route"]),
  mutant("skips-reading", "asks about GET and POST alone", { skipsReading: true }, [
    "deny.every-call",
  ]),
  mutant("skips-odd-paths", "does not ask about a path that it has to put right", {
    skipsOddPaths: true,
  }, ["deny.every-path-form"]),
  mutant("trusts-connection", "does not ask again on a connection that was allowed once", {
    trustsConnection: true,
  }, ["deny.reused-connection"]),
  mutant("other-request-id", "gives the upstream another request id", { otherRequestId: true }, [
    "obs.request-id",
  ]),
  mutant("loses-joined-events", "reads one event per chunk", { losesJoinedEvents: true }, [
    "sse.event-split",
  ]),
  mutant("widens-lines", "writes LF as CRLF after words", { widensLines: true }, ["sse.eol-lf"]),
  mutant("changes-object", "answers with another kind of object", { changesObject: true }, [
    "allow.basic-200",
    "http.h1",
  ]),
  mutant("skips-odd-bytes", "does not ask when a header is not UTF-8", { skipsOddBytes: true }, [
    "contract.non-utf8-header",
  ]),
  mutant("refuses-repeats", "takes the fifth of the same request in a row for a loop", {
    refusesRepeats: true,
  }, ["sec.server-alive"]),
  mutant("lenient-length-and-chunks", "reads chunks beside a length", {
    lenient: "length-and-chunks",
  }, ["sec.cl-te"]),
  mutant("lenient-codings", "takes any coding for chunked", { lenient: "codings" }, [
    "sec.te-obfuscated",
  ]),
  mutant("lenient-lengths", "takes the first of two lengths", { lenient: "lengths" }, [
    "sec.dup-cl",
  ]),
  mutant("lenient-lines", "takes a bare LF for a line end", { lenient: "lines" }, ["sec.bare-lf"]),
  mutant("lenient-folds", "passes folded lines over", { lenient: "folds" }, ["sec.obs-fold"]),
  mutant("lenient-chunk-sizes", "guesses at chunk sizes", { lenient: "chunk-sizes" }, [
    "sec.chunk-size",
  ]),
  mutant("waits-for-body", "asks the policy engine after the upload", {
    waitsForBodyBeforeAsking: true,
  }, ["contract.no-body-buffer"]),
  mutant("sends-body-to-policy", "sends the body to the policy engine", {
    sendsBodyToPolicy: true,
  }, ["contract.no-body-by-default"]),
  mutant("never-gives-up", "waits a minute for the policy engine", { neverGivesUp: true }, [
    "fc.policy-timeout",
  ]),
  mutant("gives-up-at-once", "waits 800 ms for the policy engine", { givesUpAtOnce: true }, [
    "fc.slow-but-in-time",
  ]),
  mutant("denial-echoes-headers", "sends the request's headers back in a denial", {
    denialEchoesHeaders: true,
  }, ["sec.credential-not-echoed"]),
  mutant("adds-header", "adds a header on the way upstream", { addsHeader: true }, [
    "pass.headers-request",
  ]),
  mutant("drops-cookie", "drops cookies", { dropsCookie: true }, ["pass.headers-request"]),
  mutant("sorts-query", "sorts the query", { sortsQuery: true }, ["pass.query-exact"]),
  mutant("serves-everything", "sends every path upstream", { servesEverything: true }, [
    "route.unknown-404",
  ]),
  mutant("keeps-dot-segments", "passes dot segments on", { keepsDotSegments: true }, [
    "sec.path-dotdot",
  ]),
  mutant("cuts-after-15s", "cuts every answer after 15 s", { cutsAfter15s: true }, [
    "sse.idle-20s",
    "sse.slow-ttft",
    "lim.stream-exempt",
  ]),
  mutant("asks-old-api", "asks about GET by the method of the v2 API", { asksOldApi: true }, [
    "contract.grpc-path",
  ]),
  {
    ...mutant("downgrades-blindly", "writes HTTP/2 fields into HTTP/1.1 lines as they are", {
      downgradesBlindly: true,
    }, ["sec.h2-downgrade"]),
    protocol: "h2c",
  },
  {
    ...mutant("one-reset-ends-all", "closes an HTTP/2 connection with the first stream of it", {
      resetEndsConnection: true,
    }, ["cancel.h2-rst-only-one"]),
    protocol: "h2c",
  },
  mutant("exposes-admin", "answers /stats", { exposesAdmin: true }, ["sec.admin-not-exposed"]),
];
