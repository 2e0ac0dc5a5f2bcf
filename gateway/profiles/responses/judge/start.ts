/** Starts Responses gateways with a defect; without one they are correct. */
import { mutatedConfig, type RunningTarget, type StartOptions } from "../../../../mutants/mod.ts";
import { startFront } from "./front.ts";
import type { ResponsesMutant } from "./edits.ts";
import { startResponsesTarget } from "./target.ts";

/** Starts a mutant of the Responses profile. */
export async function startResponsesGateway(
  { id: name, edit, front }: Pick<ResponsesMutant, "id" | "edit" | "front">,
  { envoyPath, runParents, signal }: StartOptions,
): Promise<RunningTarget> {
  await using stack = new AsyncDisposableStack();
  const target = stack.use(
    await startResponsesTarget({
      envoyPath,
      runParents,
      ...(signal && { signal }),
      name,
      ...(edit && { config: await mutatedConfig({ id: name, edit }, "responses") }),
    }),
  );
  if (front === undefined) {
    stack.move();
    return target;
  }
  const { url } = stack.use(startFront(target.url, front));
  // Envoy does not see what the front changes: it is no witness.
  const { envoy: _envoy, ...heard } = target;
  const owned = stack.move();
  return {
    ...heard,
    url,
    protocols: ["h1"],
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
