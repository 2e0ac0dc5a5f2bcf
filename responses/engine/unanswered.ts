/** A response that asks no model: the warm-up of a WebSocket (`generate: false`). */
import type { ResponseEvent } from "../api/events.ts";
import type { ResponseObject } from "../api/objects.ts";
import type { CreateRequest } from "../api/request.ts";
import { newResponse } from "./parameters.ts";
import { ResponseWriter } from "./writer.ts";

/** Returns it with its events: it begins, and is complete without any output. It is stored nowhere. */
export function unanswered(
  request: CreateRequest,
): { readonly response: ResponseObject; readonly events: readonly ResponseEvent[] } {
  const createdAt = Math.floor(Date.now() / 1000);
  const instructions = request.instructions ?? null;
  const made = newResponse(request, { createdAt, conversation: null, instructions });
  const writer = new ResponseWriter(made);
  writer.whole("response.created", made);
  const response: ResponseObject = { ...made, status: "completed", completed_at: createdAt };
  writer.whole("response.completed", response);
  return { response, events: writer.take() };
}
