/** MUST cases of the suite that no rule stands for, each with the reason. */

const CODEC = "Envoy's HTTP/1.1 parser does it, and no field turns it off";
const PASSES =
  "Envoy passes bytes on as they are; only filters that rules name hold or change them";
const ENGINE = "it is about what the policy engine answers; Envoy does it whatever the file says";
const CANCEL = "Envoy tells the upstream at once, and no field delays it";
const OPT_IN = "only a gateway that has the feature is asked, and its own files say how";

/** The reason for each. A test holds this table and the rules together. */
export const NOT_BY_CONFIGURATION: Readonly<Record<string, string>> = {
  "contract.check-once": ENGINE,
  "contract.method-path-host": "Envoy always sends them (CheckRequest.attributes.request.http)",
  "contract.check-before-upstream": "ext_authz waits for the answer, and no field lets it go on",
  "contract.non-utf8-header": "Envoy makes such bytes readable before it sends them",
  "contract.grpc-path": "Envoy knows one method",
  "allow.empty-ok": ENGINE,
  "allow.body-identical": PASSES,
  "allow.response-identical": PASSES,
  "allow.upstream-error-verbatim":
    "it is a mapper that goes by status: edge.denial-rewritten finds it",
  "allow.large-response": PASSES,
  "deny.default-403": ENGINE,
  "deny.custom-status": ENGINE,
  "deny.upstream-untouched": ENGINE,
  "deny.wrong-credential": "the rules that deny.no-credential shows stand for it",
  "deny.streaming-not-sse": ENGINE,
  "mut.set-new": ENGINE,
  "contract.headers-complete":
    "a filter that hides headers says so, and is not asked: policy.headers-hidden",
  "mut.unset-append": ENGINE,
  "mut.invalid-name":
    "Envoy drops such a header by itself; policy.mutations-unchecked refuses the request",
  "mut.overwrite-explicit": ENGINE,
  "mut.remove": ENGINE,
  "mut.remove-host-ignored": ENGINE,
  "mut.crlf-value": "policy.mutations-unchecked stands for it",
  "fc.policy-grpc-error": "policy.fail-open stands for it",
  "fc.policy-rst": "policy.fail-open stands for it",
  "fc.policy-garbage": "policy.fail-open stands for it",
  "fc.slow-but-in-time": "the case goes by the limit that the file has",
  "fc.recovers": "Envoy dials again by itself",
  "fc.outage-under-load": "policy.fail-open stands for it",
  "sse.first-byte": "what sse.lockstep shows holds the first byte back, too",
  "sse.bytes-identical": PASSES,
  "sse.done-exact": PASSES,
  "sse.eof-after-done": PASSES,
  "sse.content-type": PASSES,
  "sse.no-content-length": "what sse.lockstep shows adds a length, too",
  "sse.eol-lf": PASSES,
  "sse.eol-crlf": PASSES,
  "sse.crlf-split": PASSES,
  "sse.utf8-split": PASSES,
  "sse.event-split": PASSES,
  "sse.multi-line-data": PASSES,
  "sse.incomplete-tail": PASSES,
  "sse.error-event": PASSES,
  "sse.comments-keepalive": "what sse.lockstep shows holds comments back, too",
  "sse.usage-chunk": PASSES,
  "sse.upstream-abort": PASSES,
  "sse.upstream-clean-short": PASSES,
  "pass.headers-request":
    "headers that a file adds or removes stand in it on purpose; the case lists them",
  "pass.response-headers":
    "headers that a file adds or removes stand in it on purpose; the case lists them",
  "pass.hop-by-hop": CODEC,
  "pass.chunked-upload": PASSES,
  "pass.query-exact": "a rewritten path stands in the file on purpose",
  "cancel.propagates-stream": CANCEL,
  "cancel.fin-propagates": CANCEL,
  "cancel.before-first-byte": CANCEL,
  "cancel.h2-rst-only-one": CANCEL,
  "cancel.isolated": CANCEL,
  "lim.upstream-connect": "the connect timeout of the cluster is what the case goes by",
  "route.known-paths": "which paths a gateway serves is its own choice",
  "route.unknown-404": "a file that routes every path says so, and is not asked",
  "http.h1": "a listener of HTTP/2 alone says so, and is asked in HTTP/2",
  "sec.tenant-spoof": "edge.trusted-names stands for it: policy that sets the name hides the fault",
  "sec.te-obfuscated": CODEC,
  "sec.dup-cl": CODEC,
  "sec.admin-not-exposed":
    "edge.admin-exposed and edge.admin-routed stand for it; the suite launches parts of its own",
  "pass.upload-10mib": "a larger body may be refused with 413",
  "sec.bare-lf": CODEC,
  "sec.obs-fold": CODEC,
  "sec.chunk-size": CODEC,
  "sec.h2-downgrade": CODEC,
  "sec.server-alive": "it is about everything at once",
  "xp.headers-set-remove": OPT_IN,
  "xp.clean-close-continues": OPT_IN,
  "xp.error-500": OPT_IN,
  "xp.immediate-response": OPT_IN,
  "xp.sse-not-buffered": OPT_IN,
  "model.forged-header": "edge.trusted-names finds it for the names that --trusted says",
  "model.invalid-json": OPT_IN,
  "mcp.stream-untouched": OPT_IN,
  "jwt.missing-401": OPT_IN,
  "jwt.expired": OPT_IN,
  "jwt.bad-sig": OPT_IN,
  "jwt.alg-none": OPT_IN,
  "jwt.kid-unknown": OPT_IN,
};

/** The reason for every case of a group, whose cases ask for a feature that a gateway declares. */
export const GROUPS_NOT_BY_CONFIGURATION: Readonly<Record<string, string>> = { ext: OPT_IN };
