/** `{{name}}`, with blanks around the name as people write them. */
const VARIABLE = /\{\{\s*([\p{L}\p{N}_.-]+)\s*\}\}/gu;

/** Returns the names in a prompt template, each once, in order of appearance. */
export function variablesOf(template: string): string[] {
  return [...new Set([...template.matchAll(VARIABLE)].map(([, name = ""]) => name))];
}

/** Replaces each `{{name}}` by its value. A name without a value stays as it is; a value without a name is not used. */
export function fillTemplate(
  template: string,
  values: Readonly<Record<string, string>>,
): string {
  return template.replace(
    VARIABLE,
    (whole, name: string) => Object.hasOwn(values, name) ? values[name] ?? whole : whole,
  );
}
