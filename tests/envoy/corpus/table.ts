/** The whole corpus, and its table for people: `deno run -A tests/envoy/corpus/table.ts` writes it. */
import { DETOURS } from "./detours.ts";
import type { CorpusCase } from "./form.ts";
import { POLICY } from "./policy.ts";
import { REFUSED } from "./refused.ts";
import { SPELLINGS } from "./spellings.ts";
import { STRANGE } from "./strange.ts";
import { STREAMS_AND_LOGS } from "./streams_and_logs.ts";
import { WRAPPED } from "./wrapped.ts";

/** Every case. */
export const CORPUS: readonly CorpusCase[] = [
  ...SPELLINGS,
  ...POLICY,
  ...DETOURS,
  ...STREAMS_AND_LOGS,
  ...STRANGE,
  ...REFUSED,
  ...WRAPPED,
];

const HEAD = `# Findings beside what a real Envoy did

Configurations after the forms of Envoy's examples, Envoy Gateway, Istio, OPA and others, each
written for these tests. \`tests/envoy/corpus_test.ts\` measures every cell on a real Envoy: whether
it takes the file (\`envoy --mode validate\`), and whether a request reaches the upstream while policy
says no, and while policy gives no answer that can be used. A dash was not measured: the file is no
bootstrap, or the finding is not about requests that get through.

| configuration | lint finds | Envoy | denied reaches | undecided reaches |
| --- | --- | --- | --- | --- |
`;

/** Returns the page. */
export function corpusTable(): string {
  const rows = CORPUS.map(({ name, findings, envoy, reached }) => {
    const found = [...new Set(findings)].map((id) => `\`${id}\``).join(", ") || "nothing";
    const cells = [name, found, envoy, wordOf(reached?.denied), wordOf(reached?.failing)];
    return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  });
  return `<!-- deno-fmt-ignore-file -->\n${HEAD}${rows.join("\n")}\n`;
}

function wordOf(reached: boolean | undefined): string {
  return reached === undefined ? "–" : reached ? "yes" : "no";
}

if (import.meta.main) {
  await Deno.writeTextFile(new URL("README.md", import.meta.url), corpusTable());
}
