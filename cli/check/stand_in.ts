/** Parts of somebody's Envoy configuration beside policy and upstream: who stands in for them, and what waits for them. */
import { CASES, type HeaderList, type JwtFeature, type Target } from "../../conformance/mod.ts";
import {
  type AdoptedConfig,
  type ForeignPart,
  type ForeignTokens,
  placeCluster,
} from "../../envoy/mod.ts";
import {
  type HttpEngine,
  type KeyServer,
  startHttpEngine,
  startKeyServer,
  startProcessorThread,
} from "../../instruments/mod.ts";
import { loadModule, type Log } from "../../service/mod.ts";

/** Parts that a stand-in replaces, and those without one. */
export interface StandIns extends AsyncDisposable {
  /** Asks our policy in place of the file's HTTP engine; `undefined`: it has none. */
  readonly httpEngine: HttpEngine | undefined;
  /** Tokens of our own key server that the gateway takes; `undefined`: it asks none of ours. */
  readonly tokens: StandInTokens | undefined;
  /** Cases that nothing can be said about, by pattern, with the reason. */
  readonly unmeasured: NonNullable<Target["unmeasured"]>;
  /** Why nothing can be said at all where no request passes; `undefined`: every part that requests need is there. */
  readonly needed: string | undefined;
  /** Cases that such a gateway leaves nothing to ask of, with the reason. */
  readonly exempt: NonNullable<Target["exempt"]>;
}

/** Tokens that a gateway takes once our keys are its own. */
export interface StandInTokens {
  /** Facts about them, for the cases about tokens. */
  readonly feature: JwtFeature;
  /** The header that every other request needs to get past the check. */
  readonly header: HeaderList[number];
}

/** The words for a part, and the cases that say something about it. */
const KINDS: Readonly<
  Record<
    ForeignPart["kind"],
    { readonly what: string; readonly ours: string; readonly cases: readonly string[] }
  >
> = {
  http_authz: { what: "HTTP authorization service", ours: "", cases: [] },
  ext_proc: {
    what: "external processor",
    ours: "one that lets everything pass",
    cases: ["sse.*", "pass.*", "cancel.*", "allow.*-identical", "allow.large-response"],
  },
  rate_limit: {
    what: "rate-limit service",
    ours: "one that lets everything pass",
    cases: ["rl.*", "limit.*"],
  },
  jwks: { what: "key server (JWKS)", ours: "one with a key of its own", cases: ["jwt.*"] },
};

/** The service wants at least one limit: this one is nobody's. */
const NO_LIMIT =
  "{ version: 1, limits: [{ match: { tenant: nobody-of-llmgate }, requests: { per: second, max: 1000000 } }] }";

/** Groups and cases about what only the gRPC form of asking has: its method, its peer, its mutations. */
const GRPC_ONLY =
  /^(mut\.|contract\.(grpc-path|source-address|method-path-host)$|sec\.tenant-spoof)/;

const HTTP_EXEMPT: Readonly<Record<string, string>> = Object.fromEntries(
  CASES.filter(({ id }) => GRPC_ONLY.test(id)).map(({ id }) => [
    id,
    "Policy is asked over HTTP: which headers it may set, the file says",
  ]),
);

/**
 * Starts what stands in for the parts of an adopted configuration, and points their clusters at it: always the HTTP
 * engine, in front of our policy stub; the others with `--stand-in`. Says of each part what became of it.
 *
 * @throws {UnavailableError} when a stand-in does not start
 */
export async function startStandIns(
  { parts, file }: Pick<AdoptedConfig, "parts" | "file">,
  { wanted, given, log }: {
    readonly wanted: boolean;
    /** Ports of parts that are ours already. */
    readonly given: Readonly<Partial<Record<ForeignPart["kind"], number>>>;
    readonly log: Log;
  },
): Promise<StandIns> {
  await using stack = new AsyncDisposableStack();
  const unmeasured: Record<string, string> = {};
  const exempt: Record<string, string> = {};
  let httpEngine: HttpEngine | undefined;
  let keys: KeyServer | undefined;
  let tokens: StandInTokens | undefined;
  let needed: string | undefined;
  for (const part of parts) {
    const { what, cases } = KINDS[part.kind];
    const named = `the ${what} of "${part.filter}" (cluster "${part.cluster}")`;
    const port = await startFor(part);
    if (port !== undefined) {
      const http = part.kind === "http_authz" || part.kind === "jwks" ? 1 : 2;
      placeCluster(file.bootstrap, part.cluster, { host: "127.0.0.1", port, http });
      log(`Adjusted: ${named} is ours`);
      continue;
    }
    const way = part.kind === "http_authz" ? "" : `: --stand-in runs ${KINDS[part.kind].ours}`;
    log(`Note: ${named} is not ours and nobody stands in for it${way}`);
    const reason = `Nobody stands in for ${named}${way}`;
    if (!part.isOptional) needed ??= `Nothing passes. ${reason}`;
    for (const glob of cases) unmeasured[glob] = reason;
  }
  const owned = stack.move();
  return {
    httpEngine,
    tokens,
    unmeasured,
    needed,
    exempt,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };

  async function startFor(part: ForeignPart): Promise<number | undefined> {
    if (given[part.kind] !== undefined) return given[part.kind];
    if (part.kind === "http_authz") {
      const { pathPrefix } = part;
      httpEngine = stack.use(await startHttpEngine(pathPrefix === undefined ? {} : { pathPrefix }));
      Object.assign(exempt, HTTP_EXEMPT);
      if (part.listsHeaders) {
        exempt["deny.body-and-headers"] = "The file lists which headers of a denial reach clients";
      }
      return httpEngine.port;
    }
    if (!wanted) return undefined;
    if (part.kind === "jwks") {
      keys ??= stack.use(await startKeyServer());
      tokens ??= await tokensOf(keys, part.tokens);
      return keys.port;
    }
    if (part.kind === "ext_proc") return stack.use(await startProcessorThread()).port;
    const { startLimits } = await loadModule<typeof import("../../limits/mod.ts")>("limits/mod.ts");
    return stack.use(await startLimits({ limits: NO_LIMIT })).port;
  }
}

/** Issuer of the tokens where the file names none. */
const ANYBODY = "https://llmgate.test";

async function tokensOf(
  keys: KeyServer,
  { issuer = ANYBODY, audience = "llmgate", header = "authorization", prefix = "" }: Partial<
    ForeignTokens
  > = {},
): Promise<StandInTokens> {
  const token = await keys.sign({ iss: issuer, aud: audience, sub: "llmgate" });
  return {
    feature: { key: keys.key, issuer, audience, header, prefix },
    header: [header, `${prefix}${token}`],
  };
}
