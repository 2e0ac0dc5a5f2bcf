/** Between the bytes of ext_proc and the plain values of {@linkcode PhaseMessage} and {@linkcode Answer}. */
import { type JsonObject, messageCodec } from "../grpc/mod.ts";
import {
  type BodyMutation,
  type ContinueAnswer,
  type HeaderList,
  type HeaderMutation,
  type ImmediateAnswer,
  type ModeOverride,
  type Phase,
  type PhaseMessage,
  PHASES,
  type StreamPart,
} from "./phase.ts";

const EMPTY = new Uint8Array();
const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Key of the attributes in a ProcessingRequest: Envoy files them under the filter's own name. */
const ATTRIBUTES_KEY = "envoy.filters.http.ext_proc";

/**
 * Reads a ProcessingRequest.
 *
 * @throws {TypeError} for bytes that are no such message, or one without a phase known here
 */
export function decodePhase(bytes: Uint8Array): PhaseMessage {
  const message = requests().decode(bytes);
  const phase = PHASES.find((name) => message[name] !== undefined);
  if (phase === undefined) {
    throw new TypeError(`Cannot read a ProcessingRequest: it has none of ${PHASES.join(", ")}`);
  }
  const inner = message[phase] as JsonObject;
  const endOfStream = inner["end_of_stream"] === true;
  switch (phase) {
    case "request_headers":
    case "response_headers":
      return {
        phase,
        headers: headerList(inner["headers"]),
        endOfStream,
        ...attributesOf(message),
      };
    case "request_body":
    case "response_body":
      return { phase, body: (inner["body"] as Uint8Array | undefined) ?? EMPTY, endOfStream };
    case "request_trailers":
    case "response_trailers":
      return { phase, headers: headerList(inner["trailers"]) };
  }
}

/**
 * Writes what a processor says: the ProcessingResponse to a phase, or a part of a streamed answer.
 *
 * @throws {RangeError} for a status outside of 200..599, and for what the phase cannot carry
 */
export function encodeAnswer(
  phase: Phase,
  said: ContinueAnswer | ImmediateAnswer | StreamPart,
): Uint8Array {
  if ("part" in said) {
    return responses().encode({
      streamed_immediate_response: partOf(said),
      ...(said.part === "head" ? { dynamic_metadata: said.metadata } : {}),
    });
  }
  const metadata = said.metadata === undefined ? {} : { dynamic_metadata: said.metadata };
  if (said.kind === "immediate") {
    const { status, headers, body, details } = said;
    return responses().encode({
      immediate_response: {
        // StatusCode is an enum whose numbers are the statuses.
        status: { code: checkedStatus(status) },
        headers: headers === undefined ? undefined : mutationOf(headers),
        body,
        details,
      },
      ...metadata,
    });
  }
  return responses().encode({
    [phase]: changesOf(phase, said),
    ...(said.mode === undefined ? {} : { mode_override: modeOf(phase, said.mode) }),
    ...metadata,
  });
}

function changesOf(phase: Phase, answer: ContinueAnswer): JsonObject {
  const mutation = answer.headers === undefined ? undefined : mutationOf(answer.headers);
  if (phase === "request_trailers" || phase === "response_trailers") {
    if (answer.clearRouteCache) {
      throw new RangeError(`Cannot clear the route in "${phase}": headers and bodies alone can`);
    }
    if (answer.body !== undefined) {
      throw new RangeError(`Cannot change the body in "${phase}": it has passed already`);
    }
    return { header_mutation: mutation };
  }
  const isHeaders = phase === "request_headers" || phase === "response_headers";
  return {
    response: {
      header_mutation: mutation,
      clear_route_cache: answer.clearRouteCache,
      ...(answer.body === undefined ? {} : {
        ...(isHeaders ? { status: "CONTINUE_AND_REPLACE" } : {}),
        body_mutation: bodyOf(answer.body),
      }),
    },
  };
}

function bodyOf(mutation: BodyMutation): JsonObject {
  if ("replace" in mutation) return { body: mutation.replace };
  if ("clear" in mutation) return { clear_body: true };
  return { streamed_response: { body: mutation.piece, end_of_stream: mutation.endOfStream } };
}

function modeOf(phase: Phase, mode: ModeOverride): JsonObject {
  if (phase !== "request_headers" && phase !== "response_headers") {
    throw new RangeError(`Cannot change the mode in "${phase}": answers to headers alone can`);
  }
  return {
    request_body_mode: mode.requestBody,
    response_header_mode: mode.responseHeaders,
    response_body_mode: mode.responseBody,
    request_trailer_mode: mode.requestTrailers,
    response_trailer_mode: mode.responseTrailers,
  };
}

function partOf(part: StreamPart): JsonObject {
  switch (part.part) {
    case "head": {
      const status: HeaderList = [[":status", String(checkedStatus(part.status))]];
      return { headers_response: { headers: headerMap([...status, ...part.headers]) } };
    }
    case "body":
      return { body_response: { body: part.body, end_of_stream: part.endOfStream } };
    case "trailers":
      return { trailers_response: headerMap(part.trailers) };
  }
}

/** The range that Envoy takes from a processor (ImmediateResponse.status). */
function checkedStatus(status: number): number {
  if (Number.isInteger(status) && status >= 200 && status <= 599) return status;
  throw new RangeError(`Cannot answer with status ${status}: it must be 200..599`);
}

function mutationOf({ set, remove }: HeaderMutation): JsonObject {
  return {
    set_headers: (set ?? []).map((header) => ({
      header: rawHeader(header),
      // Always said: with no action, Envoy's versions differ between replacing and adding.
      append_action: "OVERWRITE_IF_EXISTS_OR_ADD",
    })),
    remove_headers: [...(remove ?? [])],
  };
}

function headerMap(headers: HeaderList): JsonObject {
  return { headers: headers.map(rawHeader) };
}

function rawHeader([key, value]: readonly [string, string]): JsonObject {
  return { key, raw_value: encoder.encode(value) };
}

function headerList(map: unknown): HeaderList {
  const headers = ((map as JsonObject | undefined)?.["headers"] ?? []) as JsonObject[];
  return headers.map(({ key, value, raw_value }) => [
    String(key ?? ""),
    // Envoy fills one of the two.
    raw_value instanceof Uint8Array && raw_value.length > 0
      ? decoder.decode(raw_value)
      : String(value ?? ""),
  ]);
}

function attributesOf(message: JsonObject): { attributes?: Record<string, unknown> } {
  const all = message["attributes"] as Record<string, Record<string, unknown>> | undefined;
  const own = all?.[ATTRIBUTES_KEY];
  return own === undefined ? {} : { attributes: own };
}

// Made on first use: parsing the contracts costs some milliseconds.
const requests = () => messageCodec("envoy.service.ext_proc.v3.ProcessingRequest");
const responses = () => messageCodec("envoy.service.ext_proc.v3.ProcessingResponse");
