/** The router profile as a target of the suite: its backends are one upstream, and each a witness. */
import type { Target } from "../../../../conformance/mod.ts";
import {
  BASE_EXPECTATIONS,
  type OwnGatewayOptions,
  type OwnTarget,
  startOwnTarget,
} from "../../../../targets/mod.ts";
import { type RouterPart, type RouterPartOptions, routerProfile } from "../profile.ts";
import { CHAT, COMPLETION, ROUTER_EXEMPT, routerFeature } from "./routed_models.ts";

/** The base groups ask for these models, on every path of the API. */
const BASE_MODELS = ["gpt-4o-mini", "m"];

/** A model with another name at the backends, and one that takes forms. */
const REWRITES = {
  names: ["renamed-model", "its-alias"],
  path: CHAT.path,
  as: "the-backends-own-name",
};
const FORM = { model: "whisper-1", path: "/v1/audio/transcriptions" };

/** A model that one backend serves, and those that are asked for when that is gone. */
export const FALLBACK = {
  model: "primary-model",
  path: CHAT.path,
  to: ["first-fallback", "second-fallback"],
};

/** The seed's routes, and the base groups' models and those above beside them. */
const ROUTES = JSON.stringify([
  { name: "chat-route", model: CHAT.model, path_prefix: "/v1/chat" },
  { name: "completion-route", model: COMPLETION.model, path_prefix: "/v1/completions" },
  {
    name: "renamed-route",
    model: REWRITES.names[0],
    aliases: REWRITES.names.slice(1),
    rewrite_model: REWRITES.as,
    path_prefix: "/v1/chat",
  },
  { name: "form-route", model: FORM.model, path_prefix: "/v1/audio" },
  {
    name: "fallback-route",
    model: FALLBACK.model,
    fallbacks: FALLBACK.to.map((model) => ({ model })),
    path_prefix: "/v1/chat",
  },
  ...BASE_MODELS.map((model) => ({ name: `any-${model}`, model, path_prefix: "/v1/" })),
]);

/** Models of each of the three backends: one model of the two is missing on each of two. */
const MODELS = [
  [CHAT.model, ...BASE_MODELS].join("|"),
  [COMPLETION.model, ...BASE_MODELS].join("|"),
  "*",
].join(",");

/** The router answers the list of models itself; the other paths go to a backend. */
const LIST = "/v1/models";
const POSTED = BASE_EXPECTATIONS.routes.filter((path) => path !== LIST);

/** Longest body that Envoy and the router take, bytes: less than by default, since the cases send more. */
const MAX_BODY_BYTES = 8_388_608;

/** The cases let backends fail on purpose; that must not change who gets the requests of others. */
const UNWATCHED: NonNullable<RouterPartOptions["health"]> = {
  limits: { failures: Infinity, ejectMs: 0, returnMs: 0 },
};

/** A router that runs to be judged. */
export interface RouterTargetOptions extends Omit<OwnGatewayOptions, "profile"> {
  /** Backends and routes; those of the catalogue when left out. */
  readonly router?: RouterPartOptions;
  /** Purpose of this copy of the router, as features of the catalogue. */
  readonly features?: readonly string[];
}

/**
 * Starts the router profile on free ports, with routes and models for the catalogue unless others
 * are given, and describes it to the suite. Disposing the target stops the gateway.
 *
 * @throws {UnavailableError} when a part does not start
 */
export async function startRouterTarget(
  options: RouterTargetOptions,
): Promise<OwnTarget<RouterPart>> {
  const { features = ["router"], router, ...rest } = options;
  await using stack = new AsyncDisposableStack();
  const file = await Deno.makeTempFile({ prefix: "llmgate-routes-", suffix: ".json" });
  stack.defer(() => Deno.remove(file));
  await Deno.writeTextFile(file, ROUTES);
  const own = stack.use(
    await startOwnTarget({
      ...rest,
      profile: routerProfile({
        models: MODELS,
        routesFile: file,
        health: UNWATCHED,
        maxBodyBytes: MAX_BODY_BYTES,
        ...router,
      }),
    }),
  );
  const { mocks, hosts } = own.gateway.part;
  const owned = stack.move();
  return Object.assign(own, {
    features,
    ...(mocks.length > 0 &&
      {
        router: {
          ...routerFeature(mocks, { hosts, maxBodyBytes: MAX_BODY_BYTES }),
          rewrites: REWRITES,
          form: FORM,
          fallback: FALLBACK,
        },
      }),
    expect: { ...BASE_EXPECTATIONS, routes: POSTED, ownAnswers: [LIST] },
    exempt: ROUTER_EXEMPT,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  });
}

/** The difference of a copy of the router. */
interface Variant {
  readonly router?: RouterPartOptions;
  /** Something is stopped before the cases run. */
  readonly stop?: (part: RouterPart) => PromiseLike<void> | undefined;
}

/** Copies of the router on other settings, by the feature that each opens. */
const VARIANTS: Readonly<Record<string, Variant>> = {
  router_session: { router: { logic: "session" } },
  router_least_outstanding: { router: { logic: "least_outstanding_requests", models: "*,*,*" } },
  router_down: { stop: ({ router }) => router[Symbol.asyncDispose]() },
  router_dead_host: {
    router: { models: "*,*,*" },
    stop: ({ mocks }) => mocks[0]?.close(),
  },
  router_fallback: {
    router: {
      models: [FALLBACK.model, ...FALLBACK.to].join(","),
      // Who takes no connection is out for longer than the cases take; other failures do not count.
      health: { limits: { failures: Infinity, ejectMs: 3_600_000, maxEjectMs: 3_600_000 } },
    },
    stop: ({ mocks }) => mocks[0]?.close(),
  },
};

/** Settings that the variants share with the router beside which they are judged. */
export type RouterVariantOptions = Pick<
  RouterTargetOptions,
  "envoyPath" | "runParents" | "signal" | "config" | "name" | "router"
>;

/**
 * Returns how to start a copy of the router for each group of cases that needs one of its own:
 * another routing logic, or no router at all.
 */
export function routerVariants(options: RouterVariantOptions): NonNullable<Target["variants"]> {
  return Object.fromEntries(
    Object.entries(VARIANTS).map(([feature, { router, stop }]) => [feature, async () => {
      const target = await startRouterTarget({
        concurrency: 1,
        ...options,
        features: [feature],
        router: { ...options.router, ...router },
      });
      await stop?.(target.gateway.part);
      return target;
    }]),
  );
}
