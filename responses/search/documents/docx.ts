/** Reads Word documents. */
import { unzipSync } from "fflate";
import { Parser } from "htmlparser2";
import { InvalidFileError } from "./errors.ts";

/** Parts of a Word document that hold what is read (ECMA-376, part 1, section 11.3), in the order of reading. */
const PARTS = [
  /^word\/header\d*\.xml$/,
  /^word\/document\.xml$/,
  /^word\/footnotes\.xml$/,
  /^word\/endnotes\.xml$/,
];

/** A ZIP archive that is something else: a presentation, a table, files. */
export class NoWordDocumentError extends InvalidFileError {}

/** Unpacked bytes of all parts: a small file can unpack to gigabytes. */
const UNPACKED_LIMIT = 256 * 2 ** 20;

/** Text for an element's end (ECMA-376, part 1, sections 17.3 and 17.4). */
const AFTER: Readonly<Record<string, string>> = {
  "w:p": "\n",
  "w:br": "\n",
  "w:cr": "\n",
  "w:tab": "\t",
  "w:noBreakHyphen": "-",
};

/**
 * The text of a Word document: a line for each paragraph. Deleted text of tracked changes is not in it.
 *
 * @throws {InvalidFileError} when it is no ZIP archive, or one without a document
 */
export function textOfDocx(bytes: Uint8Array): string {
  let parts: Record<string, Uint8Array>;
  let unpacked = 0;
  try {
    parts = unzipSync(bytes, {
      filter: ({ name, originalSize }) => {
        if (!PARTS.some((part) => part.test(name))) return false;
        unpacked += originalSize;
        if (unpacked > UNPACKED_LIMIT) {
          throw new InvalidFileError("The Word document unpacks to more than 256 MiB");
        }
        return true;
      },
    });
  } catch (error) {
    if (error instanceof InvalidFileError) throw error;
    throw new InvalidFileError("The file is no readable Word document (.docx)");
  }
  if (parts["word/document.xml"] === undefined) {
    throw new NoWordDocumentError(
      'The file is no Word document (.docx): it holds no "word/document.xml"',
    );
  }
  return PARTS.flatMap((part) => Object.keys(parts).filter((name) => part.test(name)).sort())
    .map((name) => textOfPart(new TextDecoder().decode(parts[name])))
    .join("");
}

function textOfPart(xml: string): string {
  let text = "";
  let inside = 0;
  const parser = new Parser({
    onopentag: (name) => void (inside += name === "w:t" ? 1 : 0),
    onclosetag(name) {
      if (name === "w:t") inside--;
      text += AFTER[name] ?? "";
    },
    ontext: (words) => void (text += inside > 0 ? words : ""),
  }, { xmlMode: true });
  parser.end(xml);
  return text;
}
