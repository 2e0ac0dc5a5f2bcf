/** Recordings of Checks: one JSON object per line, reviewable, without secrets. */
import type { JsonObject } from "../grpc/mod.ts";
import { messageCodec } from "../grpc/messages/mod.ts";
import { type Log, messageOf, silent, UsageError } from "../service/mod.ts";
import type { PolicyCheck } from "./check_log.ts";

/** One recorded Check. */
export interface RecordedCheck {
  /** CheckRequest as proto3 JSON; keys read `[key:NAME]`, other secrets `[redacted]`. */
  readonly request: JsonObject;
  readonly decision: "allow" | "deny" | "error";
  readonly rule: string;
  readonly code: string;
  readonly status: number;
  readonly tenant: string;
}

const NEWLINE = 0x0a;

/** Appends Checks to a file. */
export interface Recorder extends AsyncDisposable {
  /** Queues one Check; it is written soon, and at the latest when the recorder is disposed. */
  record(bytes: Uint8Array, check: PolicyCheck): void;
}

/**
 * Opens a recording for appending. Throws `UsageError` when it cannot be opened. One that can be written no
 * further (a full disk) ends and is said once; decisions go on.
 */
export async function startRecorder(path: string, log: Log = silent): Promise<Recorder> {
  const file = await Deno.open(path, { append: true, create: true, mode: 0o600 })
    .catch((error) => {
      throw new UsageError(`Cannot record to "${path}": ${messageOf(error)}`);
    });
  const encoder = new TextEncoder();
  let pending: string[] = [];
  let writing: Promise<void> = Promise.resolve();
  let isOver = false;
  const flush = async () => {
    const lines = pending.splice(0);
    if (lines.length === 0 || isOver) return;
    const bytes = encoder.encode(lines.join(""));
    let at = 0;
    try {
      while (at < bytes.length) at += await file.write(bytes.subarray(at));
    } catch (error) {
      isOver = true;
      await dropHalfLine(at - (bytes.lastIndexOf(NEWLINE, at - 1) + 1));
      log(`policy: the recording "${path}" ends here: ${messageOf(error)}; decisions go on`);
    }
  };
  /** A half line would make the whole recording unreadable. */
  const dropHalfLine = async (bytes: number) => {
    if (bytes <= 0) return;
    await file.stat().then(({ size }) => file.truncate(size - bytes)).catch(() => {});
  };
  return {
    record(bytes, check) {
      if (isOver) return;
      pending.push(`${JSON.stringify(recordOf(bytes, check))}\n`);
      if (pending.length === 1) writing = writing.then(flush);
    },
    async [Symbol.asyncDispose]() {
      await writing;
      await flush();
      pending = [];
      file.close();
    },
  };
}

/** A Check as its line says it. */
export function recordOf(bytes: Uint8Array, check: PolicyCheck): RecordedCheck {
  const request = messageCodec("envoy.service.auth.v3.CheckRequest").decode(bytes);
  const attributes = (request["attributes"] ?? {}) as { request?: { http?: JsonObject } };
  const http = attributes.request?.http;
  if (http !== undefined) {
    http["path"] = check.path;
    if (http["headers"] !== undefined) http["headers"] = check.headers;
    if (check.headerList !== undefined) {
      http["header_map"] = { headers: check.headerList.map(([key, value]) => ({ key, value })) };
    }
    // A body may hold anything, and no rule reads it.
    delete http["body"];
    delete http["raw_body"];
  }
  return {
    request,
    decision: check.decision ?? "error",
    rule: check.rule ?? "",
    code: check.code ?? "",
    status: check.status ?? 0,
    tenant: check.tenant ?? "",
  };
}
