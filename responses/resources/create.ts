/** `POST /v1/responses`, apart from how it arrived: the same answer over ext_proc and over HTTP. */
import { decodedBody, tooLarge } from "../api/content_coding.ts";
import { ApiError, invalidRequest, tooDeep } from "../api/errors.ts";
import { encodeEvents, publicResponse, type ResponseEvent } from "../api/events.ts";
import { parseCreate } from "../api/request.ts";
import { isTooDeep } from "../../openai/mod.ts";
import type { Tenant } from "../api/tenant.ts";
import type { Caller, Engine } from "../engine/engine.ts";
import { BackendError } from "../backend/errors.ts";

/** A request as it arrived. */
export interface CreateCall extends Caller {
  readonly tenant: Tenant;
  readonly body: Uint8Array;
  /** Why an answer cannot be streamed on this way; undefined where it can. */
  readonly noStream?: string | undefined;
}

/** The answer of the front. */
export interface Reply {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  /** Whole, or piece by piece; ending the iteration early cancels the response. */
  readonly body: Uint8Array<ArrayBuffer> | AsyncIterable<Uint8Array<ArrayBuffer>>;
  /** For logs: what was asked and made, as far as it is known. */
  readonly model?: string;
  readonly responseId?: string;
  /** Code of an error. */
  readonly code?: string;
}

const JSON_TYPE = ["content-type", "application/json"] as const;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** Answers a request; an error is an answer, too. `onFault` hears of those that are the gateway's own. */
export async function answerCreate(
  engine: Engine,
  call: CreateCall,
  onFault: (error: unknown) => void,
): Promise<Reply> {
  let model: string | undefined;
  try {
    const body = await decodedBody(call.body, call.header("content-encoding"));
    const request = parseCreate(jsonOf(body));
    model = request.model;
    if (request.stream && call.noStream !== undefined) {
      throw new ApiError(400, "streaming_unsupported", call.noStream, "stream");
    }
    const started = await engine.start(call.tenant, request, call);
    const info = { model, responseId: started.response.id };
    if (request.stream) {
      return { status: 200, headers: STREAM_HEADERS, body: encoded(started.events), ...info };
    }
    const response = await started.result();
    const failure = response.status === "failed" ? response.error : undefined;
    return {
      status: 200,
      headers: [JSON_TYPE],
      body: encoder.encode(JSON.stringify(publicResponse(response))),
      ...info,
      ...(failure ? { code: failure.code } : {}),
    };
  } catch (error) {
    const { aborted, reason } = call.signal;
    // Nobody reads this answer, and who left is not the gateway's fault.
    const heard = aborted && error === reason ? () => {} : onFault;
    return { ...errorReply(error, heard), ...(model === undefined ? {} : { model }) };
  }
}

/** The answer to a body that is too long. */
export function tooLargeReply(): Reply {
  return errorReply(tooLarge(), () => {});
}

/** Returns the answer that an error is. */
export function errorReply(error: unknown, onFault: (error: unknown) => void): Reply {
  const known = error instanceof ApiError ? error : undefined;
  if (known === undefined) onFault(error);
  const said = known ??
    new ApiError(500, "processing_error", "The gateway failed to process the request");
  const retry = said instanceof BackendError && said.retryAfter !== undefined
    ? [["retry-after", said.retryAfter] as const]
    : [];
  return {
    status: said.status,
    headers: [JSON_TYPE, ...retry],
    body: encoder.encode(JSON.stringify(said.body())),
    code: said.code,
  };
}

/** Headers of an event stream; nothing on the way may hold it back or keep it. */
export const STREAM_HEADERS: readonly (readonly [string, string])[] = [
  ["content-type", "text/event-stream; charset=utf-8"],
  ["cache-control", "no-cache"],
];

/** Events as they go over the wire. */
export async function* encoded(
  batches: AsyncIterable<readonly ResponseEvent[]>,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for await (const events of batches) yield encodeEvents(events);
}

/** @throws {ApiError} 400 for what is no JSON */
export function jsonOf(body: Uint8Array): unknown {
  const text = decoder.decode(body);
  if (isTooDeep(text)) throw tooDeep();
  try {
    return JSON.parse(text);
  } catch {
    throw invalidRequest("We could not parse the JSON body of your request");
  }
}
