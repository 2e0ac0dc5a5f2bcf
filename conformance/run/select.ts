/** Chooses the cases of a run. */
import { compileGlob } from "../../patterns/mod.ts";
import { UsageError } from "../../service/mod.ts";
import type { Case, Level } from "../case.ts";
import type { Control, Protocol, Target } from "../target.ts";
import type { ReportCase } from "../report/report.ts";

/** Which cases to run. */
export interface Selection {
  /** Globs over case ids; `*` is any text. Default: all. */
  case?: readonly string[];
  /** Globs of cases to leave out; they are reported as skipped. */
  skip?: readonly string[];
  /** The weakest level to run; default `may`. */
  level?: Level;
  /** Runs the cases that take minutes, too. */
  slow?: boolean;
}

const LEVELS: readonly Level[] = ["must", "should", "may"];

/**
 * Returns the cases that the selection names, in catalogue order.
 *
 * @throws {UsageError} when a glob matches nothing: a typo must not look like a pass
 */
export function selectCases(cases: readonly Case[], selection: Selection = {}): Case[] {
  const weakest = LEVELS.indexOf(selection.level ?? "may");
  const ids = cases.map(({ id }) => id);
  const wanted = matcher(selection.case, ids, "--case");
  matcher(selection.skip, ids, "--skip");
  const chosen = cases.filter(({ id, level }) =>
    LEVELS.indexOf(level) <= weakest && (wanted ? wanted(id) : true)
  );
  if (chosen.length === 0) {
    throw new UsageError("Cannot run the suite: no case matches the selection");
  }
  return chosen;
}

/**
 * Returns why a case cannot or shall not run on a target, or `undefined` when it can. What cannot
 * be measured is never counted as passed.
 */
export function verdictBeforeRun(
  one: Case,
  target: Target,
  selection: Selection = {},
): Pick<ReportCase, "status" | "reason" | "beyond_control"> | undefined {
  if (selection.skip?.some((glob) => globOfCases(glob)(one.id))) {
    return { status: "skip", reason: "Left out by --skip" };
  }
  if (one.feature && !target.features.includes(one.feature)) {
    return { status: "unsupported", reason: `The target does not declare "${one.feature}"` };
  }
  const exempt = target.exempt?.[one.id];
  if (exempt !== undefined) return { status: "unsupported", reason: exempt };
  const missing = Object.entries(target.unmeasured ?? {}).find(([glob]) =>
    globOfCases(glob)(one.id)
  );
  if (missing !== undefined) return { status: "not-measured", reason: missing[1] };
  if (!covers(target.control, one.control)) {
    return {
      status: "not-measured",
      reason: `Needs --control ${one.control}: current control is ${target.control}`,
      beyond_control: true,
    };
  }
  if (one.admin && !target.envoy) {
    const reason = "Needs Envoy's admin interface and access log";
    return { status: "not-measured", reason, beyond_control: true };
  }
  if (one.slow && !selection.slow) {
    return { status: "skip", reason: "Takes minutes: run with --slow" };
  }
  if (axesOf(one, target).length === 0) {
    const axes = one.axes ?? ["h1"];
    return { status: "unsupported", reason: `The target does not speak ${axes.join(" or ")}` };
  }
  return undefined;
}

/** The HTTP versions over which a case runs on a target: those that it names, or else HTTP/1.1, or what is spoken. */
export function axesOf(one: Case, { protocols }: Pick<Target, "protocols">): Protocol[] {
  if (one.axes !== undefined) return one.axes.filter((axis) => protocols.includes(axis));
  return protocols.includes("h1") ? ["h1"] : protocols.slice(0, 1);
}

/** Whether owning `have` is enough for a case that needs `need`. */
export function covers(have: Control, need: Control): boolean {
  return need === "none" || have === "both" || have === need;
}

/** Returns whether an id is one of a glob's: `*` any text, `?` one character. */
export function globOfCases(glob: string): (id: string) => boolean {
  return compileGlob(glob, { one: true });
}

function matcher(
  globs: readonly string[] | undefined,
  ids: readonly string[],
  flag: string,
): ((id: string) => boolean) | undefined {
  if (!globs || globs.length === 0) return undefined;
  const patterns = globs.map((glob) => {
    const pattern = globOfCases(glob);
    if (!ids.some(pattern)) {
      const near = nearest(glob, ids);
      const hint = near ? `: did you mean "${near}"?` : ": see --list";
      throw new UsageError(`Cannot select cases: ${flag} "${glob}" matches none${hint}`);
    }
    return pattern;
  });
  return (id) => patterns.some((pattern) => pattern(id));
}

/** Returns the id that is fewest edits away, when that is few enough to be a typo. */
function nearest(word: string, ids: readonly string[]): string | undefined {
  let best: { id: string; distance: number } | undefined;
  for (const id of ids) {
    const distance = editDistance(word, id);
    if (!best || distance < best.distance) best = { id, distance };
  }
  return best && best.distance <= Math.max(2, word.length / 3) ? best.id : undefined;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitute = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitute, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** Returns what `--list` shows: every selected case with its level, control and requirement. */
export function listCases(cases: readonly Case[], selection: Selection = {}): {
  id: string;
  level: Level;
  control: Control;
  feature?: string;
  requirement: string;
}[] {
  return selectCases(cases, selection).map(({ id, level, control, feature, requirement }) => ({
    id,
    level,
    control,
    ...(feature !== undefined && { feature }),
    requirement,
  }));
}
