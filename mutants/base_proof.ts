/** The proof of the base profile. */
import { CASES, ROUTER_CASES } from "../conformance/mod.ts";
import { CONFIG_MUTANTS } from "./config_mutants.ts";
import { EXTENSION_MUTANTS } from "./extension_mutants.ts";
import type { Mutant } from "./mutant.ts";
import { OPT_IN_MUTANTS } from "./opt_in_mutants.ts";
import { POLICY_MUTANTS } from "./policy_mutants.ts";
import { type Proof, SMOKE } from "./proof.ts";
import { PROTOCOL_MUTANTS } from "./protocol_mutants.ts";
import { PROXY_MUTANTS } from "./proxy_mutants.ts";
import { startEnvoyGateway, startMutant, startSmallGateway } from "./start.ts";

/** Every mutant of the base profile, and two correct gateways: Envoy, and the small proxy. */
export const BASE_PROOF: Proof<Mutant> = {
  mutants: [
    ...CONFIG_MUTANTS,
    ...POLICY_MUTANTS,
    ...OPT_IN_MUTANTS,
    ...PROTOCOL_MUTANTS,
    ...EXTENSION_MUTANTS,
    ...PROXY_MUTANTS,
  ],
  cases: CASES,
  all: [...CASES, ...ROUTER_CASES],
  smoke: SMOKE,
  correct: [
    { proxy: false, start: (options) => startEnvoyGateway({ id: "correct Envoy" }, options) },
    { proxy: true, start: () => startSmallGateway("correct small proxy") },
  ],
  start: startMutant,
};
