/** A value that a caller or a model may have sent as text, or as the JSON that the text should be. */
export function jsonText(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}
