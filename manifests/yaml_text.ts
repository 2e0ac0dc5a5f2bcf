/** Writes YAML that a person can read. */
import { Document } from "yaml";

/** Writes documents as one YAML text, each behind its comment. Long texts are literal blocks. */
export function yamlText(
  documents: readonly { readonly comment?: string; readonly value: unknown }[],
): string {
  return documents.map(({ comment, value }) => {
    const document = new Document(value, { aliasDuplicateObjects: false });
    if (comment !== undefined) document.commentBefore = ` ${comment.replaceAll("\n", "\n ")}`;
    return document.toString({ lineWidth: 0, blockQuote: "literal" });
  }).join("---\n");
}
