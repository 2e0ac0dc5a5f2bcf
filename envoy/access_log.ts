/** Reads and follows Envoy's access log. */
import { delay } from "../service/mod.ts";

/** One line of the access log: one finished request, as Envoy saw it. Names and units are the log's. */
export interface AccessLogEntry {
  /** When the request's first byte arrived: ISO 8601, milliseconds, UTC. */
  readonly startTime: string;
  readonly requestId: string;
  readonly method: string;
  /** Path without its query. */
  readonly path: string;
  readonly host?: string | undefined;
  readonly protocol?: string | undefined;
  /** 0 when no status was sent; undefined, as all that follows, when the log's format leaves it out. */
  readonly status: number | undefined;
  /** Envoy's response flags, `-` without any. */
  readonly flags: string | undefined;
  /** Envoy's response code details: who answered, and why. */
  readonly codeDetails: string | undefined;
  readonly closeDetails?: string | undefined;
  /**
   * `allow` or `deny` as policy was enforced, `error` when it gave no usable answer, `none` when it was not asked;
   * `refused` when a log without code details leaves open which of `deny` and `error` it was.
   */
  readonly decision: "allow" | "deny" | "error" | "refused" | "none";
  readonly rule?: string | undefined;
  readonly tenant?: string | undefined;
  /** The denial's code: `x-llm-deny-code`, or the policy's metadata. */
  readonly denyCode?: string | undefined;
  readonly decisionId?: string | undefined;
  readonly policyVersion?: string | undefined;
  /** Milliseconds that the policy took, where it sent metadata (Envoy measures only then). */
  readonly policyMs?: number | undefined;
  readonly contentType?: string | undefined;
  readonly bytesReceived: number | undefined;
  readonly bytesSent: number | undefined;
  readonly durationMs: number | undefined;
  /** Milliseconds to the first byte that went to the client; absent when none did. */
  readonly firstByteMs?: number | undefined;
  /** Microseconds until the request's head had gone upstream. */
  readonly upstreamTxUs?: number | undefined;
  /** Microseconds until the head of the upstream's answer had come. */
  readonly upstreamRxUs?: number | undefined;
  readonly upstreamHost?: string | undefined;
  readonly upstreamAttempts: number;
  readonly upstreamFailure?: string | undefined;
  readonly client?: string | undefined;
  /** The model that a processor read or chose, in a profile that has one. */
  readonly model?: string | undefined;
  /** Id of the response that the Responses gateway made. */
  readonly responseId?: string | undefined;
}

/**
 * Parses one line of the access log: the bundled configurations' JSON, or Envoy's default text,
 * which foreign configurations often have. Returns `undefined` for a line of any other format.
 */
export function parseAccessLogLine(line: string): AccessLogEntry | undefined {
  const fields = jsonFields(line) ?? textFields(line);
  if (fields === undefined) return undefined;
  // Envoy 1.36 and 1.37 write null where 1.40 leaves the field away.
  const given = (key: string) => fields[key] === "" ? undefined : fields[key] ?? undefined;
  const text = (key: string) => given(key) === undefined ? undefined : String(given(key));
  const number = (key: string) => given(key) === undefined ? undefined : Number(given(key));
  const codeDetails = text("code_details");
  return {
    startTime: text("time") ?? "",
    requestId: text("request_id") ?? text("reply_id") ?? "",
    method: text("method") ?? "",
    path: text("path") ?? "",
    host: text("host"),
    protocol: text("protocol"),
    status: number("status"),
    flags: text("flags"),
    codeDetails,
    closeDetails: text("close_details"),
    decision: enforced(codeDetails, fields),
    rule: text("rule"),
    tenant: text("tenant") ?? text("policy_tenant"),
    denyCode: text("deny_code") ?? text("policy_code"),
    decisionId: text("decision_id"),
    policyVersion: text("policy_version"),
    policyMs: number("policy_ms"),
    contentType: text("content_type"),
    bytesReceived: number("bytes_received"),
    bytesSent: number("bytes_sent"),
    durationMs: number("duration_ms"),
    firstByteMs: number("first_byte_ms"),
    upstreamTxUs: number("upstream_tx_us"),
    upstreamRxUs: number("upstream_rx_us"),
    upstreamHost: text("upstream_host"),
    upstreamAttempts: number("upstream_attempts") ?? 0,
    upstreamFailure: text("upstream_failure"),
    client: text("client"),
    model: text("model"),
    responseId: text("response_id"),
  };
}

/** Names of others for fields: those of Envoy Gateway's and Istio's JSON logs. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  start_time: "time",
  "x-request-id": "request_id",
  "x-envoy-origin-path": "path",
  ":authority": "host",
  authority: "host",
  response_code: "status",
  response_code_details: "code_details",
  response_flags: "flags",
  connection_termination_details: "close_details",
  duration: "duration_ms",
  upstream_transport_failure_reason: "upstream_failure",
  downstream_remote_address: "client",
};

/** Adds what stands under somebody else's names, where ours are not used. */
function ownNames(fields: Record<string, unknown>): Record<string, unknown> {
  const named = { ...fields };
  for (const [other, own] of Object.entries(OTHER_NAMES)) {
    if (fields[other] !== undefined) named[own] ??= fields[other];
  }
  if (named.upstream_attempts === undefined && named.upstream_host !== undefined) {
    const host = named.upstream_host;
    named.upstream_attempts = host === null || host === "" || host === "-" ? 0 : 1;
  }
  return named;
}

function jsonFields(line: string): Record<string, unknown> | undefined {
  try {
    const fields = JSON.parse(line);
    return typeof fields === "object" && fields !== null ? ownNames(fields) : undefined;
  } catch {
    return undefined;
  }
}

/** Envoy's default format string (Access logging, "Default format string"), without its newline. */
const DEFAULT_FORMAT = new RegExp(
  String
    .raw`^\[(?<time>[^\]]+)\] "(?<method>\S+) (?<path>\S+) (?<protocol>[^"]+)" (?<status>\d+) ` +
    String
      .raw`(?<flags>\S+)(?<details>(?: \S+)*?) (?<received>\d+) (?<sent>\d+) (?<duration>\d+) \S+ ` +
    String.raw`"[^"]*" "[^"]*" "(?<id>[^"]*)" "(?<host>[^"]*)" "(?<upstream>[^"]*)"`,
);

function textFields(line: string): Record<string, unknown> | undefined {
  const found = DEFAULT_FORMAT.exec(line)?.groups;
  if (found === undefined) return undefined;
  const known = (value: string | undefined) => value === "-" ? undefined : value;
  const upstream = known(found.upstream);
  return {
    time: found.time,
    method: found.method,
    path: found.path?.split("?")[0],
    protocol: found.protocol,
    status: found.status,
    flags: found.flags,
    bytes_received: found.received,
    bytes_sent: found.sent,
    duration_ms: found.duration,
    request_id: known(found.id),
    host: known(found.host),
    upstream_host: upstream,
    upstream_attempts: upstream === undefined ? 0 : 1,
  };
}

/**
 * Reads how Envoy enforced the policy's answer. Its code details tell, whatever engine answered; a
 * request that was forwarded was allowed, or had metadata or a decision id from policy.
 */
function enforced(
  codeDetails: string | undefined,
  fields: Record<string, unknown>,
): AccessLogEntry["decision"] {
  if (codeDetails === "ext_authz_denied") return "deny";
  if (codeDetails === "ext_authz_error" || codeDetails === "ext_authz_invalid") return "error";
  const forwarded = Number(fields.upstream_attempts ?? 0) > 0;
  // Envoy sets this flag for denials and for failures of the policy engine alike.
  const isRefused = codeDetails === undefined && /\bUAEX\b/.test(String(fields.flags ?? ""));
  if (isRefused && !forwarded) return "refused";
  return forwarded || fields.decision === "allow" || (fields.decision_id ?? undefined) !== undefined
    ? "allow"
    : "none";
}

/** Milliseconds between looks at the file. A look that finds nothing costs one system call. */
const POLL_MS = 20;

/**
 * Follows an access log while Envoy writes it, and calls `onEntry` for each finished line, in
 * order. Starts at the file's beginning; waits for the file when it is not there yet. Disposing it
 * reads what is left and stops.
 */
export class AccessLogFollower implements AsyncDisposable {
  readonly #path: string;
  readonly #onEntry: (entry: AccessLogEntry) => void;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  readonly #decoder = new TextDecoder();
  readonly #buffer = new Uint8Array(64 * 1024);
  #file: Deno.FsFile | undefined;
  #rest = "";

  constructor(path: string, onEntry: (entry: AccessLogEntry) => void) {
    this.#path = path;
    this.#onEntry = onEntry;
    this.#running = this.#follow();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      this.#readNew();
      await delay(POLL_MS, signal).catch(() => {});
    }
    this.#readNew();
    this.#file?.close();
    this.#file = undefined;
  }

  #readNew(): void {
    try {
      this.#file ??= Deno.openSync(this.#path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      throw error;
    }
    for (let count = 0; (count = this.#file.readSync(this.#buffer) ?? 0) > 0;) {
      const text = this.#rest +
        this.#decoder.decode(this.#buffer.subarray(0, count), { stream: true });
      const lines = text.split("\n");
      this.#rest = lines.pop() ?? "";
      for (const line of lines) {
        const entry = parseAccessLogLine(line);
        if (entry !== undefined) this.#onEntry(entry);
      }
    }
  }
}
