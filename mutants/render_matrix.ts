/** Writes the kill matrix as text. */
import { type KillMatrix, type MutantResult, TOO_BROAD } from "./matrix.ts";

/**
 * Returns the matrix as text: by mutant, who noticed it, cases made for it first and the others by
 * group; by MUST case, the mutants that prove that it can fail; then the correct gateways, and what
 * is wrong with the suite.
 */
export function renderMatrix(matrix: KillMatrix): string {
  const { results, proofs, correct, problems, covered, uncovered } = matrix;
  const wide = Math.max(0, ...results.map(({ mutant }) => mutant.id.length));
  const wideCase = Math.max(0, ...proofs.map(({ id }) => id.length));
  const proven = proofs.filter(({ mutants }) => mutants.length > 0);
  const lines = [
    "mutants, and the cases that noticed them of those that ran:",
    ...results.map((result) => `  ${mutantLine(result, wide)}`),
    ...(proven.length > 0
      ? ["", "MUST cases, and the mutants made for them that prove each:"]
      : []),
    ...proven.map(({ id, mutants }) => `  ${id.padEnd(wideCase)}  ${mutants.join(", ")}`),
    "",
    ...correct.map(({ name, failed, warned }) => {
      const noise = warned.length > 0 ? ` (not held against mutants: ${warned.join(", ")})` : "";
      return `${failed.length === 0 ? "good" : "FAIL"} ${name}: ${
        failed.join(", ") || "no case fails"
      }${noise}`;
    }),
    ...problems.map((problem) => `problem: ${problem}`),
    `${covered} of ${
      covered + uncovered.length
    } MUST cases are proven able to fail by a mutant made for them`,
  ];
  if (uncovered.length > 0) lines.push(`not yet proven: ${uncovered.join(", ")}`);
  return lines.join("\n") + "\n";
}

function mutantLine({ mutant, killedBy, ran, problem }: MutantResult, wide: number): string {
  const { id, kills } = mutant;
  const dead = kills.every((one) => killedBy.includes(one));
  const mark = problem !== undefined ? "????" : dead ? "dead" : "LIVE";
  const kind = mutant.defects ? "proxy" : mutant.means ?? "envoy";
  const count = `${String(killedBy.length).padStart(3)}/${String(ran.length).padEnd(3)}`;
  const others = killedBy.filter((one) => !kills.includes(one));
  const said = [
    killedBy.filter((one) => kills.includes(one)).join(", ") || (problem ?? "nothing made for it"),
    ...(others.length > 0 ? [`also ${byGroup(others)}`] : []),
    ...(killedBy.length > TOO_BROAD ? ["too many to prove one"] : []),
  ];
  return `${mark} ${id.padEnd(wide)} ${kind} ${count} ${said.join("; ")}`;
}

/** Few ids as they are, many as `group.* count`. */
function byGroup(ids: readonly string[]): string {
  const groups = Map.groupBy(ids, (id) => id.split(".")[0] ?? id);
  return [...groups].map(([group, of]) =>
    of.length <= 2 ? of.join(", ") : `${group}.* ${of.length}`
  )
    .join(", ");
}
