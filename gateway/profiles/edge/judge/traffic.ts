/** Copies of the profile that have several upstreams or a mirror: all of them mocks of the suite's. */
import type { FallbackFeature, KnownUpstream, Target } from "../../../../conformance/mod.ts";
import { silent } from "../../../../service/mod.ts";
import type { Upstream } from "../../../../upstream/mod.ts";
import { type BackendPool, startBackendPool } from "../../../mod.ts";
import { FALLBACK_ON, type Traffic, type TrafficUpstream } from "../upstreams/traffic.ts";
import { type EdgeTargetOptions, startEdgeTarget } from "./target.ts";

/** The header by which the profile tells its attempts. */
const ATTEMPTS = "x-llm-attempts";

/** Paths of the mocks. Without a script only the first is asked, and only its own paths have an answer then. */
const PREFIXES = ["", "/second", "/third"];

/** Entries of the journal of each mock: a case has few. */
const JOURNAL_LIMIT = 2_000;

/** Starts one copy. */
type StartCopy = (options: EdgeTargetOptions) => Promise<Target & AsyncDisposable>;

interface Mocks {
  readonly pool: BackendPool;
  /** Each as the profile is told about it. */
  readonly upstreams: readonly TrafficUpstream[];
  /** Each as the suite knows it. */
  readonly known: readonly KnownUpstream[];
}

async function startMocks(stack: AsyncDisposableStack, count: number): Promise<Mocks> {
  const pool = stack.use(
    await startBackendPool({
      host: "127.0.0.1",
      ports: Array.from({ length: count }, () => 0),
      journalLimit: JOURNAL_LIMIT,
      log: silent,
    }),
  );
  const keyOf = (index: number) => ({
    env: `LLMGATE_CASE_KEY_${index}`,
    value: `key-of-upstream-${index}-${crypto.randomUUID()}`,
  });
  const keys = pool.backends.map((_, index) => keyOf(index));
  return {
    pool,
    upstreams: pool.backends.map(({ url }, index) => ({
      replicas: [{ url: `${url}${PREFIXES[index] ?? ""}` }],
      key: keys[index],
    })),
    known: pool.backends.map((mock, index) =>
      known(mock, {
        pathPrefix: PREFIXES[index] ?? "",
        authorization: `Bearer ${keys[index]?.value}`,
      })
    ),
  };
}

function known(
  mock: Upstream,
  facts: Pick<KnownUpstream, "pathPrefix" | "authorization">,
): KnownUpstream {
  return {
    ...facts,
    authority: new URL(mock.url).host,
    journal: mock.journal,
    scripts: mock.scripts,
    close: () => mock.close(),
    reopen: () => mock.reopen(),
  };
}

/** A copy whose traffic goes to mocks: `settings` beside the upstreams. */
function copyWith(
  feature: string,
  { mocks: count, settings, facts, watchesFailures = false }: {
    mocks: number;
    /** Whether upstreams that fail are left out for a while, as in the profile. */
    watchesFailures?: boolean;
    settings: (mocks: Mocks) => Partial<Traffic>;
    facts: (mocks: Mocks) => Partial<Target>;
  },
): StartCopy {
  return async (options) => {
    await using stack = new AsyncDisposableStack();
    const mocks = await startMocks(stack, count);
    const target = stack.use(
      await startEdgeTarget({
        concurrency: 1,
        ...options,
        features: [feature],
        edit(bootstrap, tls) {
          if (!watchesFailures) leaveNobodyOut(bootstrap);
          askOften(bootstrap);
          options.edit?.(bootstrap, tls);
        },
        edge: {
          ...options.edge,
          traffic: { upstreams: mocks.upstreams, fallbackOn: FALLBACK_ON, ...settings(mocks) },
        },
      }),
    );
    const owned = stack.move();
    return {
      ...target,
      control: "both",
      upstream: mocks.pool,
      ...facts(mocks),
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  };
}

/** Health is asked for so often that a case need not wait for seconds. */
// deno-lint-ignore no-explicit-any -- as below
function askOften({ static_resources: { clusters } }: any): void {
  // deno-lint-ignore no-explicit-any -- as below
  for (const check of clusters.flatMap((one: any) => one.health_checks ?? [])) {
    check.interval = check.no_traffic_interval = "0.1s";
  }
}

/** Cases let upstreams fail on purpose; that must not change who is asked by others. */
// deno-lint-ignore no-explicit-any -- the profile's configuration, edited at known places
function leaveNobodyOut({ static_resources: { clusters } }: any): void {
  for (const cluster of clusters) delete cluster.outlier_detection;
}

/** A copy with so many upstreams. */
function fallbackCopy(
  feature: string,
  { mocks = 3, settings = {}, facts = {}, watchesFailures = false }: {
    mocks?: number;
    settings?: Partial<Traffic> | ((mocks: Mocks) => Partial<Traffic>);
    facts?: Partial<FallbackFeature>;
    watchesFailures?: boolean;
  } = {},
): StartCopy {
  return copyWith(feature, {
    mocks,
    watchesFailures,
    settings: (mocks) => typeof settings === "function" ? settings(mocks) : settings,
    facts: ({ known }) => ({ fallback: { upstreams: known, attemptsHeader: ATTEMPTS, ...facts } }),
  });
}

/** Milliseconds to the first header: far more than a mock needs on a busy machine. */
const FIRST_BYTE_MS = 1_500;
/** Header by which the copy with replicas keeps a session on one. */
const SESSION = "x-session-id";
const HEALTH_PATH = "/v1/models";
const IN_FLIGHT = 2;

/** How to start a copy for each feature of the groups `fall` and `shadow`. */
const COPIES: Readonly<Record<string, StartCopy>> = {
  fallback: fallbackCopy("fallback"),
  first_byte: fallbackCopy("first_byte", {
    settings: { firstByteMs: FIRST_BYTE_MS },
    facts: { firstByteMs: FIRST_BYTE_MS },
  }),
  hedge: fallbackCopy("hedge", {
    settings: { firstByteMs: FIRST_BYTE_MS, hedge: true },
    facts: { firstByteMs: FIRST_BYTE_MS },
  }),
  alone: fallbackCopy("alone", { mocks: 1, settings: { attempts: 3 } }),
  outlier: fallbackCopy("outlier", { watchesFailures: true }),
  health: fallbackCopy("health", {
    watchesFailures: true,
    settings: { healthPath: HEALTH_PATH },
    facts: { healthPath: HEALTH_PATH },
  }),
  breaker: fallbackCopy("breaker", {
    settings: { maxInFlight: IN_FLIGHT },
    facts: { maxInFlight: IN_FLIGHT },
  }),
  affinity: fallbackCopy("affinity", {
    settings: ({ upstreams }) => ({
      upstreams: [{
        replicas: upstreams.flatMap(({ replicas }) => replicas),
        key: upstreams[0]?.key,
      }],
      affinity: SESSION,
    }),
    facts: { affinityHeader: SESSION },
  }),
  lanes: fallbackCopy("lanes", {
    settings: ({ upstreams: [first, second, third] }) => ({
      upstreams: first === undefined ? [] : [first],
      canary: second && { percent: 50, upstream: second },
      variants: third === undefined ? [] : [{ name: "b", upstream: third }],
    }),
  }),
  mirror: copyWith("mirror", {
    mocks: 2,
    settings: ({ upstreams: [first, second] }) => ({
      upstreams: first === undefined ? [] : [first],
      mirror: second,
    }),
    facts: ({ pool, known: [, mirror] }) => ({
      ...(mirror && { mirror: { mirror } }),
      ...(pool.backends[0] && { upstream: pool.backends[0] }),
    }),
  }),
};

/** Returns how to start each of the copies. */
export function trafficVariants(options: EdgeTargetOptions): NonNullable<Target["variants"]> {
  return Object.fromEntries(
    Object.entries(COPIES).map(([feature, start]) => [feature, () => start(options)]),
  );
}
