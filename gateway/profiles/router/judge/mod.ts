/** How a model router is judged. */
import { CASES, ROUTER_CASES } from "../../../../conformance/mod.ts";
import { type Proof, SMOKE } from "../../../../mutants/mod.ts";
import type { RoutingLogic } from "../../../../router/mod.ts";
import { checkVariants, FOREIGN_EXPECTATIONS, type ForeignShape } from "../../../../targets/mod.ts";
import type { Judge } from "../../judge.ts";
import { ROUTER_MUTANTS, type RouterMutant } from "./mutants.ts";
import { CHAT, ROUTER_EXEMPT, routerFeature } from "./routed_models.ts";
import { startRouterGateway } from "./start.ts";
import { routerVariants, startRouterTarget } from "./target.ts";

/** As many as an own router has: one can be left out, and the others share. */
const BACKENDS = 3;

/** The features that a routing logic opens, beside `router`. */
const LOGIC_FEATURES: Partial<Record<RoutingLogic, string>> = {
  session: "router_session",
  least_outstanding_requests: "router_least_outstanding",
};

/** Cases that the seed's routes leave nothing to ask of; `router.*` asks the same of their models. */
const FOREIGN_EXEMPT: Readonly<Record<string, string>> = {
  ...ROUTER_EXEMPT,
  "allow.body-identical": "Its model has no route: router.body-identical judges the same",
  "pass.multipart": "Its path has no route",
};

const PROOF: Proof<RouterMutant> = {
  mutants: ROUTER_MUTANTS,
  cases: ROUTER_CASES,
  all: [...CASES, ...ROUTER_CASES],
  smoke: SMOKE,
  correct: [
    { proxy: false, start: (options) => startRouterGateway({ id: "correct router" }, options) },
    {
      proxy: true,
      start: (options) =>
        startRouterGateway({ id: "correct router behind the small proxy", defects: {} }, options),
    },
  ],
  start: startRouterGateway,
};

export const ROUTER_JUDGE: Judge = {
  cases: [...CASES, ...ROUTER_CASES],
  async start(gateway, { policy } = {}) {
    const { envoyPath, runParents, signal, profile: _, ...rest } = gateway;
    const shared = { envoyPath, runParents, ...(signal && { signal }) };
    return await startRouterTarget({
      ...rest,
      ...shared,
      // A foreign engine would be the one that the copies are judged with, too.
      ...(policy === undefined &&
        { variants: { ...checkVariants(shared), ...routerVariants(shared) } }),
    });
  },
  foreign: (values): ForeignShape => {
    const feature = LOGIC_FEATURES[values.logic as RoutingLogic];
    return {
      features: ["router", ...(feature === undefined ? [] : [feature])],
      upstreams: BACKENDS,
      describe: (mocks) => ({
        expect: { ...FOREIGN_EXPECTATIONS, routes: [CHAT.path], ownAnswers: ["/v1/models"] },
        exempt: FOREIGN_EXEMPT,
        model: CHAT.model,
        ...(mocks.length > 0 && { router: routerFeature(mocks) }),
      }),
    };
  },
  proof: PROOF,
};
