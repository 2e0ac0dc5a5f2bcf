/** The end of an error message about a word that nobody knows. */
import { Command } from "commander";

/**
 * `: did you mean "x"?` for the nearest of the known words, by commander's measure, or nothing when none is near. Of words
 * such as `envoy fetch` the last one is what may be mistyped.
 */
export function didYouMean(typed: string, words: readonly string[]): string {
  const before = typed.slice(0, typed.lastIndexOf(" ") + 1);
  const known = new Command().exitOverride().helpOption(false).helpCommand(false)
    .configureOutput({ writeErr: () => {} });
  const siblings = words.filter((word) => word.startsWith(before));
  for (
    const word of new Set(siblings.map((word) => word.slice(before.length).split(" ")[0] ?? ""))
  ) {
    if (word.startsWith("-")) known.option(word);
    else known.command(word);
  }
  try {
    known.parse([typed.slice(before.length)], { from: "user" });
    return "";
  } catch (error) {
    return suggestionIn(String(error), before);
  }
}

/** The same for an error message of commander's own. */
export function suggestionIn(said: string, before = ""): string {
  const [, words] = /\(Did you mean (?:one of )?(.+)\?\)$/.exec(said) ?? [];
  if (words === undefined) return "";
  return `: did you mean ${words.split(", ").map((word) => `"${before}${word}"`).join(" or ")}?`;
}
