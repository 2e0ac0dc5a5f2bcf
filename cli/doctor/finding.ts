/** `note`: worth knowing, works without; `problem`: something a user will run into. */
export type Level = "ok" | "note" | "problem";

/** One line of the doctor. */
export interface Finding {
  /** Stable name, for machines. */
  readonly id: string;
  readonly level: Level;
  /** The state, in one line. */
  readonly detail: string;
  /** The remedy. */
  readonly advice?: string;
}

/** A check: looks at one thing, and may find several. */
export interface Check {
  readonly id: string;
  run(): Promise<readonly Finding[]>;
}

export function ok(id: string, detail: string): Finding {
  return { id, level: "ok", detail };
}

export function note(id: string, detail: string, advice: string): Finding {
  return { id, level: "note", detail, advice };
}

export function problem(id: string, detail: string, advice: string): Finding {
  return { id, level: "problem", detail, advice };
}

/**
 * Runs all checks side by side and returns their findings in the checks' order. A check that throws, or has not ended
 * after `deadlineMs`, is itself a problem, so that nothing on a broken machine can make the doctor hang.
 */
export async function examine(
  checks: readonly Check[],
  options: { deadlineMs: number },
): Promise<Finding[]> {
  const results = await Promise.all(checks.map((check) => guarded(check, options.deadlineMs)));
  return results.flat();
}

async function guarded({ id, run }: Check, deadlineMs: number): Promise<readonly Finding[]> {
  const late = Promise.withResolvers<readonly Finding[]>();
  const timer = setTimeout(
    () =>
      late.resolve([
        problem(
          id,
          `no answer within ${deadlineMs} ms`,
          "something on this machine hangs: look at it first",
        ),
      ]),
    deadlineMs,
  );
  try {
    return await Promise.race([run(), late.promise]);
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return [problem(id, `cannot look: ${detail}`, "see the message")];
  } finally {
    clearTimeout(timer);
  }
}
