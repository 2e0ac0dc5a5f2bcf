/** The caller gave a bad flag, file or value: exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Something could not be reached or started (a port, Envoy, a target): exit code 3. */
export class UnavailableError extends Error {
  override readonly name = "UnavailableError";
}

/** Returns the message of anything that was thrown, without a stack. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
