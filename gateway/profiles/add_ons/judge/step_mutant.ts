/** The shape of a gateway whose steps are broken. */
import type { Mutant } from "../../../../mutants/mod.ts";
import type { Defect } from "./defects.ts";

/** A gateway that is broken in one of its steps, or in the place of its processor. */
export interface StepMutant extends Mutant {
  /** The list of steps that it has. */
  readonly list?: string;
  readonly breaks?: Defect;
}
