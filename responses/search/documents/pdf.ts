/** Reads PDF files. */
import { InvalidFileError } from "./errors.ts";

/**
 * The text of a PDF, pages apart by an empty line.
 *
 * @throws {InvalidFileError} when it is broken, needs a password, or has no text (a scan)
 */
export async function textOfPdf(bytes: Uint8Array): Promise<string> {
  // Two thirds of all that is needed to read documents.
  const { extractText, getDocumentProxy } = await import("unpdf");
  let pages: readonly string[];
  try {
    // 0 is "errors only": warnings about odd files are of no use on standard error.
    const document = await getDocumentProxy(bytes, { verbosity: 0 });
    try {
      pages = (await extractText(document)).text;
    } finally {
      await document.loadingTask.destroy();
    }
  } catch (error) {
    const name = error instanceof Error ? error.name : "";
    throw new InvalidFileError(
      name === "PasswordException"
        ? "The PDF needs a password"
        : `The PDF cannot be read: ${error instanceof Error ? error.message : error}`,
    );
  }
  const text = pages.map((page) => page.trim()).filter((page) => page !== "").join("\n\n");
  if (text === "") throw new InvalidFileError("The PDF has no text: scanned pages are not read");
  return text;
}
