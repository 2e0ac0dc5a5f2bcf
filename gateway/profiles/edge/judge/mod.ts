/** How the profile `edge` is judged. */
import { CASES, EDGE_CASES, type Target } from "../../../../conformance/mod.ts";
import {
  type Config,
  type Proof,
  type RunningTarget,
  SMOKE,
  type StartOptions,
} from "../../../../mutants/mod.ts";
import { checkVariants } from "../../../../targets/mod.ts";
import type { Judge } from "../../judge.ts";
import { startDeclared } from "./declared.ts";
import { EDGE_MUTANTS, type EdgeMutant } from "./mutants.ts";
import { RELOAD_MUTANTS } from "./reload_mutants.ts";
import { startTraceTarget } from "./trace.ts";
import { TRACE_MUTANTS } from "./trace_mutants.ts";
import { TRAFFIC_MUTANTS } from "./traffic_mutants.ts";
import { startReloadTarget } from "./reload.ts";
import { type EdgeTargetOptions, edgeVariants, startEdgeTarget } from "./target.ts";
import { trafficVariants } from "./traffic.ts";

/** Every copy of the profile that a group needs. */
export function variantsOf(options: EdgeTargetOptions): NonNullable<Target["variants"]> {
  return {
    ...edgeVariants(options),
    ...trafficVariants(options),
    reload: () => startReloadTarget(options),
    trace: () => startTraceTarget(options),
  };
}

/** Starts the profile with a mutant's edit, in its copies too; without one it is correct. */
async function startEdgeGateway(
  { id: name, edit, editIn, changes }: Pick<EdgeMutant, "id" | "edit" | "editIn" | "changes">,
  { envoyPath, runParents, signal }: StartOptions,
): Promise<RunningTarget> {
  const shared = {
    envoyPath,
    runParents,
    ...(signal && { signal }),
    changes,
    edit(config: Config, tls: string) {
      edit?.(config);
      editIn?.(config, tls);
    },
  };
  return await startEdgeTarget({ ...shared, name, quick: true, variants: variantsOf(shared) });
}

const PROOF: Proof<EdgeMutant> = {
  mutants: [...EDGE_MUTANTS, ...TRAFFIC_MUTANTS, ...RELOAD_MUTANTS, ...TRACE_MUTANTS],
  cases: EDGE_CASES,
  all: [...CASES, ...EDGE_CASES],
  smoke: SMOKE,
  correct: [{
    proxy: false,
    start: (options) => startEdgeGateway({ id: "correct edge" }, options),
  }],
  start: startEdgeGateway,
};

export const EDGE_JUDGE: Judge = {
  cases: [...CASES, ...EDGE_CASES],
  async start(gateway, { policy, upstream } = {}) {
    const { envoyPath, runParents, signal, profile: _, ...rest } = gateway;
    const shared = { envoyPath, runParents, ...(signal && { signal }) };
    return await startEdgeTarget({
      ...rest,
      ...shared,
      quick: true,
      ...(policy === undefined && upstream === undefined &&
        { variants: { ...checkVariants(shared), ...variantsOf(shared) } }),
    });
  },
  foreign: () => ({}),
  declare: startDeclared,
  proof: PROOF,
};
