/** How a gateway with one upstream is judged. */
import { CASES, TRANSFORM_CASES } from "../../../conformance/mod.ts";
import { BASE_PROOF } from "../../../mutants/mod.ts";
import { checkVariants, startOwnTarget } from "../../../targets/mod.ts";
import { stepVariants, withSteps } from "../add_ons/judge/mod.ts";
import type { Judge } from "../judge.ts";

export const BASE_JUDGE: Judge = {
  cases: [...CASES, ...TRANSFORM_CASES],
  async start(gateway, { policy, upstream } = {}) {
    const { envoyPath, runParents, signal } = gateway;
    const place = { envoyPath, runParents, ...(signal && { signal }) };
    return await startOwnTarget({
      ...gateway,
      // With foreign parts the opt-in groups would judge our own, which nobody asked for.
      ...(policy === undefined && upstream === undefined && {
        variants: { ...checkVariants(place), ...stepVariants(place) },
      }),
    });
  },
  foreign: () => ({}),
  proof: withSteps(BASE_PROOF),
};
