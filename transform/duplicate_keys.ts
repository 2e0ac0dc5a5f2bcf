/** Looks for keys that an object of a JSON text has twice: two readers take two of its values. */

const QUOTE = 34;
const BACKSLASH = 92;
const COMMA = 44;
const OPEN_LIST = 91;
const CLOSE_LIST = 93;
const OPEN_OBJECT = 123;
const CLOSE_OBJECT = 125;

/** Returns the first key that stands twice in one object of a valid JSON text, or undefined. Escapes count as what they mean. */
export function duplicateKey(json: string): string | undefined {
  /** Keys of the objects that are open, innermost last; undefined for a list. */
  const open: (Set<string> | undefined)[] = [];
  let expectsKey = false;
  for (let at = 0; at < json.length; at++) {
    switch (json.charCodeAt(at)) {
      case OPEN_OBJECT:
        open.push(new Set());
        expectsKey = true;
        break;
      case OPEN_LIST:
        open.push(undefined);
        expectsKey = false;
        break;
      case CLOSE_OBJECT:
      case CLOSE_LIST:
        open.pop();
        expectsKey = false;
        break;
      case COMMA:
        expectsKey = open.at(-1) !== undefined;
        break;
      case QUOTE: {
        const end = endOf(json, at);
        const keys = open.at(-1);
        if (expectsKey && keys !== undefined) {
          const written = json.slice(at + 1, end);
          const key = written.includes("\\") ? String(JSON.parse(`"${written}"`)) : written;
          if (keys.has(key)) return key;
          keys.add(key);
          expectsKey = false;
        }
        at = end;
        break;
      }
    }
  }
  return undefined;
}

/** Whether a JSON text says more than the value that was read from it: a key that stands twice. */
export function hidesValues(text: string, value: unknown): boolean {
  // Text as a serializer writes it has each key once: most need no second look.
  return JSON.stringify(value) !== text && duplicateKey(text) !== undefined;
}

/** The place of the quote that ends a string. */
function endOf(json: string, start: number): number {
  let end = start;
  for (;;) {
    end = json.indexOf('"', end + 1);
    if (end < 0) return json.length;
    let slashes = 0;
    while (json.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return end;
  }
}
