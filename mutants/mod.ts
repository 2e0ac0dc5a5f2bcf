/**
 * Gateways that are broken on purpose: the proof that the conformance suite can fail.
 *
 * Each mutant has one planted defect, in Envoy's configuration where Envoy can be made wrong, in a
 * small proxy where it cannot, and names the cases that must notice it.
 *
 * ```ts
 * const matrix = await runSelfTest({ envoyPath: "/usr/local/bin/envoy", runParents: ["/tmp"] });
 * console.log(renderMatrix(matrix));
 * ```
 *
 * @module
 */
export { type KillMatrix, killMatrix, type MutantResult } from "./matrix.ts";
export { type Mutant } from "./mutant.ts";
export type { Defects } from "./proxy/defects.ts";
export { type Proxy, type ProxyOptions, startProxy } from "./proxy/proxy.ts";
export { MUTANTS, runSelfTest, type SelfTestOptions, SMOKE } from "./prove.ts";
export { renderMatrix } from "./render_matrix.ts";
export { startEnvoyGateway, startMutant, startRouterGateway, startSmallGateway } from "./start.ts";
