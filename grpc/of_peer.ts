/** A service for the one Envoy that it stands behind, and nobody else. */
import { isPeer, PEER_HEADER } from "../service/mod.ts";
import type { Call, GrpcService, Method } from "./service.ts";
import { GRPC_STATUS, GrpcError } from "./status.ts";

/** Returns the service with methods that answer who knows the secret, and others with UNAUTHENTICATED. */
export function ofPeer({ name, methods }: GrpcService, secret: string): GrpcService {
  const knows = ({ metadata }: Call) => isPeer(metadata[PEER_HEADER], secret);
  const guard = (method: Method): Method =>
    "unary" in method
      ? {
        unary(request, call) {
          if (!knows(call)) throw refusal();
          return method.unary(request, call);
        },
      }
      : { bidi: (call) => knows(call) ? method.bidi(call) : Promise.reject(refusal()) };
  return {
    name,
    methods: Object.fromEntries(
      Object.entries(methods).map(([key, method]) => [key, guard(method)]),
    ),
  };
}

function refusal(): GrpcError {
  return new GrpcError(
    GRPC_STATUS.UNAUTHENTICATED,
    `this port answers its own Envoy, which sends its secret as ${PEER_HEADER}`,
  );
}
