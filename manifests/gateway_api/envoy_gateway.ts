/** A gateway as resources of the Gateway API and of Envoy Gateway. */
import { isIP } from "node:net";
import type { ExportedFile } from "../settings.ts";
import { yamlText } from "../yaml_text.ts";
import type { EnvoyGatewaySettings, RequestLimit } from "./settings.ts";

const GATEWAY_API = "gateway.networking.k8s.io";
const ENVOY_GATEWAY = "gateway.envoyproxy.io";

/** Requests of all clients in a second, as in the profile `edge`. */
const REQUESTS_A_SECOND = 20_000;

/** Names that only policy may set: a client's copy goes before anybody reads it. */
const TRUSTED_NAMES = [
  "x-llm-decision-id",
  "x-llm-policy-version",
  "x-tenant",
  "x-envoy-auth-failure-mode-allowed",
  "x-envoy-auth-partial-body",
];

/** Errors of Envoy's own, in OpenAI's shape. */
const UNAVAILABLE = JSON.stringify({
  error: {
    message: "The gateway could not get a usable answer from a part behind it",
    type: "gateway_error",
    param: null,
    code: "gateway_unavailable",
  },
});

const LIMITED = JSON.stringify({
  error: {
    message: "Too many requests",
    type: "rate_limit_error",
    param: null,
    code: "gateway_rate_limited",
  },
});

/** Statuses of an upstream after which the next one is asked. */
const FALLBACK_STATUSES = [429, 500, 502, 503, 504];

interface Resource {
  readonly comment?: string;
  readonly value: object;
}

/**
 * Returns the resources, in one file. They need Envoy Gateway 1.9 (`statusOnError`, `responseOverride.source`), whose
 * extension API Backend is on; limits need its rate-limit service.
 */
export function exportEnvoyGateway(settings: EnvoyGatewaySettings): ExportedFile[] {
  const { upstreams, processor } = settings;
  const resources: Resource[] = [
    {
      comment: "Envoy Gateway 1.9, with extensionApis.enableBackend. Made by llmgate export.",
      value: gatewayClass(),
    },
    { value: gateway(settings) },
    { comment: "The model servers, in the order in which they are asked.", value: route(settings) },
    { value: hostOfUpstream(settings) },
    ...upstreams.map((upstream, index) => ({
      value: backend(settings, upstreamName(index), {
        ...upstream,
        isFallback: index > 0,
      }),
    })),
    { comment: "What clients may send, and how long they may take.", value: clients(settings) },
    {
      comment: "Policy decides on every request; without its answer none passes.",
      value: security(settings),
    },
    { value: backend(settings, "policy-engine", { ...settings.policy, isGrpc: true }) },
    { comment: commentOnTraffic(settings), value: traffic(settings) },
    ...(processor === undefined ? [] : [
      { comment: "The processor, behind policy.", value: extension(settings) },
      { value: backend(settings, "processor", { ...processor, isGrpc: true }) },
    ]),
  ];
  return [{ name: "envoy-gateway.yaml", text: yamlText(resources) }];
}

function upstreamName(index: number): string {
  return `upstream-${index + 1}`;
}

function resource(
  kind: string,
  { name, namespace }: { name: string; namespace?: string },
  spec: object,
): object {
  const group = ["GatewayClass", "Gateway", "HTTPRoute"].includes(kind)
    ? `${GATEWAY_API}/v1`
    : `${ENVOY_GATEWAY}/v1alpha1`;
  return { apiVersion: group, kind, metadata: { name, ...(namespace && { namespace }) }, spec };
}

function gatewayClass(): object {
  const controllerName = `${ENVOY_GATEWAY}/gatewayclass-controller`;
  return resource("GatewayClass", { name: "llmgate" }, { controllerName });
}

function gateway({ namespace, port }: EnvoyGatewaySettings): object {
  return resource("Gateway", { name: "llmgate", namespace }, {
    gatewayClassName: "llmgate",
    listeners: [{ name: "http", protocol: "HTTP", port }],
  });
}

function reference(name: string, port: number): object {
  return { group: ENVOY_GATEWAY, kind: "Backend", name, port };
}

function extensionRef(name: string): object {
  const extensionRef = { group: ENVOY_GATEWAY, kind: "HTTPRouteFilter", name };
  return { type: "ExtensionRef", extensionRef };
}

function route({ namespace, upstreams }: EnvoyGatewaySettings): object {
  const prefix = upstreams[0]?.pathPrefix ?? "";
  const path = { type: "ReplacePrefixMatch", replacePrefixMatch: `${prefix}/v1` };
  return resource("HTTPRoute", { name: "llm", namespace }, {
    parentRefs: [{ name: "llmgate" }],
    rules: [{
      name: "v1",
      matches: [{ path: { type: "PathPrefix", value: "/v1" } }],
      timeouts: { request: "0s" },
      filters: [
        extensionRef("upstream-host"),
        ...(prefix === "" ? [] : [{ type: "URLRewrite", urlRewrite: { path } }]),
      ],
      backendRefs: upstreams.map(({ port }, index) => reference(upstreamName(index), port)),
    }],
  });
}

/** Each upstream is asked under its own name. */
function hostOfUpstream({ namespace }: EnvoyGatewaySettings): object {
  return resource("HTTPRouteFilter", { name: "upstream-host", namespace }, {
    urlRewrite: { hostname: { type: "Backend" } },
  });
}

function backend(
  { namespace }: EnvoyGatewaySettings,
  name: string,
  { host, port, tls = false, isFallback = false, isGrpc = false }: {
    host: string;
    port: number;
    tls?: boolean;
    isFallback?: boolean;
    isGrpc?: boolean;
  },
): object {
  const endpoint = isIP(host) === 0
    ? { fqdn: { hostname: host, port } }
    : { ip: { address: host, port } };
  return resource("Backend", { name, namespace }, {
    endpoints: [endpoint],
    ...(isGrpc && { appProtocols: [`${ENVOY_GATEWAY}/h2c`] }),
    ...(isFallback && { fallback: true }),
    ...(tls && { tls: { wellKnownCACertificates: "System" } }),
  });
}

function target(kind: "Gateway" | "HTTPRoute", name: string): object {
  return { targetRefs: [{ group: GATEWAY_API, kind, name }] };
}

function clients({ namespace, limits = [] }: EnvoyGatewaySettings): object {
  return resource("ClientTrafficPolicy", { name: "clients", namespace }, {
    ...target("Gateway", "llmgate"),
    timeout: { http: { requestHeadersReceivedTimeout: "10s", streamIdleTimeout: "0s" } },
    path: { escapedSlashesAction: "RejectRequest" },
    headers: {
      requestID: "PreserveOrGenerate",
      withUnderscoresAction: "RejectRequest",
      earlyRequestHeaders: { remove: TRUSTED_NAMES },
      lateResponseHeaders: { set: [{ name: "x-request-id", value: "%REQ(X-REQUEST-ID)%" }] },
      // A bucket of everybody's says nothing to one client.
      ...(limits.length === 0 && { disableRateLimitHeaders: true }),
    },
  });
}

function security({ namespace, policy }: EnvoyGatewaySettings): object {
  return resource("SecurityPolicy", { name: "policy", namespace }, {
    ...target("HTTPRoute", "llm"),
    extAuth: {
      grpc: { backendRefs: [reference("policy-engine", policy.port)] },
      timeout: "2s",
      failOpen: false,
      statusOnError: 503,
      // Headers that policy sets must not choose another route than the one that it decided on.
      recomputeRoute: false,
    },
  });
}

function commentOnTraffic({ leftOut = [] }: EnvoyGatewaySettings): string {
  const what = "No timeout cuts a stream; limits, fallback, errors.";
  if (leftOut.length === 0) return what;
  return `${what}\nNot in it, since its limits know requests alone: ${leftOut.join(", ")}`;
}

function unitOf(per: string): string {
  return per.charAt(0).toUpperCase() + per.slice(1);
}

function limitsOf(limits: readonly RequestLimit[]): object {
  if (limits.length === 0) {
    const limit = { requests: REQUESTS_A_SECOND, unit: "Second" };
    return { type: "Local", local: { rules: [{ limit }] } };
  }
  const rules = limits.map(({ headers, requests, per }) => ({
    clientSelectors: [{ headers: headers.map((name) => ({ type: "Distinct", name })) }],
    limit: { requests, unit: unitOf(per) },
  }));
  return { type: "Global", global: { rules } };
}

/** Retries on the next upstream when one cannot answer; none where there is but one. */
function fallback(count: number): object {
  if (count < 2) return {};
  return {
    retry: {
      numRetries: count - 1,
      numAttemptsPerPriority: 1,
      retryOn: {
        triggers: ["connect-failure", "refused-stream", "reset", "retriable-status-codes"],
        httpStatusCodes: FALLBACK_STATUSES,
      },
    },
    healthCheck: {
      passive: { consecutive5XxErrors: 5, baseEjectionTime: "30s", maxEjectionPercent: 100 },
      panicThreshold: 0,
    },
  };
}

/** A reply of Envoy's own in place of its bare one. */
function reply(statuses: readonly number[], inline: string, statusCode?: number): object {
  return {
    match: { statusCodes: statuses.map((value) => ({ type: "Value", value })) },
    // An upstream's own error passes as it is.
    source: "Local",
    response: {
      ...(statusCode !== undefined && { statusCode }),
      contentType: "application/json",
      body: { type: "Inline", inline },
    },
  };
}

function traffic({ namespace, limits = [], upstreams }: EnvoyGatewaySettings): object {
  return resource("BackendTrafficPolicy", { name: "traffic", namespace }, {
    ...target("HTTPRoute", "llm"),
    timeout: {
      tcp: { connectTimeout: "1s" },
      http: { requestTimeout: "0s", streamIdleTimeout: "0s" },
    },
    rateLimit: limitsOf(limits),
    ...fallback(upstreams.length),
    responseOverride: [reply([503, 504], UNAVAILABLE, 503), reply([429], LIMITED)],
  });
}

function extension({ namespace, processor }: EnvoyGatewaySettings): object {
  return resource("EnvoyExtensionPolicy", { name: "processor", namespace }, {
    ...target("HTTPRoute", "llm"),
    extProc: [{
      backendRefs: [reference("processor", processor?.port ?? 0)],
      messageTimeout: "5s",
      failOpen: false,
      statusOnError: 503,
      // It holds a request's body; of an answer it sees the headers, and may ask for more.
      processingMode: { allowModeOverride: true, request: { body: "Buffered" }, response: {} },
    }],
  });
}
