/** The server: streams of several Envoys, what each has taken or refused, and changes to all of them. */
import {
  type BidiCall,
  GRPC_STATUS,
  GrpcError,
  type GrpcServer,
  type GrpcService,
  startGrpcServer,
} from "../grpc/mod.ts";
import {
  assertPeerSecret,
  assertPortFree,
  DEFAULT_PORTS,
  Journal,
  type Log,
  messageOf,
  silent,
} from "../service/mod.ts";
import { type Service, type Snapshot, TYPE } from "./resources.ts";
import { type Said, type Step, type Variant, XdsStream } from "./stream.ts";
import {
  type Asked,
  decodeAsked,
  decodeDeltaAsked,
  type DeltaAsked,
  encodeAnswer,
  encodeDeltaAnswer,
  type Node,
} from "./wire.ts";

/** Something that happened, on one stream. */
export interface XdsEvent extends Omit<Said, "word"> {
  readonly word: Said["word"] | "connected" | "gone";
  /** Number of the stream, from 1. */
  readonly stream: number;
  /** How the Envoy calls itself; empty before it has said so. */
  readonly node: string;
  readonly peer: string;
  readonly variant: Variant;
  /** Its version, when it connects. */
  readonly envoy?: string;
}

/** Options of {@linkcode startXds}. */
export interface XdsOptions {
  /** Interface to listen on; `127.0.0.1` unless told otherwise, and others with a secret alone. */
  readonly host?: string;
  readonly port?: number;
  readonly snapshot: Snapshot;
  /** Answers who knows it, and nobody else. */
  readonly peerSecret?: string | undefined;
  readonly onEvent?: (event: XdsEvent) => void;
  readonly log?: Log;
}

/** A running server. Disposing it ends every stream; Envoys keep what they have, and come again. */
export interface Xds extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** `host:port` */
  readonly address: string;
  /** Events, newest last. */
  readonly journal: Journal<XdsEvent>;
  /** Number of streams that are open. */
  readonly streams: number;
  /** Brings every Envoy to another snapshot, in an order in which nothing refers to what is not there. */
  publish(snapshot: Snapshot): void;
}

const AGGREGATED = "envoy.service.discovery.v3.AggregatedDiscoveryService";

/** Services of one type each, beside the aggregated one: name, and the word in the names of its methods. */
const SEPARATE: Readonly<Record<Service, readonly [service: string, noun: string]>> = {
  cds: ["envoy.service.cluster.v3.ClusterDiscoveryService", "Clusters"],
  eds: ["envoy.service.endpoint.v3.EndpointDiscoveryService", "Endpoints"],
  sds: ["envoy.service.secret.v3.SecretDiscoveryService", "Secrets"],
  lds: ["envoy.service.listener.v3.ListenerDiscoveryService", "Listeners"],
  rds: ["envoy.service.route.v3.RouteDiscoveryService", "Routes"],
  ecds: ["envoy.service.extension.v3.ExtensionConfigDiscoveryService", "ExtensionConfigs"],
};

/** Events that are kept. */
const JOURNAL_LIMIT = 10_000;
/** Longest request, bytes: Envoy's first lists its thousand extensions, 60 KB. */
const MAX_RECEIVE_BYTES = 4 * 1024 * 1024;

/**
 * Starts the server and resolves when it listens.
 *
 * @throws {UsageError} when `host` is no loopback address and there is no secret
 * @throws {UnavailableError} when the port is taken
 */
export async function startXds(options: XdsOptions): Promise<Xds> {
  const { host = "127.0.0.1", port = DEFAULT_PORTS.xds, peerSecret, log = silent } = options;
  assertPeerSecret(host, peerSecret, "the xDS server");
  await assertPortFree({
    host,
    port,
    what: "the xDS server",
    remedy: "use --port 0 for a free one",
  });
  const served = new Streams(options.snapshot);
  const { journal } = served;
  const { onEvent } = options;
  if (onEvent !== undefined) journal.subscribe(onEvent);
  const server: GrpcServer = await startGrpcServer({
    host,
    port,
    services: servicesOf(served),
    maxReceiveBytes: MAX_RECEIVE_BYTES,
    peerSecret,
    log,
  });
  return {
    host,
    port: server.port,
    address: server.address,
    journal,
    get streams() {
      return served.size;
    },
    publish: (snapshot) => served.publish(snapshot),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function servicesOf(served: Streams): GrpcService[] {
  const bidi = (variant: Variant, typeUrl?: string) => ({
    bidi: (call: BidiCall) => served.serve(call, variant, typeUrl),
  });
  return [
    {
      name: AGGREGATED,
      methods: {
        StreamAggregatedResources: bidi("sotw"),
        DeltaAggregatedResources: bidi("delta"),
      },
    },
    ...(Object.keys(SEPARATE) as Service[]).map((one) => {
      const [name, noun] = SEPARATE[one];
      return {
        name,
        methods: {
          [`Stream${noun}`]: bidi("sotw", TYPE[one]),
          [`Delta${noun}`]: bidi("delta", TYPE[one]),
        },
      };
    }),
  ];
}

/** One stream with its call. */
interface Client {
  readonly number: number;
  readonly call: BidiCall;
  readonly variant: Variant;
  readonly stream: XdsStream;
  node: Node | undefined;
}

/** Every open stream. */
class Streams {
  readonly journal = new Journal<XdsEvent>({ limit: JOURNAL_LIMIT });
  readonly #clients = new Set<Client>();
  #snapshot: Snapshot;
  #count = 0;

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot;
  }

  get size(): number {
    return this.#clients.size;
  }

  publish(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
    for (const client of this.#clients) {
      // A stream that has ended is noticed by its reader.
      this.#tell(client, client.stream.change(snapshot)).catch(() => {});
    }
  }

  /** Serves a stream to its end; `typeUrl` is the only type of it, of any when left out. */
  async serve(call: BidiCall, variant: Variant, typeUrl?: string): Promise<void> {
    const client: Client = {
      number: ++this.#count,
      call,
      variant,
      stream: new XdsStream(variant, this.#snapshot),
      node: undefined,
    };
    this.#clients.add(client);
    try {
      for await (const bytes of call.messages) {
        await this.#tell(client, this.#heard(client, bytes, typeUrl));
      }
    } finally {
      this.#clients.delete(client);
      if (client.node !== undefined) this.#note(client, { word: "gone" });
    }
  }

  #heard(client: Client, bytes: Uint8Array, only: string | undefined): Step {
    const request = decoded(client.variant, bytes);
    if (client.node === undefined) {
      client.node = request.node ?? { id: "", cluster: "", version: "" };
      this.#note(client, { word: "connected", envoy: client.node.version });
    }
    const typeUrl = request.typeUrl || only || "";
    if (typeUrl === "") throw invalid("type_url is missing");
    if (only !== undefined && typeUrl !== only) throw invalid(`type_url must be ${only} here`);
    try {
      return client.stream.heard({ ...request, typeUrl });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new GrpcError(GRPC_STATUS.RESOURCE_EXHAUSTED, error.message);
    }
  }

  async #tell(client: Client, { answers, said }: Step): Promise<void> {
    const encode = client.variant === "sotw" ? encodeAnswer : encodeDeltaAnswer;
    const written = answers.map((answer) => client.call.write(encode(answer)));
    for (const one of said) this.#note(client, one);
    await Promise.all(written);
  }

  #note(
    { number, node, call: { peer }, variant }: Client,
    said: Omit<XdsEvent, "stream" | "node" | "peer" | "variant">,
  ): void {
    this.journal.append({ ...said, stream: number, node: node?.id ?? "", peer, variant });
  }
}

function decoded(variant: Variant, bytes: Uint8Array): Asked | DeltaAsked {
  try {
    return variant === "sotw" ? decodeAsked(bytes) : decodeDeltaAsked(bytes);
  } catch (error) {
    throw invalid(messageOf(error));
  }
}

function invalid(why: string): GrpcError {
  return new GrpcError(GRPC_STATUS.INVALID_ARGUMENT, why);
}
