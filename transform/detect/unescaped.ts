/** Texts that are JSON, such as a tool's arguments, with characters that are written by number written as themselves. */
import type { StreamFilter } from "./redactor.ts";

/** A backslash and what it escapes (RFC 8259, section 7). */
const ESCAPE = /\\(?:u([0-9A-Fa-f]{4})|.)/gs;
/** An escape that a later piece goes on with. */
const OPEN = /\\(?:u[0-9A-Fa-f]{0,3})?$/;

/** Whether a key's texts are JSON. */
export function isJsonText(key: string): boolean {
  return key.includes("arguments") || key.includes("partial_json");
}

/** Returns a JSON text that says the same, with ASCII written as it is: `\\u0040` is `@`. */
export function unescaped(json: string): string {
  return json.replace(ESCAPE, (escape, code: string | undefined) => {
    if (escape === "\\/") return "/";
    const character = String.fromCharCode(Number.parseInt(code ?? "0", 16));
    return /[ !#-[\]-~]/.test(character) ? character : escape;
  });
}

/** Returns a filter that puts a JSON text that comes in pieces through another one, unescaped. */
export function unescaping(filter: StreamFilter): StreamFilter {
  let pending = "";
  return {
    push(piece) {
      const text = pending + piece;
      const [open] = OPEN.exec(text) ?? [""];
      // The backslash may itself be escaped by the one in front of it.
      const slashes = /\\*$/.exec(text.slice(0, text.length - open.length))?.[0].length ?? 0;
      pending = open !== "" && slashes % 2 === 0 ? open : "";
      return filter.push(unescaped(text.slice(0, text.length - pending.length)));
    },
    end() {
      const last = pending === "" ? "" : filter.push(pending);
      pending = "";
      return last + filter.end();
    },
  };
}
