/** The depth of a client's JSON: the parser takes any, and whatever walks the value afterwards would not. */

/** Levels of arrays and objects that a body may have. OpenAI takes schemas of 10 levels; Envoy's own limit is 100. */
export const MAX_JSON_DEPTH = 256;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Whether a text has more levels than {@linkcode MAX_JSON_DEPTH}; it need not be JSON. One pass, which strings are skipped in. */
export function isTooDeep(text: string): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x5b: // [
      case 0x7b: // {
        if (++depth > MAX_JSON_DEPTH) return true;
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth--;
        break;
      case QUOTE:
        at = endOfString(text, at);
    }
  }
  return false;
}

/** Where a string ends: its closing quote, or the text's end. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return end;
  }
  return text.length;
}
