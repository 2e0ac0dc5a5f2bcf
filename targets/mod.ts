/**
 * What the suite judges: gateways of ours on each profile, copies of them on other settings, and gateways of other
 * people, each described as the {@linkcode Target} of conformance/.
 *
 * ```ts
 * await using target = await startRouterTarget({ envoyPath, runParents: ["/tmp"] });
 * const report = await runSuite(target);
 * ```
 *
 * @module
 */
export {
  FOREIGN_EXPECTATIONS,
  type ForeignOptions,
  foreignTarget,
  ROUTES_ALL_EXEMPT,
} from "./foreign.ts";
export {
  BASE_EXPECTATIONS,
  ownTarget,
  type OwnTargetOptions,
  TARGET_JOURNAL_LIMIT,
} from "./own_target.ts";
export { type Promises, promisesOf } from "./promises.ts";
export { type ResponsesTargetOptions, startResponsesTarget } from "./responses_target.ts";
export {
  FALLBACK,
  type RouterTargetOptions,
  type RouterVariantOptions,
  routerVariants,
  startRouterTarget,
} from "./router_target.ts";
export { checkVariants, startCheckVariant, type VariantOptions } from "./variants.ts";
