/** Calls of the data API. */

/** Something that a call answered in place of what was wanted. */
export class ApiError extends Error {
  override readonly name = "ApiError";
}

/** Calls the data API and returns its JSON. Throws `ApiError` with the API's own words. */
export async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(`api/v1${path}`, {
      method,
      ...(method === "GET" ? {} : {
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body ?? {}),
      }),
    });
  } catch {
    throw new ApiError("The gateway does not answer: is it still running?");
  }
  const type = answer.headers.get("content-type") ?? "";
  const value = type.includes("json") ? await answer.json() : await answer.text();
  if (!answer.ok) throw new ApiError(value?.error?.message ?? `Status ${answer.status}`);
  return value as T;
}

/** The words of an error. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
