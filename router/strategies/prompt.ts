/** The beginning of a prompt, cut into pieces that can be compared. */

/** Characters of a piece: about 32 tokens, two blocks of vLLM's prefix cache. */
const CHUNK = 128;
/** As much of a prompt as is looked at, in characters: what is longer shares its beginning anyway. */
const LOOKED_AT = 65_536;

/** The members that a model server puts into the prompt, in the order in which it does. */
const MEMBERS = ["tools", "instructions", "system", "messages", "prompt", "input"] as const;

/** The beginning of a prompt in pieces. */
export interface PromptPieces {
  /** Whole pieces; none for a prompt shorter than one. */
  readonly whole: readonly string[];
  /** Rest after the last of them, less than a piece. */
  readonly rest: string;
}

/**
 * Returns the pieces of a request's prompt: two requests whose prompts begin alike have as many
 * pieces alike.
 */
export function promptPieces(members: Readonly<Record<string, unknown>>): PromptPieces {
  let text = "";
  for (const name of MEMBERS) {
    const value = members[name];
    if (value === undefined || text.length >= LOOKED_AT) continue;
    // Piece by piece: a list of messages may be megabytes long.
    for (const item of Array.isArray(value) ? value : [value]) {
      text += `${JSON.stringify(item)}\n`;
      if (text.length >= LOOKED_AT) break;
    }
  }
  const looked = text.slice(0, LOOKED_AT);
  const count = Math.floor(looked.length / CHUNK);
  return {
    whole: Array.from(
      { length: count },
      (_, index) => looked.slice(index * CHUNK, (index + 1) * CHUNK),
    ),
    rest: looked.slice(count * CHUNK),
  };
}
