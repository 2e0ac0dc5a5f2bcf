/** Passes a response on to the client, with defects of timing and framing. */
import { Buffer } from "node:buffer";
import type net from "node:net";
import type { HeaderList, ResponseSink } from "../../conformance/mod.ts";
import { resetSocket } from "../../service/mod.ts";
import type { Defects } from "./defects.ts";
import { errorBody, responseHead, wholeResponse } from "./response_bytes.ts";
import { bodyFilter } from "./response_filter.ts";

/** How long `declaresLength` waits for a stream's end: long for a short stream, short for a long one. */
const LENGTH_PATIENCE_MS = 2_000;

/** How long `lingersAfterDone` keeps a response open after its last event. */
const LINGER_MS = 8_000;

/** Options of a response's flow. */
interface FlowOptions {
  /** The request's id, in place of whatever the upstream calls it. */
  id?: string;
  /** Headers that the policy adds. */
  extra: HeaderList;
  attempt?: number;
  defects: Defects;
}

/** A response on its way to the client. */
export class ResponseFlow implements ResponseSink {
  readonly method: string;
  readonly #client: net.Socket;
  readonly #options: FlowOptions;
  #chunked = false;
  #status = 0;
  #filter = bodyFilter({}, false);
  #heldHead: Buffer | undefined;
  /** The body so far of a response whose length is waited for. */
  #measured: Uint8Array[] | undefined;
  #stopMeasuring: ((whole: boolean) => void) | undefined;
  begun = false;
  complete = false;

  constructor(
    client: net.Socket,
    method: string,
    options: FlowOptions,
  ) {
    this.#client = client;
    this.method = method;
    this.#options = options;
  }

  onInformational(status: number): void {
    if (!this.#client.destroyed) this.#client.write(`HTTP/1.1 ${status} -\r\n\r\n`);
  }

  onHead(status: number, _reason: string, headers: HeaderList, framing: string): void {
    const { id, extra, defects, attempt } = this.#options;
    this.#status = status;
    if (this.wantsRetry(attempt ?? 1)) return;
    const stream = headers.some(([name, value]) =>
      name.toLowerCase() === "content-type" && value.startsWith("text/event-stream")
    );
    this.#filter = bodyFilter(defects, stream);
    const changes = defects.reserializesResponse || defects.trimsResponse ||
      defects.truncatesLarge ||
      defects.rewritesErrors || defects.manglesUtf8 || defects.changesObject;
    this.#chunked = framing === "chunked" || framing === "close" ||
      (changes === true && framing === "length");
    let own = headers.filter(([name]) =>
      !/^(transfer-encoding|connection|keep-alive)$/i.test(name) &&
      !(id !== undefined && /^x-request-id$/i.test(name)) &&
      !(this.#chunked && /^content-length$/i.test(name))
    );
    if (defects.dropsResponseHeaders) own = own.filter(([name]) => !/^x-ratelimit-/i.test(name));
    if (defects.changesContentType) {
      own = own.map(([name, value]) =>
        /^content-type$/i.test(name) ? [name, value.split(";")[0] ?? value] : [name, value]
      );
    }
    const added = extra.map(([name, value]): [string, string] => [name, value]);
    const lines: HeaderList = [...own, ...added, ...idField(id)];
    const shown = defects.rewritesErrors && status >= 400 ? 502 : status;
    this.begun = true;
    if (defects.declaresLength && this.#chunked && stream) {
      this.#measure((framing) => responseHead(shown, [...lines, framing]));
      return;
    }
    if (this.#chunked) lines.push(["transfer-encoding", "chunked"]);
    if (defects.holdsHeaders) this.#heldHead = responseHead(shown, lines);
    else this.#write(responseHead(shown, lines));
  }

  onBody(bytes: Uint8Array): void {
    if (!this.begun) return;
    for (const part of this.#filter.push(bytes)) this.#data(part);
  }

  onComplete(): void {
    this.complete = true;
    if (!this.begun) return;
    const rest = this.#filter.end();
    for (const part of rest) this.#data(part);
    this.#stopMeasuring?.(true);
    this.#releaseHead();
    if (!this.#chunked) return;
    const last = () => this.#write(Buffer.from("0\r\n\r\n"));
    if (this.#options.defects.lingersAfterDone) setTimeout(last, LINGER_MS);
    else last();
  }

  /** The upstream broke off: the client must see a broken response, or an error when none began. */
  fail(): void {
    const { id, defects } = this.#options;
    if (!this.begun) {
      const body = errorBody(
        "The upstream gave no answer",
        "upstream_error",
        "upstream_unavailable",
      );
      this.#write(
        wholeResponse(503, [["content-type", "application/json"], ...idField(id)], body),
      );
      this.complete = true;
    } else if (defects.cleanEndOnAbort) {
      this.onComplete();
    } else {
      this.#stopMeasuring?.(false);
      resetSocket(this.#client);
    }
  }

  wantsRetry(attempt: number): boolean {
    return this.#options.defects.retries === true && attempt < 3 && this.#status >= 500;
  }

  /** Resolves when the client has been given everything. */
  async flush(): Promise<void> {
    if (!this.#client.writableNeedDrain || this.#client.destroyed) return;
    await new Promise<void>((resolve) => {
      this.#client.once("drain", () => resolve());
      this.#client.once("close", () => resolve());
    });
  }

  /** Holds head and body until the length is known, or for as long as patience lasts. */
  #measure(head: (framing: [string, string]) => Buffer): void {
    const held: Uint8Array[] = this.#measured = [];
    const stop = (whole: boolean) => {
      clearTimeout(timer);
      this.#measured = this.#stopMeasuring = undefined;
      const length = held.reduce((sum, part) => sum + part.length, 0);
      if (whole) this.#chunked = false;
      this.#write(
        head(whole ? ["content-length", String(length)] : ["transfer-encoding", "chunked"]),
      );
      for (const part of held) this.#data(part);
    };
    const timer = setTimeout(() => stop(false), LENGTH_PATIENCE_MS);
    this.#stopMeasuring = stop;
  }

  #data(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (this.#measured) return void this.#measured.push(bytes);
    this.#releaseHead();
    if (this.#chunked) this.#write(Buffer.from(`${bytes.length.toString(16)}\r\n`));
    this.#write(bytes);
    if (this.#chunked) this.#write(Buffer.from("\r\n"));
  }

  #releaseHead(): void {
    const held = this.#heldHead;
    this.#heldHead = undefined;
    if (held) this.#write(held);
  }

  #write(bytes: Uint8Array): void {
    if (!this.#client.destroyed) this.#client.write(bytes);
  }
}

function idField(id: string | undefined): HeaderList {
  return id === undefined ? [] : [["x-request-id", id]];
}
