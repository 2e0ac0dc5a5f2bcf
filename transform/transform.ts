/** The transform processor: steps on requests and answers, behind any Envoy. */
import { createHash } from "node:crypto";
import { dirname } from "node:path";
import { type CheckClient, checkClient } from "../ext_authz/mod.ts";
import { EXTERNAL_PROCESSOR, processorService } from "../ext_proc/mod.ts";
import { type GrpcServer, startGrpcServer } from "../grpc/mod.ts";
import {
  assertPeerSecret,
  loadModule,
  type Log,
  messageOf,
  metricsText,
  silent,
  UsageError,
} from "../service/mod.ts";
import { transformControl } from "./control.ts";
import type { Step } from "./exchange.ts";
import { TransformMetrics } from "./metrics.ts";
import { type Passage, Passages } from "./passages.ts";
import { transformProcessor } from "./processor.ts";
import { apisOf } from "./openapi.ts";
import { apiListStep, apiStep } from "./steps/api.ts";
import { cacheStep } from "./steps/cache.ts";
import { contextStep } from "./steps/context.ts";
import { guardStep, presidioStep } from "./steps/guard.ts";
import { presidioCheck } from "./steps/guard_checks.ts";
import { mcpToolsStep } from "./steps/mcp_tools.ts";
import { promptStep } from "./steps/prompt.ts";
import { redactStep } from "./steps/redact.ts";
import { Semantic } from "./steps/semantic.ts";
import { Background, summariser } from "./steps/summary.ts";
import { openStore } from "./store/sqlite.ts";
import type { Store } from "./store/store.ts";
import type { StepFile, TransformFile } from "./transform_schema.ts";

/** Options of `startTransform`; one of `file` and `steps` is needed. */
export interface TransformOptions {
  readonly host?: string;
  /** 0 picks a free one. */
  readonly port?: number;
  /** `transform.yaml`, reloaded on change; a broken file is reported and the old steps stay. */
  readonly file?: string;
  /** Steps in place of a file. */
  readonly steps?: TransformFile;
  /** Where context and cache are kept when the file does not say; in memory when left out. */
  readonly storePath?: string;
  /** Secret by which Envoy proves itself; needed where `host` is no loopback address. */
  readonly peerSecret?: string | undefined;
  readonly env?: (name: string) => string | undefined;
  /** Milliseconds since 1970; the system's clock when left out. */
  readonly now?: () => number;
  readonly log?: Log;
}

/** A running transform processor. */
export interface Transform extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** `host:port` */
  readonly address: string;
  /** Names of the steps, in their order. */
  readonly steps: readonly string[];
  readonly store: Store;
  /** Handlers for paths of a control listener: `/__context/*`, `/__cache`, `/openapi.json`. */
  readonly control: Readonly<Record<string, (request: Request) => Promise<Response>>>;
  /** Tells how a request passed; undefined when it is not known any more. */
  passage(requestId: string): Passage | undefined;
  /** Prometheus text. */
  metrics(): Promise<string>;
}

/**
 * Starts the processor and resolves when it listens.
 *
 * @throws {UsageError} for a file that cannot be used, and for a port that is open to other machines without a secret
 * @throws {UnavailableError} when the store cannot be opened, or the port is taken
 */
export async function startTransform(options: TransformOptions): Promise<Transform> {
  const { host = "127.0.0.1", port = 0, log = silent, env = () => undefined, now = Date.now } =
    options;
  assertPeerSecret(host, options.peerSecret, "the transform processor");
  await using stack = new AsyncDisposableStack();
  const first = options.steps ?? await read(options.file);
  const store = stack.use(await storeOf(first, { path: options.storePath, env, now }));
  const { at: engine } = stack.use(new EngineClients());
  const { run: background } = stack.use(
    new Background((what) => log(`Work behind an answer could not be done: ${what}`)),
  );
  const folder = options.file === undefined ? undefined : dirname(options.file);
  const build = (file: TransformFile) =>
    stepsOf(file, { store, env, now, engine, background, folder });
  let steps = await build(first);
  let current = first;
  const change = async (file: TransformFile) => {
    try {
      [steps, current] = [await build(file), file];
    } catch (error) {
      log(`The steps stay as they were: ${messageOf(error)}`);
    }
  };
  // One after the other: the last change wins, however long each takes.
  let building = Promise.resolve();
  const metrics = new TransformMetrics();
  const passages = new Passages();
  if (options.file !== undefined && options.steps === undefined) {
    const { followData } = await loadModule<typeof import("../data_files/mod.ts")>(
      "data_files/mod.ts",
    );
    const { TRANSFORM_FILE } = await loadModule<typeof import("./transform_schema.ts")>(
      "transform/transform_schema.ts",
    );
    const followed = await followData(TRANSFORM_FILE, options.file, {
      log,
      // Requests that are on their way keep the steps that they began with.
      onChange: (file) => void (building = building.then(() => change(file))),
    });
    stack.use(followed);
  }
  const server: GrpcServer = stack.use(
    await startGrpcServer({
      host,
      port,
      peerSecret: options.peerSecret,
      services: [
        processorService(() =>
          passages.follow((tell) =>
            transformProcessor(steps, (exchange) => {
              metrics.count(exchange);
              tell(exchange);
            })
          )
        ),
      ],
    }),
  );
  const owned = stack.move();
  return {
    host,
    port: server.port,
    address: server.address,
    get steps() {
      return namesOf(current);
    },
    store,
    passage: (requestId) => passages.of(requestId),
    control: transformControl({ store, file: () => current }),
    metrics: () => Promise.resolve(metricsText(metrics.families())),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The service's full name, for health and reflection. */
export const TRANSFORM_SERVICE = EXTERNAL_PROCESSOR;

/** The store that a file asks for: it is opened once, and a reload does not move it. */
async function storeOf(
  { store: { path, redis_env } }: TransformFile,
  { path: fallback = ":memory:", env, now }: {
    readonly path: string | undefined;
    readonly now: () => number;
    env(name: string): string | undefined;
  },
): Promise<Store> {
  if (redis_env === undefined) return openStore(path ?? fallback, now);
  const url = env(redis_env);
  if (!url) {
    throw new UsageError(
      `Cannot use redis_env: the environment variable "${redis_env}" is not set: it must hold redis://HOST:PORT`,
    );
  }
  const { openRedisStore } = await loadModule<typeof import("./store/redis.ts")>(
    "transform/store/redis.ts",
  );
  return await openRedisStore(url, now);
}

async function read(file: string | undefined): Promise<TransformFile> {
  if (file === undefined) {
    throw new UsageError("Cannot start the transform processor without steps: name a file");
  }
  const { readData } = await loadModule<typeof import("../data_files/mod.ts")>("data_files/mod.ts");
  const { TRANSFORM_FILE } = await loadModule<typeof import("./transform_schema.ts")>(
    "transform/transform_schema.ts",
  );
  return await readData(TRANSFORM_FILE, file);
}

/** Parts that steps are made with. */
export interface StepSurroundings {
  readonly store: Store;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  env(name: string): string | undefined;
  /** Folder that paths in the file begin at; the working folder when left out. */
  readonly folder?: string | undefined;
  /** A client of the policy engine at HOST:PORT. */
  engine(address: string): CheckClient;
  /** Does what nobody waits for. */
  background(work: (signal: AbortSignal) => Promise<void>): void;
}

/** Clients of policy engines, one for each address: steps that are made anew go on with them. */
export class EngineClients implements Disposable {
  readonly #clients = new Map<string, CheckClient>();

  readonly at = (address: string): CheckClient => {
    const known = this.#clients.get(address) ?? checkClient({ address });
    this.#clients.set(address, known);
    return known;
  };

  [Symbol.dispose](): void {
    for (const client of this.#clients.values()) client[Symbol.dispose]();
  }
}

/**
 * Returns the steps of a file, in their order.
 *
 * @throws {UsageError} for a step that cannot be made: a pattern, a key that is not set
 */
export async function stepsOf(
  file: TransformFile,
  surroundings: StepSurroundings,
): Promise<Step[]> {
  const version = createHash("sha256").update(JSON.stringify(file.steps)).digest("hex");
  const made = await Promise.all(
    file.steps.map(async (one) => [
      await stepOf(one, { ...surroundings, version }),
      ...one.redact?.presidio ? [presidioStep(one.redact, presidioCheck(one.redact.presidio))] : [],
    ]),
  );
  const apis = apisOf(file);
  if (apis.length === 0) return made.flat();
  // A prompt's input is a message before any other step looks: behind a guard it would pass it by.
  const isApi = (_: unknown, at: number) => file.steps[at]?.api !== undefined;
  const others = made.filter((step, at) => !isApi(step, at));
  return [apiListStep(apis), ...made.filter(isApi).flat(), ...others.flat()];
}

async function stepOf(
  one: StepFile,
  { store, env, now, engine, background, folder, version }: StepSurroundings & {
    readonly version: string;
  },
): Promise<Step> {
  if (one.prompt) return promptStep(one.prompt);
  if (one.api) return apiStep(one.api);
  if (one.redact) return await redactStep(one.redact);
  if (one.guard) return await guardStep(one.guard, { env, folder });
  if (one.cache) {
    const semantic = one.cache.semantic && new Semantic(one.cache.semantic, store, env);
    return cacheStep(one.cache, { store, now, version, semantic, background });
  }
  if (one.context) {
    const { longer } = one.context;
    const summarise = longer && summariser(longer, env);
    return contextStep(one.context, { store, summarise, background });
  }
  if (one.mcp_tools) return mcpToolsStep(one.mcp_tools, engine(one.mcp_tools.policy));
  throw new UsageError("Cannot use a step without a name");
}

function namesOf({ steps }: TransformFile): readonly string[] {
  return steps.map((one) =>
    Object.entries(one).find(([, value]) => value !== undefined)?.[0] ?? ""
  );
}
