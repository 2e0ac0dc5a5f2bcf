/**
 * The interface between the suite and the thing it judges. The gateway room implements these for the bundled
 * stack; anyone else's gateway is described with the same words.
 */
import type { Dialect } from "../dialects/mod.ts";
import type {
  FallbackFeature,
  MirrorFeature,
  ReloadFeature,
  TraceFeature,
} from "./traffic_features.ts";
import type {
  EnvoyEvidence,
  HeaderList,
  PolicyControl,
  UpstreamControl,
  UpstreamRecord,
  Witness,
} from "./witnesses.ts";

export type {
  BarrierControl,
  EnvoyEvidence,
  EnvoyRecord,
  HeaderList,
  HeaderMutation,
  PolicyAnswer,
  PolicyControl,
  PolicyRecord,
  UpstreamControl,
  UpstreamRecord,
  UpstreamReply,
  UpstreamStep,
  WaitOptions,
  Witness,
} from "./witnesses.ts";

/** Additions to every request, and the beginning of every connection. */
export interface WayIn {
  /** Value of `host` and `:authority`, where it is not the URL's. */
  readonly host?: string;
  /** Headers of every request that does not have them itself. */
  readonly headers?: HeaderList;
  /** Connections begin with a PROXY protocol header (version 1), as a load balancer's do. */
  readonly proxyProtocol?: true;
}

/** How much of the surroundings of the gateway the harness owns. */
export type Control = "none" | "upstream" | "policy" | "both";

/** The HTTP versions that a case can be run over; `h3` is HTTP/3 over QUIC. */
export type Protocol = "h1" | "h2c" | "h3";

/** Promises of a target; a case judges against the promise, not against our own defaults. */
export interface Expectations {
  /** Status of a denial made because the policy engine failed: Envoy's `status_on_error`; undefined: not declared. */
  policyErrorStatus?: number | undefined;
  /** How long the gateway waits for the policy engine, milliseconds; undefined: not declared. */
  policyTimeoutMs?: number | undefined;
  /** How long a request head may take, milliseconds; 0: not limited. */
  requestHeadersTimeoutMs: number;
  /** How long a connection to an upstream may take, milliseconds. */
  connectTimeoutMs: number;
  /** Paths under which requests go upstream. */
  routes: string[];
  /** Headers that the gateway may add to a request on its way upstream, lower case. */
  requestHeadersAdded: string[];
  /** Headers that the gateway may drop or change on the way upstream, lower case. */
  requestHeadersChanged: string[];
  /** Headers that the gateway may add to a response, lower case. */
  responseHeadersAdded: string[];
  /** Headers of the upstream that the gateway removes, to say its own under these names, lower case. */
  responseHeadersReplaced?: readonly string[];
  /** Trusted names: only the policy may set them, a client's copy never passes. */
  trustedHeaders: string[];
  /** Paths under /v1/ that the gateway answers itself; none when left out. */
  ownAnswers?: readonly string[];
  /** True when a client's own `x-request-id` is kept; undefined: not declared, but everywhere the same. */
  requestIdKept?: boolean | undefined;
}

/** Action of an external processor in one phase. */
export type ProcessorAction =
  /** A ProcessingResponse as proto3 JSON, verbatim. */
  | { response: Record<string, unknown> }
  /** Ends its stream with OK. */
  | { close: true }
  /** Receives every piece of a duplex body, and returns none of it. */
  | { swallow: true }
  /** Ends its stream with this gRPC status. */
  | { grpc: number }
  /** Never answers. */
  | { hang: true };

/** Actions of an external processor on one request, by phase; it lets the other phases pass. */
export type ProcessorScript = Partial<
  Record<
    | "request_headers"
    | "response_headers"
    | "request_body"
    | "response_body"
    | "request_trailers"
    | "response_trailers",
    ProcessorAction
  >
>;

/** The external processor that the harness owns, for the feature `ext_proc`. */
export interface ProcessorControl {
  readonly scripts: {
    set(nonce: string, script: ProcessorScript): void;
    delete(nonce: string): void;
  };
}

/** How the tokens of the feature `jwt` are made. */
export interface JwtFeature {
  /** Private key as JSON Web Key (RFC 7517), ES256. */
  readonly key: Readonly<Record<string, string>>;
  readonly issuer: string;
  readonly audience: string;
  /** The header that carries the token. */
  readonly header: string;
  /** Text before the token there: `Bearer `. */
  readonly prefix?: string;
}

/** The feature `rate_limit`: so many requests per value of a header. */
export interface RateLimitFeature {
  readonly header: string;
  readonly burst: number;
}

/** The feature `limits`: its promises, and control of the service that counts. */
export interface LimitsFeature {
  /** Tokens that each tenant (`x-tenant`, as policy sets it) has for the run. */
  readonly tokens: number;
  /** A model that costs nothing; of any other, two answers of 30 tokens are more than a tenant has money for. */
  readonly cheapModel: string;
  /** Requests that a session (`x-session-id`) of a tenant may make. */
  readonly sessionRequests: number;
  /** Resolves with the tokens of each charge to a tenant, once there are `count`. */
  charged(tenant: string, count: number): Promise<number[]>;
  /** Questions and charges so far that name this session (`x-session-id`), of any tenant. */
  decisions(session: string): number;
  /** Closes the service, and lets it listen again. */
  close(): Promise<void>;
  reopen(): Promise<void>;
  /** Holds every answer back until the result is disposed. */
  hold(): Disposable;
}

/** The feature `protocols`: base URLs of two listeners whose connections begin with a PROXY protocol header. */
export interface ProxiedFeature {
  /** Of HTTP, put before policy. */
  readonly http: string;
  /** Of bytes, for the network 203.0.113.0/24 alone. */
  readonly tcp: string;
}

/** An answer of the service that knows the messages of sessions. */
export type SessionAnswer = { readonly status?: number; readonly body: string } | "silence";

/** The feature `extensions`: a script asks a service of ours for the messages of a session (`x-session-id`). */
export interface SessionsFeature {
  /** Sets the answer about a session, `TENANT/SESSION`. */
  answer(session: string, answer: SessionAnswer): Promise<void>;
  /** Returns each question about a session of any tenant, as `TENANT/SESSION`. */
  asked(session: string): Promise<string[]>;
  /** Paths whose script, or whose Wasm filter, fails. */
  readonly broken: { readonly lua: string; readonly wasm: string };
}

/** The feature `guard`: a word that the gateway's guards refuse in answers, and in requests with `guard_input`. */
export interface GuardFeature {
  readonly word: string;
}

/** The feature `mcp`: where MCP servers are reached. */
export interface McpFeature {
  /** `/mcp` */
  readonly path: string;
}

/** The feature `context`: how many turns of a session go into a request. */
export interface ContextFeature {
  readonly turns: number;
}

/** The issuer of the tokens that a target with the feature `tokens` takes in `authorization`. */
export interface TokensFeature {
  /** Returns a token with these claims over the valid ones, which `ttlS` seconds hold. */
  sign(claims: Readonly<Record<string, unknown>>, ttlS?: number): Promise<string>;
  /** Signs with the next key from now on. */
  rotate(): Promise<void>;
  /** Sets the issuer's answer to requests for its keys. */
  keys(answer: "as they are" | "an error" | "nonsense"): void;
  /** Resolves when the gateway has had the chance to learn the keys that are published now. */
  keysKnown(): Promise<void>;
}

/** The feature `certificates`: a second ingress over TLS, and its CA. */
export interface CertificatesFeature {
  /** `https://localhost:8443` */
  readonly url: string;
  /** PEM of the root that its certificate chains to. */
  readonly ca: string;
  /** Certificate and key of a client: `tenant`, `admin`, `stranger` (no client) or `other-ca`. */
  client(name: string): Promise<{ readonly cert: string; readonly key: string }>;
  /** The name in the certificate of `tenant`. */
  readonly tenantName: string;
  /** Issues all certificates anew; resolves when they are in place. */
  rotate(): Promise<void>;
  /** Puts a broken certificate in place; resolves when the gateway has refused it. Undefined where nobody can say when. */
  corrupt?(): Promise<void>;
}

/** A model that the target routes, and a path on which it does. */
export interface RoutedModel {
  readonly model: string;
  readonly path: string;
}

/** One of the model servers behind a target with the feature `router`. */
export interface RoutedBackend {
  /** HOST:PORT, as the router was told. */
  readonly endpoint: string;
  /** Models that it serves; undefined for every one. */
  readonly models?: readonly string[];
  readonly journal: Witness<UpstreamRecord>;
}

/** The feature `router`: its promises, and the backends that saw its choices. */
export interface RouterFeature {
  /** Served on one path each, and not on the other's. */
  readonly chat: RoutedModel;
  readonly completion: RoutedModel;
  /** Every model server; each must be ours. */
  readonly backends: readonly RoutedBackend[];
  /** Header that names a session, where sessions stick. */
  readonly sessionHeader?: string;
  /** Longest request body, bytes; undefined when it is not known. */
  readonly maxBodyBytes?: number;
  /** Names of one model, and what backends are asked for in their place. */
  readonly rewrites?: {
    readonly names: readonly string[];
    readonly path: string;
    readonly as: string;
  };
  /** A model that is asked by multipart/form-data. */
  readonly form?: RoutedModel;
  /** A model whose hosts are gone, and the models that are asked for in its place, in order. */
  readonly fallback?: RoutedModel & { readonly to: readonly string[] };
}

/** How a client names itself to the target. */
export interface Credentials {
  /** Headers that the target's policy allows. */
  allow: HeaderList;
  /** Headers that the target's policy refuses; `undefined`: not known. */
  deny?: HeaderList;
}

/** The gateway to be judged, and everything around it that the harness may ask or steer. */
export interface Target {
  readonly name: string;
  /** Base URL of the ingress, `http://` or `https://`. */
  readonly url: string;
  /** Base URL of the ingress over QUIC, where its port is another one than that of `url`. */
  readonly quicUrl?: string;
  readonly control: Control;
  readonly protocols: readonly Protocol[];
  /** Features that the target declares beyond the core: they open the opt-in groups. */
  readonly features: readonly string[];
  readonly credentials: Credentials;
  readonly model: string;
  readonly expect: Expectations;
  readonly policy?: PolicyControl;
  readonly upstream?: UpstreamControl;
  readonly envoy?: EnvoyEvidence;
  /** Returns the value of `x-harness-case` for a nonce; without it, scripts cannot be used. */
  readonly sign?: (nonce: string) => string;
  /** Additions that requests need, beside a path and a credential, to get in. */
  readonly wayIn?: WayIn;
  /** Policy is shown only some headers, without the nonce's: it travels in the query, too. */
  readonly marksPath?: true;
  /** Where the upstream finds the nonce: a header, or the body where headers do not pass. */
  readonly carry?: "header" | "body";
  /** Free facts for the report's header: versions, hashes, addresses. */
  readonly facts?: Readonly<Record<string, string>>;
  /** PEM of the root that an `https://` target's certificate chains to; default: the system's. */
  readonly ca?: string;
  /** Set when the target is a policy engine alone: `host:port`, gRPC. */
  readonly engine?: { readonly address: string };
  /** Requests that may still be sent; cases beyond are skipped. Default: as many as are needed. */
  readonly budget?: { left: number };
  /** The wire formats that the gateway translates between: opens the group `dialect`. */
  readonly dialect?: { readonly client: Dialect; readonly upstream: Dialect };
  readonly processor?: ProcessorControl;
  readonly jwt?: JwtFeature;
  readonly rateLimit?: RateLimitFeature;
  readonly router?: RouterFeature;
  readonly limits?: LimitsFeature;
  readonly proxied?: ProxiedFeature;
  readonly sessions?: SessionsFeature;
  readonly guard?: GuardFeature;
  readonly context?: ContextFeature;
  readonly fallback?: FallbackFeature;
  readonly mirror?: MirrorFeature;
  readonly reload?: ReloadFeature;
  readonly trace?: TraceFeature;
  readonly mcp?: McpFeature;
  readonly tokens?: TokensFeature;
  readonly certificates?: CertificatesFeature;
  /**
   * For the features `certificates_upstream` and `certificates_upstream_unknown`: the names in the certificates of
   * those whose requests an upstream with TLS has taken, which asks for one.
   */
  readonly upstreamClients?: readonly string[];
  /** Cases that this kind of gateway cannot be asked, each with the reason: `unsupported`. */
  readonly exempt?: Readonly<Record<string, string>>;
  /** Cases by pattern (`*` is any text) that nothing can be said about here, each with the reason: `not-measured`. */
  readonly unmeasured?: Readonly<Record<string, string>>;
  /** Starts a copy of the target with another configuration, for an opt-in group. */
  readonly variants?: Readonly<Record<string, () => Promise<Target & AsyncDisposable>>>;
}
