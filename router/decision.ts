/** The decision about one request: a route and a host, or an OpenAI-shaped error. Pure but for the strategy's turn. */
import { errorBody } from "../openai/mod.ts";
import { type ReadBody, readBody, type UnreadCode } from "./body/request_model.ts";
import { factsOf, holds } from "./conditions.ts";
import { areAlike, type BackendHost } from "./hosts.ts";
import type { ResponseHome } from "./response_homes.ts";
import {
  type Route,
  routeForPath,
  routesForPath,
  type RouteTable,
  type Target,
} from "./route_table.ts";
import type { Situation, Strategy } from "./strategies/strategies.ts";
import { targetFor } from "./weighted_targets.ts";

/** Facts about a request. */
export interface RoutedRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** Chooses among weighted targets: the same id, the same target. */
  readonly requestId: string;
  readonly contentType?: string | undefined;
  readonly contentEncoding?: string | undefined;
  readonly session?: string | undefined;
  /** Tenant of the client, as policy says. */
  readonly tenant?: string | undefined;
  /** The model that a header names, where that is allowed; it counts more than the body's. */
  readonly modelHeader?: string | undefined;
  readonly body: Uint8Array;
}

/** Inputs of a decision beside the request. */
export interface Deciders extends Pick<Situation, "outstanding" | "engine"> {
  readonly table: RouteTable;
  /** Every host that discovery knows: no other is ever chosen. */
  readonly hosts: readonly BackendHost[];
  readonly strategy: Strategy;
  /** How many hosts Envoy may try beside the first. */
  readonly alternates: number;
  /** Longest request body, in bytes, compressed or not; {@linkcode MAX_BODY_BYTES} when left out. */
  readonly maxBodyBytes?: number | undefined;
  /** Those of the hosts that may take a request of this session now; all of them when left out. */
  healthy?(
    hosts: readonly BackendHost[],
    session: string | undefined,
  ): readonly BackendHost[];
  /** Where a response of the tenant is kept; nowhere when left out. */
  home?(id: string, tenant: string | undefined): ResponseHome | undefined;
}

/** The error that the client gets. */
export interface Refusal {
  readonly kind: "refuse";
  readonly status: number;
  readonly code: string;
  readonly body: string;
}

/** Where a request goes. */
export interface Routed {
  readonly kind: "route";
  readonly route: Route;
  readonly target: Target;
  readonly host: BackendHost;
  /** Where Envoy may try next, in this order, when the host takes no connection. */
  readonly alternates: readonly BackendHost[];
  /** No host of the route's own targets was healthy. */
  readonly fallback: boolean;
  /** Body with the model renamed; undefined for the body as it came. */
  readonly body: Uint8Array | undefined;
}

export type Decision = Routed | { readonly kind: "models"; readonly body: string } | Refusal;

type RefusalCode =
  | UnreadCode
  | "model_not_found"
  | "path_not_served"
  | "no_route_matches"
  | "no_backend"
  | "not_found";

/** Codes of refusals, as metrics and the access log name them, with status and field. */
const REFUSALS: Readonly<Record<RefusalCode, { status: number; param: string | null }>> = {
  invalid_json: { status: 400, param: null },
  invalid_form: { status: 400, param: null },
  invalid_encoding: { status: 400, param: null },
  unsupported_encoding: { status: 415, param: null },
  request_too_large: { status: 413, param: null },
  missing_model: { status: 400, param: "model" },
  model_not_found: { status: 404, param: "model" },
  path_not_served: { status: 400, param: "model" },
  no_route_matches: { status: 400, param: null },
  no_backend: { status: 503, param: null },
  not_found: { status: 404, param: null },
};

/**
 * Longest request body unless told otherwise, in bytes, compressed or not: as much as
 * `envoy/configs/router.yaml` lets Envoy hold. Envoy's own bound is not sharp, since what arrives
 * while it waits for an answer is not counted.
 */
export const MAX_BODY_BYTES = 67_108_864;

/** `type` where the status alone does not say it. */
const UPSTREAM_ERROR = "upstream_error";

const MODELS = "/v1/models";

/** Decides on a request. `GET /v1/models` is answered with the models of the routes. */
export function decide(request: RoutedRequest, deciders: Deciders): Decision {
  const { method, body, modelHeader } = request;
  const path = request.path.split("?", 1)[0] ?? "";
  if (!isServed(path, deciders.table)) return refuse("not_found", `Unknown path: ${path}`);
  const kept = keptResponse(request, path, deciders);
  if (kept !== undefined) return kept;
  if ((method === "GET" || method === "HEAD") && (isModels(path) || modelHeader === undefined)) {
    return aboutModels(request, path, deciders.table);
  }
  const { maxBodyBytes = MAX_BODY_BYTES } = deciders;
  const long = tooLarge(body.length, maxBodyBytes);
  if (long !== undefined) return long;
  // Only where a header names the model may a request do without a body.
  const bodyless = modelHeader !== undefined && body.length === 0;
  const read = bodyless ? undefined : readBody({ ...request, bytes: body }, maxBodyBytes);
  if (read?.kind === "unread") return refuse(read.code, read.message);
  const model = modelHeader ?? read?.model ?? "";
  const routes = deciders.table.routesOf(model, request.tenant);
  if (routes.length === 0) return refuse("model_not_found", unknownModel(model));
  const covering = routesForPath(routes, path);
  const facts = once(() => factsOf(read?.whole() ?? {}));
  const route = covering.find(({ when }) => when === undefined || holds(when, facts()));
  if (route === undefined && covering.length > 0) {
    const text =
      `No route of the model "${model}" is for such a request: its conditions do not hold`;
    return refuse("no_route_matches", text);
  }
  if (route === undefined) {
    const served = routes.map(({ path_prefix }) => path_prefix).join(", ");
    return refuse("path_not_served", `The model "${model}" is served on ${served}, not on ${path}`);
  }
  return chooseHost(request, { route, read, deciders }) ??
    refuse("no_backend", `No backend serves the model "${model}"`);
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

/** Paths of the API are answered by what is asked for; others are there when a route says so. */
function isServed(path: string, { routes }: RouteTable): boolean {
  return path.startsWith("/v1/") || routeForPath(routes, path) !== undefined;
}

/** A stored response, its cancellation, its deletion: they say no model, and only the host that keeps it knows it. */
const KEPT = /^\/v1\/responses\/([^/]+)(?:\/[^/]+)?$/;

function keptResponse(
  request: RoutedRequest,
  path: string,
  deciders: Deciders,
): Routed | undefined {
  const [, id] = KEPT.exec(path) ?? [];
  const home = id === undefined ? undefined : deciders.home?.(unescaped(id), request.tenant);
  const host = deciders.hosts.find(({ endpoint }) => endpoint === home?.endpoint);
  if (home === undefined || host === undefined) return undefined;
  const route = routeForPath(deciders.table.routesOf(home.model, request.tenant), path);
  const target = route?.targets.find((one) => serves(host, one)) ?? route?.targets[0];
  if (route === undefined || target === undefined) return undefined;
  const body = undefined;
  return { kind: "route", route, target, host, alternates: [], fallback: false, body };
}

/** The error of a body that is, or says that it is, too long; undefined for any other. */
export function tooLarge(bytes: number, limit: number = MAX_BODY_BYTES): Refusal | undefined {
  if (!(bytes > limit)) return undefined;
  const text = `The request's body is too large: this gateway takes ${limit} bytes`;
  return refuse("request_too_large", text);
}

interface Choice {
  readonly route: Route;
  /** Undefined for a request without a body. */
  readonly read: ReadBody | undefined;
  readonly deciders: Deciders;
}

/** A target with its hosts. */
interface Option {
  readonly target: Target;
  readonly able: readonly BackendHost[];
  readonly fallback: boolean;
}

/** The route's target by weight, then its other targets, then its fallbacks: the first with a healthy host. */
function chooseHost(request: RoutedRequest, choice: Choice): Routed | undefined {
  const { route, deciders } = choice;
  const { hosts, healthy = (all: readonly BackendHost[]) => all } = deciders;
  const optionOf = (fallback: boolean) => (target: Target): Option => ({
    target,
    fallback,
    able: hosts.filter((host) => serves(host, target)),
  });
  const first = targetFor(route, request.requestId);
  const others = route.targets.filter((one) => one !== first && one.weight > 0);
  const options = [
    ...[first, ...others].map(optionOf(false)),
    ...route.fallbacks.map(optionOf(true)),
  ];
  const up = (option: Option) =>
    option.able.length === 0 ? [] : healthy(option.able, request.session);
  const home = homeOf(request, choice);
  const at = options.find(({ able }) => home !== undefined && able.includes(home));
  if (home !== undefined && at !== undefined && up({ ...at, able: [home] }).length > 0) {
    return routed(request, { ...choice, ...at, able: [home], later: at.able });
  }
  for (const [index, option] of options.entries()) {
    const able = up(option);
    if (able.length === 0) continue;
    // Envoy cannot change a body, so the next ones in question serve the same model.
    const later = options.slice(index + 1)
      .filter(({ target }) => target.model === option.target.model).flatMap(up);
    return routed(request, { ...choice, ...option, able, later });
  }
  // Nobody is healthy: an attempt is worth more than a refusal, since we may be wrong about it.
  const any = options.find(({ able }) => able.length > 0);
  return any && routed(request, { ...choice, ...any, later: [] });
}

/** The host that keeps the response which a request follows. */
function homeOf(
  { tenant }: RoutedRequest,
  { read, deciders }: Choice,
): BackendHost | undefined {
  const id = read?.members["previous_response_id"];
  const home = typeof id === "string" ? deciders.home?.(id, tenant) : undefined;
  return home && deciders.hosts.find(({ endpoint }) => endpoint === home.endpoint);
}

function serves({ endpoint, hostname, models }: BackendHost, target: Target): boolean {
  const { model, hosts } = target;
  if (!(models?.has(model) ?? true)) return false;
  // A host may be named as it is written, or by the address that it has.
  return hosts === undefined || hosts.has(endpoint) || hosts.has(hostname ?? endpoint);
}

interface Chosen extends Choice, Option {
  /** Hosts of the route's other targets and fallbacks that serve the same model. */
  readonly later: readonly BackendHost[];
}

function routed(request: RoutedRequest, chosen: Chosen): Routed {
  const { route, read, deciders, target, able, later, fallback } = chosen;
  const outstanding = (endpoint: string) => deciders.outstanding(endpoint);
  const leastBusy = (hosts: readonly BackendHost[]) =>
    hosts.toSorted((a, b) => outstanding(a.endpoint) - outstanding(b.endpoint));
  const situation: Situation = {
    outstanding,
    engine: (endpoint) => deciders.engine?.(endpoint),
    session: request.session ?? promptCacheKey(read?.members),
    members: read?.members ?? {},
    // Targets of one model take turns together, unless they are bound to hosts.
    group: target.hosts === undefined ? target.model : `${route.name} ${target.model}`,
  };
  const order = deciders.strategy.order?.(able, situation);
  const host = order?.[0] ?? deciders.strategy(able, situation);
  const next = order ?? leastBusy(able);
  return {
    kind: "route",
    route,
    target,
    host,
    alternates: [...new Set([...next, ...later])]
      .filter((one) => one !== host && areAlike(one, host))
      .slice(0, deciders.alternates),
    fallback,
    body: read === undefined || read.model === target.model
      ? undefined
      : read.renamed(target.model),
  };
}

/** The key by which a client asks that its prompts be cached together (OpenAI API reference, `prompt_cache_key`). */
function promptCacheKey(members: ReadBody["members"] = {}): string | undefined {
  const key = members["prompt_cache_key"];
  return typeof key === "string" && key !== "" ? key : undefined;
}

function isModels(path: string): boolean {
  return path === MODELS || path.startsWith(`${MODELS}/`);
}

/** The list of models, or one of them (API reference, "List models", "Retrieve model"). */
function aboutModels({ method, tenant }: RoutedRequest, path: string, table: RouteTable): Decision {
  const object = (id: string) => ({ id, object: "model", created: 0, owned_by: "llmgate" });
  const models = table.modelsFor(tenant);
  if (path === MODELS) {
    return {
      kind: "models",
      body: JSON.stringify({ object: "list", data: models.map(object) }),
    };
  }
  if (!isModels(path)) return refuse("not_found", `Unknown path: ${method} ${path}`);
  const id = unescaped(path.slice(MODELS.length + 1));
  if (!models.includes(id)) return refuse("model_not_found", unknownModel(id));
  return { kind: "models", body: JSON.stringify(object(id)) };
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A model that others may use is as unknown as any: its name alone may be a secret. */
function unknownModel(model: string): string {
  return `The model "${model}" does not exist or you do not have access to it`;
}

function refuse(code: RefusalCode, message: string): Refusal {
  const { status, param } = REFUSALS[code];
  const type = code === "no_backend" ? { type: UPSTREAM_ERROR } : {};
  const body = errorBody(status, { message, param, code, ...type });
  return { kind: "refuse", status, code, body: JSON.stringify(body) };
}
