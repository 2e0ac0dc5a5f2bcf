/** Whole JSON answers that a scenario writes by hand, read so that they can be streamed to who asks for events. */
import { readSaid, type Reply } from "../../dialects/mod.ts";
import type { UpstreamScript } from "../types.ts";

/**
 * Returns what a script says when all that it does is to write one whole answer in JSON: status 200, no cuts, no waits,
 * no breaks. A client that asks for a stream would read nothing out of such bytes, without an error.
 */
export function replyOfWholeJson({ encoding, steps }: UpstreamScript): Reply | undefined {
  const [head, ...rest] = steps;
  if (encoding !== undefined || head === undefined || !("headers" in head)) return undefined;
  const { status = 200, headers = {} } = head.headers;
  const type = Object.entries(headers).find(([name]) => name.toLowerCase() === "content-type")?.[1];
  if (status !== 200 || typeof type !== "string" || !/^application\/json\b/.test(type)) {
    return undefined;
  }
  const pieces = rest.flatMap((step) => "write" in step && !step.cut ? [step.write] : []);
  if (pieces.length === 0 || pieces.length < rest.length) return undefined;
  const said = readSaid("application/json", pieces.join(""));
  if (said === undefined) return undefined;
  const { calls, ...words } = said;
  return {
    ...words,
    ...(calls.length === 0 ? {} : {
      tool_calls: calls.map(({ id, name, input, custom }) => ({
        name,
        ...(id === undefined ? {} : { id }),
        ...(custom ? { input } : { arguments: input }),
      })),
    }),
  };
}
