/** Texts with stars, as people write them for ids, paths and models. */

/** How a glob is meant. */
export interface GlobOptions {
  /** Whether `?` stands for one character; it is a letter like others when left out. */
  readonly one?: boolean;
  /** Whether upper and lower case are the same. */
  readonly ignoreCase?: boolean;
}

/**
 * Returns whether a whole text is what a glob says: `*` is any text. Each piece between two stars is taken where it comes
 * first, so that no text makes it try again: a text of n characters takes at most n times the glob's length.
 */
export function compileGlob(glob: string, options: GlobOptions = {}): (text: string) => boolean {
  const { one = false, ignoreCase = false } = options;
  const spelled = (text: string) => ignoreCase ? text.toLowerCase() : text;
  const isAt = (piece: string, text: string, at: number) => {
    if (at < 0 || at + piece.length > text.length) return false;
    if (!one) return text.startsWith(piece, at);
    for (let i = 0; i < piece.length; i++) {
      if (piece[i] !== "?" && piece[i] !== text[at + i]) return false;
    }
    return true;
  };
  const indexOf = (piece: string, text: string, from: number) => {
    if (!one) return text.indexOf(piece, from);
    for (let at = from; at + piece.length <= text.length; at++) {
      if (isAt(piece, text, at)) return at;
    }
    return -1;
  };
  const pieces = spelled(glob).split("*");
  const [first = "", ...others] = pieces;
  const last = others.pop();
  return (given) => {
    const text = spelled(given);
    if (last === undefined) return text.length === first.length && isAt(first, text, 0);
    if (!isAt(first, text, 0)) return false;
    let at = first.length;
    for (const piece of others) {
      const found = indexOf(piece, text, at);
      if (found < 0) return false;
      at = found + piece.length;
    }
    return text.length - last.length >= at && isAt(last, text, text.length - last.length);
  };
}
