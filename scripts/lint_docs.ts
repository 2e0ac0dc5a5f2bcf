// deno-lint-ignore-file no-console -- a program of its own
/**
 * Writes docs/lint.md from the rules of `llmgate lint`, so that the page and the program cannot say different things.
 * With `--check` it writes nothing and exits 1 when the page is out of date.
 */
import { LINT_RULES, type LintRule } from "../lint/mod.ts";

const LINE_WIDTH = 100;
const PAGE = new URL("../docs/lint.md", import.meta.url);

const HEAD = `# What \`llmgate lint\` finds

\`llmgate lint FILE\` reads an Envoy configuration (YAML or JSON) as Envoy does, by Envoy's own
message types: those of the default version are at hand, and \`--envoy-path FILE\` reads those of
another. \`llmgate lint http://127.0.0.1:9901\` reads the configuration that a running Envoy has in
force, routes that came by RDS included. Nothing is started. Every finding has its line, the reason,
the fix, and the case of the conformance suite that shows it on a running gateway:

\`\`\`sh
llmgate lint envoy.yaml
llmgate check --envoy-config envoy.yaml --case 'sse.idle-20s'
\`\`\`

A file may also be anything that holds a configuration (a ConfigMap, a Secret, a custom resource, a
Compose file, a chart's values), several documents, an answer of \`/config_dump\` (whole, by
\`?resource=\`, or as \`egctl\` and \`istioctl\` print it), or resources as xDS serves them. What is not
in it, such as routes that come by RDS or a filter that comes by ECDS, is said in a note.

An **error** breaks something that the suite calls a MUST, or is refused by Envoy; a **warning** is
a SHOULD, or a door left ajar. The exit code is 1 when there are findings. The bundled base
configuration has none.

| flag                         | does                                                               |
| ---------------------------- | ------------------------------------------------------------------ |
| \`--errors\`                   | leaves warnings out                                                |
| \`--listener NAME\`            | looks at that listener alone                                       |
| \`--trusted NAME\`             | a header that only your policy may set                             |
| \`--route-config routes.json\` | compares the routes with those of the model router behind ext_proc |
| \`--known FILE\`               | leaves known findings out, one \`rule.id [path]  # reason\` per line |
| \`--all\`                      | lists each of many equal findings, which are grouped otherwise     |
| \`--json\`                     | for machines                                                       |

A finding that is meant to be can be left out in the file as well, with the reason, on its line or
above it; without a reason the mark does nothing, and one that matches nothing is said:

\`\`\`yaml
failure_mode_allow: true # llmgate:ignore policy.fail-open: a trial, until May
\`\`\`

This page is written by \`scripts/lint_docs.ts\` from the rules themselves.
`;

/** The page, in Markdown. */
export function lintPage(rules: readonly LintRule[]): string {
  const sections = rules.map((rule) => {
    const shown = rule.case === undefined ? "nothing outside would show it" : `\`${rule.case}\``;
    const paragraphs = [
      `## ${rule.id}`,
      `**${rule.severity}** · shown by ${shown} · ${rule.source}`,
      sentence(rule.why),
      `Fix: ${sentence(rule.fix)}`,
    ];
    return `${paragraphs.map(wrapped).join("\n\n")}\n`;
  });
  return [HEAD, ...sections].join("\n");
}

/** Breaks a paragraph as `deno fmt` would. */
function wrapped(paragraph: string): string {
  const lines = [""];
  for (const word of paragraph.match(/`[^`]*`\S*|\S+/g) ?? []) {
    const last = lines.at(-1) ?? "";
    if (last !== "" && last.length + 1 + word.length > LINE_WIDTH) lines.push(word);
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
  }
  return lines.join("\n");
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

if (import.meta.main) {
  const page = lintPage(LINT_RULES);
  if (!Deno.args.includes("--check")) await Deno.writeTextFile(PAGE, page);
  else if (await Deno.readTextFile(PAGE) !== page) {
    console.error("docs/lint.md is out of date: run deno run -A scripts/lint_docs.ts");
    Deno.exit(1);
  }
}
