/**
 * Gateways that are broken on purpose: the proof that the conformance suite can fail.
 *
 * Each mutant has one planted defect, in Envoy's configuration where Envoy can be made wrong, in a
 * small proxy where it cannot, and names the cases that must notice it.
 *
 * ```ts
 * const matrix = await runSelfTest({
 *   proof: BASE_PROOF,
 *   envoyPath: "/usr/local/bin/envoy",
 *   runParents: ["/tmp"],
 * });
 * console.log(renderMatrix(matrix));
 * ```
 *
 * @module
 */
export {
  addBefore,
  cluster,
  hcm,
  header,
  headerMutation,
  lentKey,
  lua,
  removeFilter,
  routeOf,
  settingsOf,
} from "./config_places.ts";
export { type KillMatrix, killMatrix, type MutantResult } from "./matrix.ts";
export type { Config, Mutant } from "./mutant.ts";
export { type Correct, type Proof, type RunningTarget, SMOKE, type StartOptions } from "./proof.ts";
export { runSelfTest, type SelfTestOptions } from "./prove.ts";
export type { Defects } from "./proxy/defects.ts";
export { type Proxy, type ProxyOptions, startProxy } from "./proxy/proxy.ts";
export { BASE_PROOF } from "./base_proof.ts";
export { renderMatrix } from "./render_matrix.ts";
export { mutatedConfig, startEnvoyGateway, startMutant, startSmallGateway } from "./start.ts";
