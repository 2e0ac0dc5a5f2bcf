/** Reads HTML. */
import { Parser } from "htmlparser2";

/** Elements whose text nobody reads. */
const SILENT = new Set([
  "script",
  "style",
  "noscript",
  "template",
  "svg",
  "math",
  "iframe",
  "object",
]);

/** Elements that begin and end a line. */
const BLOCK = new Set(
  ("address article aside blockquote body br caption dd details dialog div dl dt fieldset figcaption figure footer " +
    "form h1 h2 h3 h4 h5 h6 header hr html legend li main nav ol option p pre section summary table tbody tfoot " +
    "thead title tr ul").split(" "),
);

/** Elements that are set off from what is before them on the line. */
const CELL = new Set(["td", "th"]);

/** The readable text of an HTML page: a line for each block, `alt` in place of images, nothing of scripts and styles. */
export function textOfHtml(html: string): string {
  const lines: string[] = [];
  let line = "";
  let silent = 0;
  let preformatted = 0;
  const newLine = () => {
    const text = line.replace(/[ \t]+$/, "");
    if (text !== "") lines.push(text.endsWith("\n") ? text : `${text}\n`);
    line = "";
  };
  const add = (words: string) => {
    if (silent > 0) return;
    const plain = preformatted > 0 ? words : words.replace(/\s+/g, " ");
    line += preformatted > 0 || (line !== "" && !/\s$/.test(line.slice(-1)))
      ? plain
      : plain.trimStart();
  };
  const parser = new Parser({
    onopentag(name, { alt }) {
      if (SILENT.has(name)) silent++;
      if (name === "pre") preformatted++;
      if (BLOCK.has(name)) newLine();
      if (CELL.has(name)) add(" ");
      if (name === "img" && alt) add(alt);
    },
    onclosetag(name) {
      if (SILENT.has(name)) silent--;
      if (name === "pre") preformatted--;
      if (BLOCK.has(name)) newLine();
    },
    ontext: add,
  });
  parser.end(html);
  newLine();
  return lines.join("");
}
