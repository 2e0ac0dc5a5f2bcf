import { ApiError } from "../api/errors.ts";

/** 400 `invalid_filter`: an attribute filter that cannot be used; `place` is where in it. */
export function invalidFilter(place: string, expected: string): ApiError {
  return new ApiError(400, "invalid_filter", `Invalid filter at '${place}': ${expected}`, place);
}
