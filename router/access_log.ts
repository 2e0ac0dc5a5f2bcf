/** Envoy's access log, sent to the router: how it hears what became of each request. */
import { hostPort } from "../service/mod.ts";
import type { GrpcService, JsonObject } from "../grpc/mod.ts";
import { messageCodec } from "../grpc/messages/mod.ts";

/** Namespace of what `router.yaml` reads from answers that pass. */
export const USAGE_NAMESPACE = "llmgate.usage";

/** The service's full name, for health and reflection. */
export const ACCESS_LOG = "envoy.service.accesslog.v3.AccessLogService";

/**
 * Returns the service. `onEntry` gets each `envoy.data.accesslog.v3.HTTPAccessLogEntry`, as Envoy
 * sends them, a moment after their requests are over.
 */
export function accessLogService(onEntry: (entry: JsonObject) => void): GrpcService {
  return {
    name: ACCESS_LOG,
    methods: {
      StreamAccessLogs: {
        bidi: async (call) => {
          const codec = messageCodec("envoy.service.accesslog.v3.StreamAccessLogsMessage");
          for await (const bytes of call.messages) {
            const { http_logs: logs } = codec.decode(bytes);
            const { log_entry: entries = [] } = (logs ?? {}) as { log_entry?: JsonObject[] };
            for (const entry of entries) onEntry(entry);
          }
          // Envoy does not end it; another client may, and is owed one empty answer.
          await call.write(new Uint8Array());
        },
      },
    },
  };
}

/** The host that was asked last, by its AccessLogCommon; undefined when none was. */
export function addressOf(common: JsonObject): string | undefined {
  const socket = objectAt(objectAt(common, "upstream_remote_address"), "socket_address");
  const { address, port_value: port } = socket;
  return typeof address === "string" && typeof port === "number"
    ? hostPort(address, port)
    : undefined;
}

/** A message within a message; an empty one when it is not there. */
export function objectAt(parent: JsonObject, key: string): JsonObject {
  const value = parent[key];
  return typeof value === "object" && value !== null ? value as JsonObject : {};
}
