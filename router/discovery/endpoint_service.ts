/** Envoy's endpoint discovery (EDS), served by the router itself. */
import type { BidiCall, GrpcService } from "../../grpc/mod.ts";
import { messageCodec } from "../../grpc/messages/mod.ts";
import { delay, type Log, silent } from "../../service/mod.ts";
import type { BackendHost } from "../hosts.ts";
import { ASSIGNMENT_TYPE, assignmentOf, type EndpointSink } from "./assignment.ts";

/** The service's full name, for health and reflection. */
export const ENDPOINT_DISCOVERY = "envoy.service.endpoint.v3.EndpointDiscoveryService";

/**
 * How long an Envoy may take to acknowledge, in milliseconds: one that hangs must not keep new
 * hosts from the others for longer. It takes about 2.
 */
const ACKNOWLEDGE_MS = 2_000;

/** One Envoy that listens. */
interface Subscription {
  readonly call: BidiCall;
  /** Clusters it asked for; each has the same endpoints. */
  names: readonly string[];
  sent: number;
  acknowledged: number;
}

/**
 * Tells every Envoy that asks which endpoints there are, and knows when each has taken them. A
 * cluster is answered under the name that it is asked for.
 */
export class EndpointService implements EndpointSink {
  readonly service: GrpcService = {
    name: ENDPOINT_DISCOVERY,
    methods: { StreamEndpoints: { bidi: (call) => this.#serve(call) } },
  };
  readonly #log: Log;
  readonly #subscriptions = new Set<Subscription>();
  readonly #waiting = new Set<() => void>();
  #hosts: readonly BackendHost[] = [];
  #version = 0;

  constructor(log: Log = silent) {
    this.#log = log;
  }

  /** Number of Envoys that listen. */
  get listeners(): number {
    return this.#subscriptions.size;
  }

  async publish(hosts: readonly BackendHost[]): Promise<void> {
    this.#hosts = hosts;
    const version = ++this.#version;
    for (const subscription of this.#subscriptions) this.#send(subscription);
    if (this.#taken(version)) return;
    const taken = Promise.withResolvers<void>();
    const look = () => this.#taken(version) && taken.resolve();
    this.#waiting.add(look);
    const enough = new AbortController();
    const limit = delay(ACKNOWLEDGE_MS, enough.signal).catch(() => {});
    await Promise.race([taken.promise, limit]);
    this.#waiting.delete(look);
    enough.abort();
  }

  #taken(version: number): boolean {
    return [...this.#subscriptions].every(({ acknowledged }) => acknowledged >= version);
  }

  async #serve(call: BidiCall): Promise<void> {
    const requests = messageCodec("envoy.service.discovery.v3.DiscoveryRequest");
    const subscription: Subscription = { call, names: [], sent: 0, acknowledged: 0 };
    try {
      for await (const bytes of call.messages) {
        const request = requests.decode(bytes);
        this.#subscriptions.add(subscription);
        this.#heard(subscription, request);
      }
    } finally {
      this.#subscriptions.delete(subscription);
      for (const look of this.#waiting) look();
    }
  }

  /** xDS protocol, "ACK and NACK": a request answers the response whose nonce it bears. */
  #heard(subscription: Subscription, request: Record<string, unknown>): void {
    const names = (request.resource_names ?? []) as string[];
    const nonce = String(request.response_nonce ?? "");
    const changed = names.join("\n") !== subscription.names.join("\n");
    subscription.names = names;
    if (nonce === "" || changed) return this.#send(subscription);
    // An answer to a response that was overtaken by another says nothing.
    if (nonce !== String(subscription.sent)) return;
    if (request.error_detail !== undefined) {
      const { message = "" } = request.error_detail as { message?: string };
      this.#log(`Envoy at ${subscription.call.peer} refused the endpoints: ${message}`);
    }
    subscription.acknowledged = Number(nonce);
    for (const look of this.#waiting) look();
  }

  #send(subscription: Subscription): void {
    const responses = messageCodec("envoy.service.discovery.v3.DiscoveryResponse");
    // The version serves as the nonce: no stream gets one version twice but for other names.
    subscription.sent = this.#version;
    const response = responses.encode({
      version_info: String(this.#version),
      nonce: String(this.#version),
      type_url: ASSIGNMENT_TYPE,
      resources: subscription.names.map((name) => ({
        "@type": ASSIGNMENT_TYPE,
        ...assignmentOf(name, this.#hosts),
      })),
    });
    // A stream that ended is noticed by its reader.
    subscription.call.write(response).catch(() => {});
  }
}
