/**
 * Between the bytes of ext_proc and the plain values of {@linkcode PhaseMessage} and {@linkcode Answer}: by hand, field
 * by field, since every request passes here several times. grpc/messages/protos/ext_proc.proto has the numbers.
 */
import { readStruct, WireReader, WireWriter, writeStruct } from "../grpc/mod.ts";
import {
  type BodyMutation,
  type ContinueAnswer,
  type HeaderList,
  type HeaderMutation,
  type ImmediateAnswer,
  type Metadata,
  type ModeOverride,
  type Phase,
  type PhaseMessage,
  PHASES,
  type StreamPart,
} from "./phase.ts";

const EMPTY = new Uint8Array();
const decoder = new TextDecoder();

/** Key of the attributes in a ProcessingRequest: Envoy files them under the filter's own name. */
const ATTRIBUTES_KEY = "envoy.filters.http.ext_proc";

/** Fields of a ProcessingRequest, in `oneof request`. */
const ASKED: readonly (Phase | undefined)[] = [
  undefined,
  undefined,
  "request_headers",
  "response_headers",
  "request_body",
  "response_body",
  "request_trailers",
  "response_trailers",
];
const ATTRIBUTES = 9;

/** Fields of a ProcessingResponse, in `oneof response`, and beside it. */
const ANSWERED: Readonly<Record<Phase, number>> = {
  request_headers: 1,
  response_headers: 2,
  request_body: 3,
  response_body: 4,
  request_trailers: 5,
  response_trailers: 6,
};
const IMMEDIATE = 7;
const METADATA = 8;
const MODE = 9;
const STREAMED = 11;

/** `HeaderValueOption.append_action`. */
const OVERWRITE_IF_EXISTS_OR_ADD = 2;
/** `CommonResponse.status`. */
const CONTINUE_AND_REPLACE = 1;
/** `ProcessingMode`: HeaderSendMode and BodySendMode. */
const HEADER_MODES = { SEND: 1, SKIP: 2 } as const;
const BODY_MODES = {
  NONE: 0,
  STREAMED: 1,
  BUFFERED: 2,
  BUFFERED_PARTIAL: 3,
  FULL_DUPLEX_STREAMED: 4,
} as const;

/**
 * Reads a ProcessingRequest.
 *
 * @throws {TypeError} for bytes that are no such message, or one without a phase known here
 */
export function decodePhase(bytes: Uint8Array): PhaseMessage {
  const reader = new WireReader(bytes);
  let phase: Phase | undefined;
  let content = reader;
  let attributes: Record<string, unknown> | undefined;
  while (reader.next()) {
    const asked = ASKED[reader.field];
    if (asked !== undefined) {
      phase = asked;
      content = within(reader);
    } else if (reader.field === ATTRIBUTES) attributes = attributesOf(within(reader)) ?? attributes;
  }
  switch (phase) {
    case undefined:
      throw new TypeError(`Cannot read a ProcessingRequest: it has none of ${PHASES.join(", ")}`);
    case "request_headers":
    case "response_headers":
      return { phase, ...headersOf(content), ...(attributes === undefined ? {} : { attributes }) };
    case "request_body":
    case "response_body":
      return { phase, ...bodyIn(content) };
    case "request_trailers":
    case "response_trailers":
      return { phase, headers: headersOf(content).headers };
  }
}

/** `HttpHeaders` and `HttpTrailers`: a HeaderMap, and what only the former has. */
function headersOf(reader: WireReader): { headers: HeaderList; endOfStream: boolean } {
  const headers: (readonly [string, string])[] = [];
  let endOfStream = false;
  while (reader.next()) {
    if (reader.field === 1) readHeaderMap(within(reader), headers);
    else if (reader.field === 3) endOfStream = reader.value !== 0;
  }
  return { headers, endOfStream };
}

function readHeaderMap(reader: WireReader, into: (readonly [string, string])[]): void {
  while (reader.next()) {
    if (reader.field !== 1) continue;
    const header = within(reader);
    let key = "";
    let value = "";
    while (header.next()) {
      if (header.field === 1) key = textOf(header);
      // `value` and `raw_value`: Envoy fills one of the two.
      else if (header.end > header.start) value = textOf(header);
    }
    into.push([key, value]);
  }
}

function bodyIn(reader: WireReader): { body: Uint8Array; endOfStream: boolean } {
  let body: Uint8Array = EMPTY;
  let endOfStream = false;
  while (reader.next()) {
    if (reader.field === 1) body = bytesOf(reader);
    else if (reader.field === 2) endOfStream = reader.value !== 0;
  }
  return { body, endOfStream };
}

/** One entry of the map of attributes, if it is the filter's. */
function attributesOf(entry: WireReader): Record<string, unknown> | undefined {
  let key = "";
  let struct: Record<string, unknown> = {};
  while (entry.next()) {
    if (entry.field === 1) key = textOf(entry);
    else if (entry.field === 2) struct = readStruct(within(entry));
  }
  return key === ATTRIBUTES_KEY ? struct : undefined;
}

/** Always a plain `Uint8Array`, whatever the connection reads into. */
function bytesOf({ bytes, start, end }: WireReader): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
}

function textOf({ bytes, start, end }: WireReader): string {
  return decoder.decode(bytes.subarray(start, end));
}

function within({ bytes, start, end }: WireReader): WireReader {
  return new WireReader(bytes, start, end);
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
  const writer = new WireWriter();
  if ("part" in said) {
    writer.message(STREAMED, (part) => writePart(part, said));
    if (said.part === "head") writeMetadata(writer, said.metadata);
    return writer.finish();
  }
  if (said.kind === "immediate") writer.message(IMMEDIATE, (inner) => writeImmediate(inner, said));
  else {
    writer.message(ANSWERED[phase], (inner) => writeChanges(inner, phase, said));
    if (said.mode !== undefined) writeMode(writer, phase, said.mode);
  }
  writeMetadata(writer, said.metadata);
  return writer.finish();
}

function writeImmediate(writer: WireWriter, said: ImmediateAnswer): void {
  const { status, headers, body, details } = said;
  // StatusCode is an enum whose numbers are the statuses.
  writer.message(1, (inner) => inner.uint(1, checkedStatus(status)));
  if (headers !== undefined) writer.message(2, (inner) => writeMutation(inner, headers));
  if (body !== undefined) writer.bytes(3, body);
  if (details !== undefined) writer.string(5, details);
}

function writeChanges(writer: WireWriter, phase: Phase, answer: ContinueAnswer): void {
  const { headers, body, clearRouteCache } = answer;
  const mutation = (field: number, into: WireWriter) => {
    if (headers !== undefined) into.message(field, (inner) => writeMutation(inner, headers));
  };
  if (phase === "request_trailers" || phase === "response_trailers") {
    if (clearRouteCache) {
      throw new RangeError(`Cannot clear the route in "${phase}": headers and bodies alone can`);
    }
    if (body !== undefined) {
      throw new RangeError(`Cannot change the body in "${phase}": it has passed already`);
    }
    return mutation(1, writer);
  }
  const isHeaders = phase === "request_headers" || phase === "response_headers";
  writer.message(1, (common) => {
    if (body !== undefined && isHeaders) common.uint(1, CONTINUE_AND_REPLACE);
    mutation(2, common);
    if (body !== undefined) common.message(3, (inner) => writeBody(inner, body));
    if (clearRouteCache) common.bool(5, true);
  });
}

function writeBody(writer: WireWriter, mutation: BodyMutation): void {
  // Written even when empty: which of the three is there is the message.
  if ("replace" in mutation) writer.bytes(1, mutation.replace);
  else if ("clear" in mutation) writer.bool(2, true);
  else writer.message(3, (inner) => writePiece(inner, mutation.piece, mutation.endOfStream));
}

function writePiece(writer: WireWriter, body: Uint8Array, endOfStream: boolean): void {
  writer.bytes(1, body);
  writer.bool(2, endOfStream);
}

function writeMode(writer: WireWriter, phase: Phase, mode: ModeOverride): void {
  if (phase !== "request_headers" && phase !== "response_headers") {
    throw new RangeError(`Cannot change the mode in "${phase}": answers to headers alone can`);
  }
  const { responseHeaders, requestBody, responseBody, requestTrailers, responseTrailers } = mode;
  writer.message(MODE, (inner) => {
    if (responseHeaders !== undefined) inner.uint(2, HEADER_MODES[responseHeaders]);
    if (requestBody !== undefined) inner.uint(3, BODY_MODES[requestBody]);
    if (responseBody !== undefined) inner.uint(4, BODY_MODES[responseBody]);
    if (requestTrailers !== undefined) inner.uint(5, HEADER_MODES[requestTrailers]);
    if (responseTrailers !== undefined) inner.uint(6, HEADER_MODES[responseTrailers]);
  });
}

function writePart(writer: WireWriter, part: StreamPart): void {
  switch (part.part) {
    case "head": {
      const status = String(checkedStatus(part.status));
      return writer.message(1, (head) => {
        head.message(1, (map) => {
          writeHeader(map, ":status", status);
          for (const [name, value] of part.headers) writeHeader(map, name, value);
        });
      });
    }
    case "body":
      return writer.message(2, (inner) => writePiece(inner, part.body, part.endOfStream));
    case "trailers":
      return writer.message(3, (map) => {
        for (const [name, value] of part.trailers) writeHeader(map, name, value);
      });
  }
}

/** The range that Envoy takes from a processor (ImmediateResponse.status). */
function checkedStatus(status: number): number {
  if (Number.isInteger(status) && status >= 200 && status <= 599) return status;
  throw new RangeError(`Cannot answer with status ${status}: it must be 200..599`);
}

function writeMutation(writer: WireWriter, { set = [], remove = [] }: HeaderMutation): void {
  for (const [name, value] of set) {
    writer.message(1, (option) => {
      writeHeader(option, name, value);
      // Always said: with no action, Envoy's versions differ between replacing and adding.
      option.uint(3, OVERWRITE_IF_EXISTS_OR_ADD);
    });
  }
  for (const name of remove) writer.string(2, name);
}

/** `HeaderValue`, which is field 1 wherever it stands here. */
function writeHeader(writer: WireWriter, key: string, value: string): void {
  writer.message(1, (header) => {
    header.string(1, key);
    header.string(3, value);
  });
}

function writeMetadata(writer: WireWriter, metadata: Metadata | undefined): void {
  if (metadata !== undefined) writer.message(METADATA, (inner) => writeStruct(inner, metadata));
}
