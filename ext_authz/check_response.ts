/** A CheckResponse, encoded by hand, so that a policy server starts without parsing any .proto text. */
import { WireWriter as Writer, writeStruct } from "../grpc/mod.ts";

/** `HeaderAppendAction`: what happens when the header is already there. */
export const APPEND_ACTIONS = {
  append_if_exists_or_add: 0,
  add_if_absent: 1,
  overwrite_if_exists_or_add: 2,
  overwrite_if_exists: 3,
} as const;

/** Name of an append action. */
export type AppendAction = keyof typeof APPEND_ACTIONS;

/** One `HeaderValueOption`. */
export interface HeaderOption {
  readonly name: string;
  readonly value: string;
  /**
   * Undefined leaves `append_action` out, which Envoy's versions read differently. 0 on the wire
   * is the same as unset, so `append_if_exists_or_add` also sets the old `append: true`.
   */
  readonly action: AppendAction | undefined;
}

/** An answer that denies, or an `error_response`. */
export interface DeniedResponse {
  /** HTTP status; 0 leaves it out, which means 403. */
  readonly status: number;
  readonly headers: readonly HeaderOption[];
  readonly body: string;
}

/** Changes to an allowed request. */
export interface OkResponse {
  readonly headers: readonly HeaderOption[];
  readonly headersToRemove: readonly string[];
  readonly responseHeaders: readonly HeaderOption[];
  readonly queryToSet: readonly (readonly [string, string])[];
  readonly queryToRemove: readonly string[];
}

/** A CheckResponse in plain values. */
export interface CheckResponse {
  /** gRPC status code; 0 allows. */
  readonly code: number;
  readonly ok?: OkResponse;
  readonly denied?: DeniedResponse;
  readonly error?: DeniedResponse;
  /** Published under `envoy.filters.http.ext_authz`. */
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** The response as protobuf bytes. */
export function encodeCheckResponse(response: CheckResponse): Uint8Array {
  const { ok, denied, error, metadata } = response;
  const writer = new Writer();
  writer.message(1, (status) => response.code !== 0 && status.uint(1, response.code));
  if (denied !== undefined) writer.message(2, (inner) => writeDenied(inner, denied));
  if (ok !== undefined) writer.message(3, (inner) => writeOk(inner, ok));
  if (metadata !== undefined) writer.message(4, (inner) => writeStruct(inner, metadata));
  if (error !== undefined) writer.message(5, (inner) => writeDenied(inner, error));
  return writer.finish();
}

function writeDenied(writer: Writer, denied: DeniedResponse): void {
  if (denied.status !== 0) writer.message(1, (status) => status.uint(1, denied.status));
  writeHeaders(writer, 2, denied.headers);
  if (denied.body !== "") writer.string(3, denied.body);
}

function writeOk(writer: Writer, ok: OkResponse): void {
  writeHeaders(writer, 2, ok.headers);
  for (const name of ok.headersToRemove) writer.string(5, name);
  writeHeaders(writer, 6, ok.responseHeaders);
  for (const [key, value] of ok.queryToSet) {
    writer.message(7, (inner) => {
      inner.string(1, key);
      inner.string(2, value);
    });
  }
  for (const name of ok.queryToRemove) writer.string(8, name);
}

function writeHeaders(writer: Writer, field: number, headers: readonly HeaderOption[]): void {
  for (const { name, value, action } of headers) {
    writer.message(field, (option) => {
      option.message(1, (header) => {
        header.string(1, name);
        header.string(2, value);
      });
      if (action === undefined) return;
      if (action === "append_if_exists_or_add") {
        option.message(2, (wrapper) => wrapper.bool(1, true));
      } else option.uint(3, APPEND_ACTIONS[action]);
    });
  }
}
