/** How a Responses gateway is judged. */
import { RESPONSES_CASES } from "../../../../conformance/mod.ts";
import type { Proof } from "../../../../mutants/mod.ts";
import { UsageError } from "../../../../service/mod.ts";
import type { Judge } from "../../judge.ts";
import type { ResponsesMutant } from "./edits.ts";
import { RESPONSES_MUTANTS } from "./mutants.ts";
import { startResponsesGateway } from "./start.ts";
import { startResponsesTarget } from "./target.ts";

const PROOF: Proof<ResponsesMutant> = {
  mutants: RESPONSES_MUTANTS,
  cases: RESPONSES_CASES,
  all: RESPONSES_CASES,
  smoke: ["responses.shape"],
  correct: [{
    proxy: false,
    start: (options) => startResponsesGateway({ id: "correct Responses gateway" }, options),
  }],
  start: startResponsesGateway,
};

/** A Responses gateway serves none of the paths of the base groups. */
export const RESPONSES_JUDGE: Judge = {
  cases: RESPONSES_CASES,
  async start({ profile: _, ...gateway }, { policy, upstream } = {}) {
    if (policy !== undefined || upstream !== undefined) {
      throw new UsageError(
        "Cannot judge the Responses profile with --policy or --upstream: it runs on our parts; give --gateway for one that runs elsewhere",
      );
    }
    return await startResponsesTarget(gateway);
  },
  foreign: () => ({ features: ["responses", "responses_stream"], clientOnly: true }),
  proof: PROOF,
};
