/** How a gateway with one upstream is judged. */
import { CASES } from "../../../conformance/mod.ts";
import { BASE_PROOF } from "../../../mutants/mod.ts";
import { checkVariants, startOwnTarget } from "../../../targets/mod.ts";
import type { Judge } from "../judge.ts";

export const BASE_JUDGE: Judge = {
  cases: CASES,
  async start(gateway, { policy, upstream } = {}) {
    const { envoyPath, runParents, signal } = gateway;
    return await startOwnTarget({
      ...gateway,
      // With foreign parts the opt-in groups would judge our own, which nobody asked for.
      ...(policy === undefined && upstream === undefined && {
        variants: checkVariants({ envoyPath, runParents, ...(signal && { signal }) }),
      }),
    });
  },
  foreign: () => ({}),
  proof: BASE_PROOF,
};
