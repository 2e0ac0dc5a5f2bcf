/** Between the phases of ext_proc and what the router decides on. */
import type { Answer, PhaseMessage } from "../ext_proc/mod.ts";
import { keepsAnswers, operationOf } from "./answers/operation.ts";
import type { Decision, Routed } from "./decision.ts";
import { ENDPOINT_KEY } from "./discovery/assignment.ts";

/** Namespace of dynamic metadata that Envoy's load balancer reads. */
export const LB_NAMESPACE = "envoy.lb";
/** Namespace of what the router decided, for the log. */
export const LOG_NAMESPACE = "llmgate.router";
const SESSION_HEADER = "x-session-id";
/** Set by policy; whatever a client sends under this name is removed at the edge. */
const TENANT_HEADER = "x-tenant";
/** Envoy's own words for the two limits of a route (its router filter's documentation). */
const BEGIN_TIMEOUT_HEADER = "x-envoy-upstream-rq-per-try-timeout-ms";
const TOTAL_TIMEOUT_HEADER = "x-envoy-upstream-rq-timeout-ms";

/** Headers by which clients say more than their body does. */
export interface HeaderNames {
  /** Names a request's session; `x-session-id` unless told otherwise. */
  readonly sessionHeader?: string;
  /** May name the model in place of the body's; none when left out. */
  readonly modelHeader?: string;
}

/** The fields of a request's head that the router reads. */
export interface Head {
  readonly method: string;
  readonly path: string;
  readonly requestId: string;
  readonly session: string | undefined;
  readonly tenant: string | undefined;
  readonly modelHeader: string | undefined;
  readonly contentType: string | undefined;
  readonly contentEncoding: string | undefined;
  readonly acceptEncoding: string | undefined;
  /** NaN when the client did not say. */
  readonly contentLength: number;
}

/** Before a head was seen. */
export const NO_HEAD: Head = {
  method: "",
  path: "",
  requestId: "",
  session: undefined,
  tenant: undefined,
  modelHeader: undefined,
  contentType: undefined,
  contentEncoding: undefined,
  acceptEncoding: undefined,
  contentLength: NaN,
};

/** The answer that changes nothing. */
export const GO_ON: Answer = { kind: "continue" };
const NO_BODY = new Uint8Array();
const encoder = new TextEncoder();

/** The whole body, once it is known; undefined in other phases. */
export function bodyOf(message: PhaseMessage): Uint8Array | undefined {
  if (message.phase === "request_headers") return NO_BODY;
  // Buffered, a body comes in one piece; before trailers, it does not bear the end's mark.
  return message.phase === "request_body" ? message.body : undefined;
}

/** Reads the head of a request. */
export function headOf(
  message: Extract<PhaseMessage, { phase: "request_headers" | "response_headers" }>,
  { sessionHeader = SESSION_HEADER, modelHeader }: HeaderNames,
): Head {
  const value = (name: string) => message.headers.find(([key]) => key === name)?.[1];
  return {
    method: value(":method") ?? "",
    path: value(":path") ?? "",
    requestId: value("x-request-id") ?? "",
    session: value(sessionHeader.toLowerCase()),
    tenant: value(TENANT_HEADER),
    // An empty one names no model.
    modelHeader: modelHeader && (value(modelHeader.toLowerCase()) || undefined),
    contentType: value("content-type"),
    contentEncoding: value("content-encoding"),
    acceptEncoding: value("accept-encoding"),
    contentLength: Number(value("content-length") ?? NaN),
  };
}

/** Returns a decision in the words of ext_proc. */
export function answerOf(decision: Decision, head: Head): Answer {
  if (decision.kind === "route") return answerOfRoute(decision, head);
  const refused = decision.kind === "refuse";
  return {
    kind: "immediate",
    status: refused ? decision.status : 200,
    headers: { set: [["content-type", "application/json"]] },
    body: encoder.encode(decision.body),
    details: refused ? `router_${decision.code}` : "router_models",
  };
}

function answerOfRoute(decision: Routed, head: Head): Answer {
  const { route, target, host, alternates, fallback, body } = decision;
  const set: [string, string][] = [];
  if (route.timeoutMs !== undefined) set.push([BEGIN_TIMEOUT_HEADER, `${route.timeoutMs}`]);
  if (route.totalTimeoutMs !== undefined) {
    set.push([TOTAL_TIMEOUT_HEADER, `${route.totalTimeoutMs}`]);
  }
  if (host.key !== undefined) set.push(["authorization", `Bearer ${host.key}`]);
  if (host.pathPrefix !== undefined) set.push([":path", `${host.pathPrefix}${head.path}`]);
  if (mayBePlain(head.acceptEncoding)) set.push(["accept-encoding", "identity"]);
  // A length that the client said must be that of the new body, or Envoy refuses the answer.
  if (body !== undefined && !Number.isNaN(head.contentLength)) {
    set.push(["content-length", `${body.length}`]);
  }
  return {
    kind: "continue",
    metadata: {
      [LB_NAMESPACE]: {
        [ENDPOINT_KEY]: [host, ...alternates].map((one) => one.endpoint).join(","),
      },
      [LOG_NAMESPACE]: {
        route: route.name,
        model: route.model,
        endpoint: host.endpoint,
        operation: operationOf(head.path),
        ...(keepsAnswers(head.path) && { keeps: true }),
        ...(head.tenant !== undefined && { tenant: head.tenant }),
        ...(target.model === route.model ? {} : { backend_model: target.model }),
        ...(fallback ? { fallback } : {}),
      },
    },
    ...(set.length > 0 && { headers: { set } }),
    ...(body && { body: { replace: body } }),
  };
}

/**
 * Whether an answer that the client would take compressed may come as it is, so that its `usage` can be read on the
 * way (RFC 9110, 12.5.3). Not where that is ruled out.
 */
function mayBePlain(acceptEncoding: string | undefined): boolean {
  if (acceptEncoding === undefined) return false;
  const weights = new Map(
    acceptEncoding.toLowerCase().split(",").map((member) => {
      const [coding = "", ...parameters] = member.split(";").map((part) => part.trim());
      const weight = parameters.find((parameter) => parameter.startsWith("q="));
      return [coding, weight === undefined ? 1 : Number(weight.slice(2))] as const;
    }),
  );
  const identity = weights.get("identity") ?? weights.get("*") ?? 1;
  return identity > 0 && [...weights.keys()].some((coding) => !["", "identity"].includes(coding));
}
