/** The beginning of a prompt, cut into pieces that can be compared. */

/** Characters of a piece: about 32 tokens, two blocks of vLLM's prefix cache. */
const CHUNK = 128;
/** As much of a prompt as is looked at, in characters: what is longer shares its beginning anyway. */
const LOOKED_AT = 65_536;

/** The members that a model server puts into the prompt, in the order in which it does. */
const MEMBERS = ["tools", "instructions", "system", "messages", "prompt", "input"] as const;

/**
 * Returns whole pieces from the beginning of a request's prompt: two requests whose prompts begin
 * alike have as many pieces alike. None for a prompt shorter than one piece.
 */
export function promptChunks(members: Readonly<Record<string, unknown>>): string[] {
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
  const count = Math.floor(Math.min(text.length, LOOKED_AT) / CHUNK);
  return Array.from(
    { length: count },
    (_, index) => text.slice(index * CHUNK, (index + 1) * CHUNK),
  );
}
