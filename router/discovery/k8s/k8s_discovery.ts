/** Model servers in Kubernetes: the ready pods behind Services, found by label. */
import { delay, type Log, messageOf, silent, UnavailableError } from "../../../service/mod.ts";
import type { BackendHost } from "../../hosts.ts";
import { HostList, type HostSource } from "../host_source.ts";
import { ModelBook } from "../model_book.ts";
import { ApiError } from "./api.ts";
import type { ClusterAccess } from "./cluster_access.ts";
import { type EndpointSlice, hostsOfSlices, type PodPort } from "./endpoint_slices.ts";
import { reflect, type ReflectOptions } from "./reflector.ts";

/** Options of {@linkcode startK8sDiscovery}. */
export interface K8sDiscoveryOptions {
  readonly access: ClusterAccess;
  /** That of the access when left out. */
  readonly namespace?: string | undefined;
  /** Selects EndpointSlices, which bear the labels of their Service: `app=vllm`. */
  readonly labelSelector: string;
  /** Port of the pods: a number, or its name in the Service; the first one when left out. */
  readonly port?: PodPort;
  /** The pods' key; none when left out. */
  readonly key?: string | undefined;
  /** Milliseconds between two looks at a pod's `/v1/models`; 30,000 when left out. */
  readonly modelsMs?: number;
  /** Milliseconds until a pod that did not answer is asked again, the first time; 1,000 when left out. */
  readonly modelsRetryMs?: number;
  readonly backoff?: NonNullable<ReflectOptions<EndpointSlice>["backoff"]>;
  /** Milliseconds from the first failure until the first list must be there; 15,000 when left out. */
  readonly readyMs?: number;
  readonly log?: Log;
}

const MODELS_MS = 30_000;
const MODELS_RETRY_MS = 1_000;
const READY_MS = 15_000;
/** Refusals that no waiting mends. */
const DENIED = [401, 403, 404];

/**
 * Follows the EndpointSlices that the selector names. A pod is a host once it is ready and has
 * listed its models. Resolves when the first list is there and each of its pods was asked once.
 *
 * @throws {UnavailableError} when the API refuses, or cannot be reached in time
 */
export async function startK8sDiscovery(options: K8sDiscoveryOptions): Promise<HostSource> {
  const discovery = new K8sDiscovery(options);
  await using undo = new AsyncDisposableStack();
  undo.use(discovery);
  await discovery.start();
  undo.move();
  return discovery;
}

class K8sDiscovery extends HostList {
  readonly #options: K8sDiscoveryOptions;
  readonly #book: ModelBook;
  readonly #end = new AbortController();
  #found: readonly BackendHost[] = [];
  #following: Promise<void> = Promise.resolve();

  constructor(options: K8sDiscoveryOptions) {
    super();
    this.#options = options;
    this.#book = new ModelBook({
      onChange: () => this.#show(),
      log: options.log ?? silent,
      againMs: options.modelsMs ?? MODELS_MS,
      retryMs: options.modelsRetryMs ?? MODELS_RETRY_MS,
    });
  }

  async start(): Promise<void> {
    const { access, labelSelector, backoff } = this.#options;
    const namespace = this.#options.namespace ?? access.namespace;
    const path = `/apis/discovery.k8s.io/v1/namespaces/${
      encodeURIComponent(namespace)
    }/endpointslices`;
    const first = Promise.withResolvers<void>();
    const giveUp = new AbortController();
    const refused = (error: unknown) => {
      if (giveUp.signal.aborted) return;
      if (error instanceof ApiError && DENIED.includes(error.code)) first.reject(error);
      lastFailure ?? delay(this.#options.readyMs ?? READY_MS, giveUp.signal)
        .then(() => first.reject(lastFailure), () => {});
      lastFailure = error;
    };
    let lastFailure: unknown;
    this.#following = reflect<EndpointSlice>({
      collection: { access, path, labelSelector },
      onChange: (slices) => {
        const asked = this.#see(slices);
        asked.then(first.resolve, first.reject);
      },
      onFailure: refused,
      log: this.#options.log ?? silent,
      signal: this.#end.signal,
      ...(backoff === undefined ? {} : { backoff }),
    });
    try {
      await first.promise;
    } catch (error) {
      throw new UnavailableError(
        `Cannot discover model servers in Kubernetes (${access.server.origin}, namespace "${namespace}"): ${
          messageOf(error)
        }: the account must be allowed to list and watch endpointslices.discovery.k8s.io`,
      );
    } finally {
      giveUp.abort();
    }
  }

  /** Resolves when every new pod was asked once. */
  async #see(slices: readonly EndpointSlice[]): Promise<void> {
    const { port, key } = this.#options;
    const found = hostsOfSlices(slices, port);
    this.#found = key === undefined ? found : found.map((host) => ({ ...host, key }));
    const asked = this.#book.follow(this.#found);
    // Pods that are gone are gone at once; new ones wait for their models.
    this.#show();
    await asked;
  }

  #show(): void {
    this.replace(this.#found.flatMap((host) => this.#book.of(host) ?? []));
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#following;
    await this.#book[Symbol.asyncDispose]();
    await super[Symbol.asyncDispose]();
  }
}
