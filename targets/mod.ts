/**
 * Targets of the suite: gateways of ours, copies of them on check-only configurations, and gateways of other
 * people, each described as the {@linkcode Target} of conformance/.
 *
 * ```ts
 * import { runSuite } from "../conformance/mod.ts";
 * import { startOwnTarget } from "./mod.ts";
 *
 * await using target = await startOwnTarget({
 *   envoyPath: "/usr/local/bin/envoy",
 *   runParents: ["/tmp"],
 * });
 * const report = await runSuite(target);
 * ```
 *
 * @module
 */
export { type Declared, withDeclared } from "./declared.ts";
export { dialectTarget, type DialectTargetOptions } from "./dialect_target.ts";
export {
  FOREIGN_EXPECTATIONS,
  type ForeignOptions,
  type ForeignShape,
  foreignTarget,
  ROUTES_ALL_EXEMPT,
} from "./foreign.ts";
export {
  BASE_EXPECTATIONS,
  type OwnGatewayOptions,
  type OwnTarget,
  ownTarget,
  type OwnTargetOptions,
  startOwnTarget,
  TARGET_JOURNAL_LIMIT,
} from "./own_target.ts";
export { headersOf, type HeadersOfFile, type Promises, promisesOf } from "./promises.ts";
export {
  assertHasFilters,
  checkVariants,
  startCheckVariant,
  type VariantOptions,
} from "./variants.ts";
