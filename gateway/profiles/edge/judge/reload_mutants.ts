/** Gateways of the profile `edge` that are changed wrongly on purpose, one defect each. */
import type { EdgeMutant } from "./mutants.ts";

export const RELOAD_MUTANTS: readonly EdgeMutant[] = [
  {
    id: "change-by-stopping",
    defect: "a change stops Envoy",
    kills: ["reload.routes-keep-streams", "reload.clusters-keep-streams"],
    changes: "by stopping",
  },
  {
    id: "change-never",
    defect: "a change is said to be in force, and is not",
    kills: [
      ...["reload.filters-keep-streams", "reload.routes-keep-streams"],
      "reload.endpoints-keep-streams",
    ],
    changes: "never",
  },
  {
    id: "change-hushed-up",
    defect: "nobody hears why a change was refused",
    kills: ["reload.broken-keeps-old"],
    changes: "hushed up",
  },
];
