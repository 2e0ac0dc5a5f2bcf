/** Between the bytes of ext_proc and the plain values of {@linkcode PhaseMessage} and {@linkcode Answer}. */
import { type JsonObject, messageCodec } from "../grpc/mod.ts";
import {
  type Answer,
  type HeaderList,
  type HeaderMutation,
  type Phase,
  type PhaseMessage,
  PHASES,
} from "./phase.ts";

const EMPTY = new Uint8Array();
const decoder = new TextDecoder();

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
      return { phase, headers: headerList(inner["headers"]), endOfStream };
    case "request_body":
    case "response_body":
      return { phase, body: (inner["body"] as Uint8Array | undefined) ?? EMPTY, endOfStream };
    case "request_trailers":
    case "response_trailers":
      return { phase, headers: headerList(inner["trailers"]) };
  }
}

/**
 * Writes the ProcessingResponse to a phase.
 *
 * @throws {RangeError} for a status outside of 200..599, or a route cleared in trailers
 */
export function encodeAnswer(phase: Phase, answer: Answer): Uint8Array {
  const metadata = answer.metadata === undefined ? {} : { dynamic_metadata: answer.metadata };
  const mutation = answer.headers === undefined ? undefined : mutationOf(answer.headers);
  if (answer.kind === "immediate") {
    const { status, body, details } = answer;
    // The range of ImmediateResponse.status that Envoy takes from a processor.
    if (!Number.isInteger(status) || status < 200 || status > 599) {
      throw new RangeError(`Cannot answer with status ${status}: it must be 200..599`);
    }
    return responses().encode({
      immediate_response: {
        // StatusCode is an enum whose numbers are the statuses.
        status: { code: status },
        headers: mutation,
        body,
        details,
      },
      ...metadata,
    });
  }
  const trailers = phase === "request_trailers" || phase === "response_trailers";
  if (trailers && answer.clearRouteCache) {
    throw new RangeError(`Cannot clear the route in "${phase}": headers and bodies alone can`);
  }
  const changes = trailers
    ? { header_mutation: mutation }
    : { response: { header_mutation: mutation, clear_route_cache: answer.clearRouteCache } };
  return responses().encode({ [phase]: changes, ...metadata });
}

function mutationOf({ set, remove }: HeaderMutation): JsonObject {
  return {
    set_headers: (set ?? []).map(([key, value]) => ({
      header: { key, raw_value: new TextEncoder().encode(value) },
      // Always said: with no action, Envoy's versions differ between replacing and adding.
      append_action: "OVERWRITE_IF_EXISTS_OR_ADD",
    })),
    remove_headers: [...(remove ?? [])],
  };
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

// Made on first use: parsing the contracts costs some milliseconds.
const requests = () => messageCodec("envoy.service.ext_proc.v3.ProcessingRequest");
const responses = () => messageCodec("envoy.service.ext_proc.v3.ProcessingResponse");
