import { Buffer } from "node:buffer";
import type net from "node:net";
import type { HeaderList, ResponseSink } from "../../conformance/mod.ts";
import { resetSocket } from "../../service/mod.ts";
import type { Defects } from "./defects.ts";
import { errorBody, responseHead, wholeResponse } from "./response_bytes.ts";
import { bodyFilter } from "./response_filter.ts";

/** How long `lingersAfterDone` keeps a response open after its last event. */
const LINGER_MS = 8_000;

/** A response on its way to the client. */
export class ResponseFlow implements ResponseSink {
  readonly method: string;
  readonly #client: net.Socket;
  readonly #options: { id: string; extra: HeaderList; attempt?: number; defects: Defects };
  #chunked = false;
  #status = 0;
  #filter = bodyFilter({}, false);
  #heldHead: Buffer | undefined;
  begun = false;
  complete = false;

  constructor(
    client: net.Socket,
    method: string,
    options: { id: string; extra: HeaderList; attempt?: number; defects: Defects },
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
      defects.rewritesErrors || defects.manglesUtf8 || defects.declaresLength ||
      defects.changesObject;
    this.#chunked = framing === "chunked" || framing === "close" ||
      (changes === true && framing === "length");
    let own = headers.filter(([name]) =>
      !/^(transfer-encoding|connection|keep-alive|x-request-id)$/i.test(name) &&
      !(this.#chunked && /^content-length$/i.test(name))
    );
    if (defects.dropsResponseHeaders) own = own.filter(([name]) => !/^x-ratelimit-/i.test(name));
    if (defects.changesContentType) {
      own = own.map(([name, value]) =>
        /^content-type$/i.test(name) ? [name, value.split(";")[0] ?? value] : [name, value]
      );
    }
    const added = extra.map(([name, value]): [string, string] => [name, value]);
    const lines: HeaderList = [...own, ...added, ["x-request-id", id]];
    if (this.#chunked && !defects.declaresLength) lines.push(["transfer-encoding", "chunked"]);
    const shown = defects.rewritesErrors && status >= 400 ? 502 : status;
    if (defects.holdsHeaders || defects.declaresLength) this.#heldHead = responseHead(shown, lines);
    else this.#write(responseHead(shown, lines));
    this.begun = true;
  }

  onBody(bytes: Uint8Array): void {
    if (!this.begun) return;
    for (const part of this.#filter.push(bytes)) this.#data(part);
  }

  onComplete(): void {
    this.complete = true;
    if (!this.begun) return;
    const rest = this.#filter.end();
    if (this.#options.defects.declaresLength && this.#heldHead) {
      const length = rest.reduce((sum, part) => sum + part.length, 0);
      const head = this.#heldHead.toString("latin1").replace(
        /\r\n\r\n$/,
        `\r\ncontent-length: ${length}\r\n\r\n`,
      );
      this.#heldHead = Buffer.from(head, "latin1");
      this.#chunked = false;
    }
    for (const part of rest) this.#data(part);
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
        wholeResponse(503, [["content-type", "application/json"], ["x-request-id", id]], body),
      );
      this.complete = true;
    } else if (defects.cleanEndOnAbort) {
      this.onComplete();
    } else {
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

  #data(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
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
