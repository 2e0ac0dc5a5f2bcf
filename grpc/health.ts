/** grpc.health.v1: https://github.com/grpc/grpc/blob/master/doc/health-checking.md */
import { loadModule } from "../service/mod.ts";
import { echoOf, GRPC_STATUS, GrpcError } from "./status.ts";
import type { BidiCall, GrpcService } from "./service.ts";

/** Status of a service. */
export type ServingStatus = "SERVING" | "NOT_SERVING";

/** Health of the services on one server; the empty name stands for the server as a whole. */
export class Health {
  readonly #statuses = new Map<string, ServingStatus>();
  readonly #changed = new Set<() => void>();
  #deaf = false;

  /** @param services Full names that start as SERVING, besides the server itself. */
  constructor(services: readonly string[]) {
    for (const name of ["", ...services]) this.#statuses.set(name, "SERVING");
  }

  /** Says NOT_SERVING of everything while the listener does not hear new connections. */
  setDeaf(deaf: boolean): void {
    this.#deaf = deaf;
    for (const wake of this.#changed) wake();
  }

  /** Sets what Check and Watch say of a service. */
  set(service: string, status: ServingStatus): void {
    this.#statuses.set(service, status);
    for (const wake of this.#changed) wake();
  }

  /** The service to register on a server. */
  service(): GrpcService {
    return {
      name: "grpc.health.v1.Health",
      methods: {
        Check: { unary: (request) => this.#check(request) },
        Watch: { bidi: (call) => this.#watch(call) },
      },
    };
  }

  async #check(request: Uint8Array): Promise<Uint8Array> {
    const { serviceOf, response } = await codecs();
    const name = serviceOf(request);
    const status = this.#statuses.get(name);
    if (status === undefined) {
      throw new GrpcError(GRPC_STATUS.NOT_FOUND, `unknown service "${echoOf(name)}"`);
    }
    return response(this.#deaf ? "NOT_SERVING" : status);
  }

  /** Sends the status now and after each change, until the client leaves. */
  async #watch(call: BidiCall): Promise<void> {
    const { serviceOf, response } = await codecs();
    let name = "";
    for await (const message of call.messages) {
      name = serviceOf(message);
      break;
    }
    let last: string | undefined;
    const left = new Promise<void>((resolve) =>
      call.signal.addEventListener("abort", () => resolve(), { once: true })
    );
    while (!call.signal.aborted) {
      const known = this.#statuses.get(name);
      const status = known === undefined ? "SERVICE_UNKNOWN" : this.#deaf ? "NOT_SERVING" : known;
      let wake = () => {};
      const changed = new Promise<void>((resolve) => wake = resolve);
      this.#changed.add(wake);
      try {
        if (status !== last) await call.write(response(status));
        last = status;
        await Promise.race([changed, left]);
      } finally {
        this.#changed.delete(wake);
      }
    }
  }
}

/** Loads the codecs of the two messages: nobody asks for health while a server starts. */
async function codecs() {
  const { messageCodec } = await loadModule<typeof import("./messages/mod.ts")>(
    "grpc/messages/mod.ts",
  );
  const request = messageCodec("grpc.health.v1.HealthCheckRequest");
  const answer = messageCodec("grpc.health.v1.HealthCheckResponse");
  return {
    serviceOf(bytes: Uint8Array): string {
      const { service } = request.decode(bytes);
      return typeof service === "string" ? service : "";
    },
    response: (status: string) => answer.encode({ status }),
  };
}
