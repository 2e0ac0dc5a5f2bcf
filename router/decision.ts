/** The decision about one request: a route and a host, or an OpenAI-shaped error. Pure but for the strategy's turn. */
import { errorBody } from "../openai/mod.ts";
import type { BackendHost } from "./hosts.ts";
import type { Route, RouteTable } from "./route_table.ts";
import type { Strategy } from "./strategies.ts";

/** What is known of a request. */
export interface RoutedRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly session?: string | undefined;
  readonly body: Uint8Array;
}

/** What decides. */
export interface Deciders {
  readonly table: RouteTable;
  readonly hosts: readonly BackendHost[];
  readonly strategy: Strategy;
  outstanding(endpoint: string): number;
}

/** The error that the client gets. */
export interface Refusal {
  readonly kind: "refuse";
  readonly status: number;
  readonly code: string;
  readonly body: string;
}

export type Decision =
  | { readonly kind: "route"; readonly route: Route; readonly host: BackendHost }
  | { readonly kind: "models"; readonly body: string }
  | Refusal;

/** Codes of refusals, as metrics and the access log name them, with status and field. */
const REFUSALS = {
  invalid_json: { status: 400, param: null },
  request_too_large: { status: 413, param: null },
  missing_model: { status: 400, param: "model" },
  model_not_found: { status: 404, param: "model" },
  path_not_served: { status: 400, param: "model" },
  no_backend: { status: 503, param: null },
  not_found: { status: 404, param: null },
} as const;

/**
 * Longest request body, in bytes: as much as `envoy/configs/router.yaml` lets Envoy hold. Envoy's
 * own bound is not sharp, since what arrives while it waits for an answer is not counted.
 */
export const MAX_BODY_BYTES = 8_388_608;

/** `type` where the status alone does not say it. */
const UPSTREAM_ERROR = "upstream_error";

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Decides on a request. `GET /v1/models` is answered with the models of the routes. */
export function decide(request: RoutedRequest, deciders: Deciders): Decision {
  const { table, hosts, strategy } = deciders;
  const path = request.path.split("?", 1)[0] ?? "";
  if (request.method === "GET" || request.method === "HEAD") {
    if (path === "/v1/models") return { kind: "models", body: modelList(table) };
    return refuse("not_found", `Unknown path: ${request.method} ${path}`);
  }
  const long = tooLarge(request.body.length);
  if (long !== undefined) return long;
  const model = modelOf(request.body);
  if (typeof model !== "string") return model;
  if (table.routesOf(model).length === 0) {
    return refuse("model_not_found", `The model "${model}" does not exist`);
  }
  const route = table.find(model, path);
  if (route === undefined) {
    const served = table.routesOf(model).map(({ path_prefix }) => path_prefix).join(", ");
    return refuse("path_not_served", `The model "${model}" is served on ${served}, not on ${path}`);
  }
  const able = hosts.filter(({ models }) => models === undefined || models.has(model));
  if (able.length === 0) return refuse("no_backend", `No backend serves the model "${model}"`);
  const { session } = request;
  const outstanding = (endpoint: string) => deciders.outstanding(endpoint);
  return {
    kind: "route",
    route,
    host: strategy(able, { outstanding, session, group: model }),
  };
}

/** The error of a body that is, or says that it is, too long; undefined for any other. */
export function tooLarge(bytes: number): Refusal | undefined {
  if (!(bytes > MAX_BODY_BYTES)) return undefined;
  const text = `The request's body is too large: this gateway takes ${MAX_BODY_BYTES} bytes`;
  return refuse("request_too_large", text);
}

function modelOf(bytes: Uint8Array): string | Refusal {
  let body: unknown;
  try {
    body = JSON.parse(decoder.decode(bytes));
  } catch {
    return refuse("invalid_json", "The request's body is not valid JSON");
  }
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    return refuse("invalid_json", "The request's body is not a JSON object");
  }
  const model = (body as { model?: unknown }).model;
  if (typeof model !== "string" || model === "") {
    return refuse("missing_model", 'The request\'s body must have "model", a text');
  }
  return model;
}

function refuse(code: keyof typeof REFUSALS, message: string): Refusal {
  const { status, param } = REFUSALS[code];
  const type = code === "no_backend" ? { type: UPSTREAM_ERROR } : {};
  const body = errorBody(status, { message, param, code, ...type });
  return { kind: "refuse", status, code, body: JSON.stringify(body) };
}

/** The list of GET /v1/models (API reference, "List models"). */
function modelList(table: RouteTable): string {
  const data = table.models.map((id) => ({ id, object: "model", created: 0, owned_by: "llmgate" }));
  return JSON.stringify({ object: "list", data });
}
