/** JSON that is written again with its numbers as they were: a seed of 20 digits, a temperature of 1.0. */

/** Numbers that would be written otherwise: many digits, a zero at the end, an exponent. */
const ODD = /\d{16}|\.\d*0(?!\d)|\d[eE]|-0(?![.\d])/;

/** Members of a value that was read, by their place. */
type Sources = Map<string, { readonly value: number; readonly source: string }>;

// deno-lint-ignore no-explicit-any -- ECMA-262, JSON.parse with source text; TypeScript's library has no types for it
const RAW = JSON as any;

/**
 * Returns the UTF-8 of a value that was read from `original` and changed since. A number that stands where it stood is
 * written as it was.
 */
export function encodeAs(original: Uint8Array, json: object): Uint8Array {
  const text = new TextDecoder().decode(original);
  return new TextEncoder().encode(ODD.test(text) ? withSources(text, json) : JSON.stringify(json));
}

function withSources(text: string, json: object): string {
  const sources: Sources = new Map();
  const places = new Map<unknown, string>();
  const placeOf = (holder: unknown, key: string) => `${places.get(holder) ?? ""}/${key}`;
  const note = (holder: unknown, place: string) => {
    if (typeof holder !== "object" || holder === null) return;
    places.set(holder, place);
    for (const [key, value] of Object.entries(holder)) note(value, `${place}/${key}`);
  };
  const numbers: { holder: unknown; key: string; value: number; source: string }[] = [];
  const read: unknown = RAW.parse(
    text,
    function (this: unknown, key: string, value: unknown, { source }: { source?: string }) {
      if (typeof value === "number" && source !== undefined && String(value) !== source) {
        numbers.push({ holder: this, key, value, source });
      }
      return value;
    },
  );
  note(read, "");
  for (const { holder, key, value, source } of numbers) {
    sources.set(placeOf(holder, key), { value, source });
  }
  if (sources.size === 0) return JSON.stringify(json);
  places.clear();
  note(json, "");
  return JSON.stringify(json, function (this: unknown, key: string, value: unknown) {
    const known = typeof value === "number" ? sources.get(placeOf(this, key)) : undefined;
    return known !== undefined && known.value === value ? RAW.rawJSON(known.source) : value;
  });
}
