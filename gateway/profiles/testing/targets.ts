/** Targets of the profiles, for tests that judge them on configurations of their own. */
export { startResponsesTarget } from "../responses/judge/target.ts";
export { variantsOf as edgeVariants } from "../edge/judge/mod.ts";
export { startEdgeTarget } from "../edge/judge/target.ts";
export { routerVariants, startRouterTarget } from "../router/judge/target.ts";
