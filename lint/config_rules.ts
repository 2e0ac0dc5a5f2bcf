/** Rules for faults that Envoy would refuse: found while the file is read, one rule for each kind. */
import type { ReadingProblem } from "../envoy/mod.ts";
import type { LintRule } from "./rule.ts";

const REFUSES = "Envoy does not start with it, or does not take the update";
const DESCRIPTORS = "Envoy's message types";

/** The rules, by the kind of problem that each stands for. */
export const CONFIG_RULES_BY_KIND: Readonly<Record<ReadingProblem["kind"], LintRule>> = {
  "unknown-field": {
    id: "config.unknown-field",
    severity: "error",
    why: REFUSES,
    fix: "write the field as Envoy's API reference does, or take it away",
    source: DESCRIPTORS,
    check: () => [],
  },
  "wrong-value": {
    id: "config.wrong-value",
    severity: "error",
    why: REFUSES,
    fix: "give a value of the type that the message says",
    source: DESCRIPTORS,
    check: () => [],
  },
  "unknown-type": {
    id: "config.unknown-type",
    severity: "error",
    why: `${REFUSES}, unless it was built with that extension`,
    fix: "write the full type after `type.googleapis.com/`, or name your Envoy by `--envoy-path`",
    source: DESCRIPTORS,
    check: () => [],
  },
  "conflict": {
    id: "config.conflict",
    severity: "error",
    why: REFUSES,
    fix: "set one of them",
    source: DESCRIPTORS,
    check: () => [],
  },
  "limit": {
    id: "config.limit",
    severity: "error",
    why: `${REFUSES}: it checks more than types`,
    fix: "give a value within the limits that the message names, or the field that is needed",
    source: `${DESCRIPTORS}, validate.rules`,
    check: () => [],
  },
  "template": {
    id: "config.template",
    severity: "error",
    why: `${REFUSES}: what a template leaves open is not judged`,
    fix: "fill the template in, and lint what comes out",
    source: "YAML, as Envoy reads it",
    check: () => [],
  },
  "old-api": {
    id: "config.old-api",
    severity: "error",
    why: "Envoy 1.18 and later know the v3 API alone",
    fix: "write it in the v3 API",
    source: "Envoy, API versions",
    check: () => [],
  },
};

/** Every rule of them. */
export const CONFIG_RULES: readonly LintRule[] = Object.values(CONFIG_RULES_BY_KIND);
