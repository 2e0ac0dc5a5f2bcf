/** Gateways whose steps are broken on purpose, one defect each. */
import { CACHE_MUTANTS } from "./cache_mutants.ts";
import { CONTEXT_MUTANTS } from "./context_mutants.ts";
import { GUARD_MUTANTS, TOOL_MUTANTS } from "./guard_mutants.ts";
import { REDACT_MUTANTS } from "./redact_mutants.ts";
import type { StepMutant } from "./step_mutant.ts";

/** Every one of them. */
export const STEP_MUTANTS: readonly StepMutant[] = [
  ...REDACT_MUTANTS,
  ...GUARD_MUTANTS,
  ...CACHE_MUTANTS,
  ...CONTEXT_MUTANTS,
  ...TOOL_MUTANTS,
];
