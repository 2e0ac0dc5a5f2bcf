/** The transform processor in an Envoy configuration: a filter behind policy, its cluster, its local replies. */
import { createHash } from "node:crypto";
import type { EnvoyConfigFile } from "../../../envoy/mod.ts";
import { UsageError } from "../../../service/mod.ts";
import { proving } from "./proof.ts";

/** Cluster of the processor. */
export const TRANSFORM_CLUSTER = "transform";

const EXTENSIONS = "type.googleapis.com/envoy.extensions";
const EXT_PROC = "envoy.filters.http.ext_proc";
const BUFFER = "envoy.filters.http.buffer";
const EXT_AUTHZ = "envoy.filters.http.ext_authz";
const ROUTER = "envoy.filters.http.router";

/** Longest request that the steps are shown, bytes: the same as for the router and the Responses gateway. */
const MAX_BODY = 8_388_608;

/** A step may wait for a guard's webhook, or for the answer of an equal request; both have limits of their own. */
const MESSAGE_TIMEOUT = "30s";

// deno-lint-ignore no-explicit-any -- a configuration is edited at known places; Envoy validates it
type Config = any;

/** Names that only the steps may say; a client's own are removed at the edge. */
const OWN_NAMES = ["x-llm-context", "x-llm-context-turns", "x-llm-cache"];

/**
 * Returns a configuration with the processor in it.
 *
 * @throws {UsageError} for one that has a processor already, or asks no policy
 */
export function withTransform(file: EnvoyConfigFile): EnvoyConfigFile {
  const bootstrap: Config = structuredClone(file.bootstrap);
  const { listeners, clusters } = bootstrap.static_resources;
  for (const listener of listeners) {
    for (const chain of listener.filter_chains ?? []) {
      for (const { typed_config: manager } of chain.filters ?? []) {
        if (manager?.http_filters !== undefined) addTo(manager, file.name);
      }
    }
  }
  const policy = clusters.find(({ name }: Config) => name === "policy_engine");
  if (policy === undefined) {
    throw new UsageError(
      `Cannot use --transform with ${file.name}: it has no cluster policy_engine`,
    );
  }
  clusters.push(clusterLike(policy));
  const text = `${JSON.stringify(bootstrap, null, 2)}\n`;
  return {
    name: `${file.name} with transform`,
    text,
    sha256: createHash("sha256").update(text).digest("hex"),
    bootstrap,
  };
}

function addTo(manager: Config, file: string): void {
  const filters: Config[] = manager.http_filters;
  if (filters.some(({ name }) => name === EXT_PROC)) {
    throw new UsageError(
      `Cannot use --transform with ${file}: it has a processor of its own, and two would hold each body twice`,
    );
  }
  const at = filters.findIndex(({ name }) => name === ROUTER);
  filters.splice(at, 0, bufferFilter(), processorFilter());
  const edge = manager.early_header_mutation_extensions?.[0]?.typed_config?.mutations;
  edge?.push(...OWN_NAMES.map((remove) => ({ remove })));
  manager.local_reply_config?.mappers?.unshift(...replies());
  for (const host of manager.route_config?.virtual_hosts ?? []) {
    for (const route of host.routes ?? []) openWhereOpen(route);
  }
}

/** A route that policy does not guard is not shown to the steps either. */
function openWhereOpen(route: Config): void {
  const filters = route.typed_per_filter_config;
  if (filters?.[EXT_AUTHZ]?.disabled !== true) return;
  filters[BUFFER] = {
    "@type": `${EXTENSIONS}.filters.http.buffer.v3.BufferPerRoute`,
    disabled: true,
  };
  filters[EXT_PROC] = {
    "@type": `${EXTENSIONS}.filters.http.ext_proc.v3.ExtProcPerRoute`,
    disabled: true,
  };
}

function bufferFilter(): Config {
  return {
    name: BUFFER,
    typed_config: {
      "@type": `${EXTENSIONS}.filters.http.buffer.v3.Buffer`,
      max_request_bytes: MAX_BODY,
    },
  };
}

function processorFilter(): Config {
  return {
    name: EXT_PROC,
    typed_config: {
      "@type": `${EXTENSIONS}.filters.http.ext_proc.v3.ExternalProcessor`,
      grpc_service: { envoy_grpc: { cluster_name: TRANSFORM_CLUSTER } },
      message_timeout: MESSAGE_TIMEOUT,
      failure_mode_allow: false,
      // How an answer's body comes is the processor's to say, once it knows what the answer is.
      allow_mode_override: true,
      processing_mode: {
        request_header_mode: "SEND",
        request_body_mode: "BUFFERED",
        request_trailer_mode: "SKIP",
        response_header_mode: "SEND",
        response_body_mode: "NONE",
        response_trailer_mode: "SKIP",
      },
    },
  };
}

function replies(): Config[] {
  return [
    reply("response.code_details.startsWith('ext_proc_error')", {
      status: 503,
      message: "The transform processor did not give a usable answer, so the request was refused",
      type: "policy_error",
      code: "transform_unavailable",
    }),
    reply("response.code_details == 'request_payload_too_large'", {
      message: `The request's body is too large: this gateway takes ${MAX_BODY} bytes`,
      type: "invalid_request_error",
      code: "request_too_large",
    }),
  ];
}

function reply(
  expression: string,
  { status, ...error }: { status?: number; message: string; type: string; code: string },
): Config {
  const { message, type, code } = error;
  return {
    filter: {
      extension_filter: {
        name: "envoy.access_loggers.extension_filters.cel",
        typed_config: {
          "@type": `${EXTENSIONS}.access_loggers.filters.cel.v3.ExpressionFilter`,
          expression,
        },
      },
    },
    ...(status !== undefined && { status_code: status }),
    body_format_override: {
      content_type: "application/json",
      text_format_source: {
        inline_string: `${JSON.stringify({ error: { message, type, param: null, code } })}\n`,
      },
    },
  };
}

/** A cluster of the same kind as policy's: gRPC to one endpoint, sized for bursts. */
function clusterLike(policy: Config): Config {
  const cluster = structuredClone(policy);
  cluster.name = TRANSFORM_CLUSTER;
  cluster.load_assignment.cluster_name = TRANSFORM_CLUSTER;
  return proving(cluster);
}
