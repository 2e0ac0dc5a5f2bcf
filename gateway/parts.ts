/** The parts of a gateway beside Envoy. Their rooms are loaded when they are started, and only those that are. */
import type { Policy } from "../policy/mod.ts";
import type { Responses } from "../responses/mod.ts";
import { loadModule, silent } from "../service/mod.ts";
import type { Upstream } from "../upstream/mod.ts";
import { startAnswering } from "./answering.ts";
import type { GatewayOptions } from "./gateway.ts";
import { profileOf } from "./profile.ts";
import type { Routing } from "./routing.ts";

const LOOPBACK = "127.0.0.1";

/** What a person looks back at. An exchange is some kilobytes, so 10,000 of them would show. */
const JOURNAL_LIMIT = 1_000;

/** Each is started by its first call, and undefined where the options leave it out. */
export interface Parts {
  policy(): Promise<Policy | undefined>;
  upstream(): Promise<Upstream | undefined>;
  routing(): Promise<Routing | undefined>;
  responses(): Promise<Responses | undefined>;
}

/** The parts that the options ask for, not yet started. `runDir` is where they may write. */
export function partsOf(options: GatewayOptions, runDir: string): Parts {
  const none = Promise.resolve(undefined);
  const upstream = once(() => hasMock(options) ? startMock(options) : none);
  return {
    policy: once(() => options.policy ? none : startStub(options)),
    upstream,
    routing: once(() => hasRouter(options) ? startOwnRouting(options) : none),
    responses: once(() =>
      hasResponses(options)
        ? startAnswering(options.answering ?? {}, {
          ports: { http: options.ports.responses, extproc: options.ports.extproc },
          runDir: runDir,
          upstream: upstream(),
          log: options.log ?? silent,
        })
        : none
    ),
  };
}

function once<T>(start: () => Promise<T>): () => Promise<T> {
  let started: Promise<T> | undefined;
  return () => started ??= start();
}

async function startStub(options: GatewayOptions): Promise<Policy> {
  const start = options.scriptSecret === undefined
    ? (await loadModule<typeof import("../policy/mod.ts")>("policy/mod.ts")).startPolicy
    : (await loadModule<typeof import("../instruments/mod.ts")>("instruments/mod.ts"))
      .startPolicyThread;
  return await start({
    host: LOOPBACK,
    port: options.ports.policy,
    ...(options.rulesFile === undefined ? {} : { rulesFile: options.rulesFile }),
    ...(options.providerKey === undefined ? {} : { providerKey: options.providerKey }),
    ...(options.scriptSecret === undefined ? {} : { scriptSecret: options.scriptSecret }),
    journalLimit: options.journalLimit ?? JOURNAL_LIMIT,
    log: options.log ?? silent,
  });
}

async function startMock(options: GatewayOptions): Promise<Upstream> {
  const { startUpstream } = await loadModule<typeof import("../upstream/mod.ts")>(
    "upstream/mod.ts",
  );
  return await startUpstream({
    host: LOOPBACK,
    port: options.ports.upstream,
    ...(options.scenarios === undefined ? {} : { scenarios: options.scenarios }),
    journalLimit: options.journalLimit ?? JOURNAL_LIMIT,
    log: options.log ?? silent,
  });
}

/** Whether the profile has a model router. */
export function hasRouter(options: GatewayOptions): boolean {
  return profileOf(options.profile).routerCluster !== undefined;
}

/** Whether the profile has a Responses gateway. */
export function hasResponses(options: GatewayOptions): boolean {
  return profileOf(options.profile).responsesCluster !== undefined;
}

/** Whether the mock upstream takes the place of a model server that nobody named. */
export function hasMock(options: GatewayOptions): boolean {
  return !options.upstream && !hasRouter(options) &&
    options.answering?.modelEndpoint === undefined;
}

async function startOwnRouting(options: GatewayOptions): Promise<Routing> {
  const { startRouting } = await loadModule<typeof import("./routing.ts")>("gateway/routing.ts");
  return await startRouting(options.routing ?? {}, {
    port: options.ports.router,
    scenarios: options.scenarios,
    journalLimit: options.journalLimit ?? JOURNAL_LIMIT,
    log: options.log ?? silent,
  });
}
