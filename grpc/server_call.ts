/** One HTTP/2 stream as a gRPC call: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
import { ACCEPTED, decompressor } from "./compression.ts";
import {
  Deframer,
  encodeGrpcMessage,
  parseGrpcTimeout,
  refuseCompressed,
  sendMessage,
} from "./frame.ts";
import { type BidiCall, isWireFault, type Method, type UnaryHandler } from "./service.ts";
import { echoOf, GRPC_STATUS, GrpcError, statusOf } from "./status.ts";
import {
  encodeHeaders,
  type H2Stream,
  type HeaderList,
  STREAM_WINDOW,
  type StreamEvents,
} from "../http2/mod.ts";
import { breakAnswer } from "./wire_fault.ts";

/** Made once: Envoy resets each stream of a processor that has answered, and a stack costs more than all else here. */
const CLIENT_LEFT = new GrpcError(GRPC_STATUS.CANCELLED, "the client left");
const OK_HEADERS = encodeHeaders([[":status", "200"], ["content-type", "application/grpc"]]);
const OK_TRAILERS = encodeHeaders([["grpc-status", "0"]]);
const NOT_GRPC = encodeHeaders([[":status", "415"], ["content-type", "text/plain"]]);
const NOT_POST = encodeHeaders([
  [":status", "405"],
  ["allow", "POST"],
  ["content-type", "text/plain"],
]);
const REFUSED = new TextEncoder().encode(
  "This port speaks gRPC: POST, content-type application/grpc\n",
);

const EMPTY = new Uint8Array(0);

/** Content types of gRPC with protobuf; grpc-web and JSON are other protocols. */
const CONTENT_TYPE = /^application\/grpc(\+proto)?[ \t]*(;|$)/i;

/** The fields of a request's head that decide what becomes of it. */
interface Head {
  path: string;
  method: string;
  type: string;
  encoding: string | undefined;
  timeout: string | undefined;
}

/** Reads them in one pass: this runs for every call. */
function headOf(list: HeaderList): Head {
  const head: Head = { path: "", method: "", type: "", encoding: undefined, timeout: undefined };
  for (let i = 0; i < list.length; i++) {
    const field = list[i];
    if (field === undefined) continue;
    const value = field[1];
    switch (field[0]) {
      case ":path":
        head.path = value;
        break;
      case ":method":
        head.method = value;
        break;
      case "content-type":
        head.type = value;
        break;
      case "grpc-encoding":
        head.encoding = value;
        break;
      case "grpc-timeout":
        head.timeout = value;
        break;
    }
  }
  return head;
}

/** Answers one stream; never throws. */
export class StreamCall implements BidiCall, StreamEvents {
  readonly path: string;
  trailers: Record<string, string> = {};
  readonly #stream: H2Stream;
  readonly #method: Method | undefined;
  readonly #timeout: string | undefined;
  readonly #withoutBody: boolean;
  readonly #deframer: Deframer;
  /** The block that refuses what is no gRPC. It waits for the request's end: until then HTTP/2's own rules may break. */
  #refusal: Uint8Array | undefined;
  #request: Uint8Array | undefined;
  #controller: AbortController | undefined;
  #cancelled: GrpcError | undefined;
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #headersSent = false;
  #ended = false;
  /** Messages of a bidi call that nobody has taken yet; null stands for the end. */
  #inbox: (Uint8Array | null)[] = [];
  /** Bytes of the messages in there. */
  #queued = 0;
  /** Bytes taken off the wire for which the client has no new window yet. */
  #uncredited = 0;
  #arrived: (() => void) | undefined;

  constructor(
    stream: H2Stream,
    { methods, maxReceiveBytes }: { methods: ReadonlyMap<string, Method>; maxReceiveBytes: number },
  ) {
    this.#stream = stream;
    const head = headOf(stream.headers);
    this.path = head.path;
    this.#timeout = head.timeout;
    this.#withoutBody = head.method === "HEAD";
    this.#method = methods.get(this.path);
    const { encoding } = head;
    const decompress = decompressor(encoding, maxReceiveBytes);
    this.#deframer = new Deframer(maxReceiveBytes, decompress ?? refuseCompressed);
    stream.events = this;
    stream.stopsRequest = true;
    if (head.method !== "POST") this.#refusal = NOT_POST;
    else if (!CONTENT_TYPE.test(head.type)) this.#refusal = NOT_GRPC;
    else if (this.#method === undefined) {
      const path = echoOf(this.path);
      this.#finish({ code: GRPC_STATUS.UNIMPLEMENTED, details: `unknown method ${path}` });
    } else if (decompress === undefined) {
      const details = `unknown grpc-encoding "${echoOf(encoding ?? "")}"`;
      this.#finish({ code: GRPC_STATUS.UNIMPLEMENTED, details }, [[
        "grpc-accept-encoding",
        ACCEPTED,
      ]]);
    } else if ("bidi" in this.#method) {
      stream.autoConsume = false;
      this.#method.bidi(this).then(
        () => this.#finish({ code: GRPC_STATUS.OK, details: "" }),
        (error) => this.#finish(statusOf(error)),
      );
    }
  }

  get peer(): string {
    const { remoteAddress, remotePort } = this.#stream.connection.socket;
    return `${remoteAddress ?? "unknown"}:${remotePort ?? 0}`;
  }

  get metadata(): Readonly<Record<string, string>> {
    const out: Record<string, string> = {};
    for (const [name, value] of this.#stream.headers) {
      if (name.startsWith(":")) continue;
      const before = out[name];
      out[name] = before === undefined ? value : `${before},${value}`;
    }
    return out;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#cancelled !== undefined) this.#controller.abort(this.#cancelled);
    }
    return this.#controller.signal;
  }

  get messages(): AsyncIterable<Uint8Array> {
    return this.#take();
  }

  async write(message: Uint8Array): Promise<void> {
    if (this.#cancelled !== undefined) throw this.#cancelled;
    this.#sendHeaders();
    sendMessage(this.#stream, message);
    await this.#stream.drained();
    if (this.#cancelled !== undefined) throw this.#cancelled;
  }

  data(chunk: Uint8Array): void {
    if (this.#ended || this.#refusal !== undefined) return;
    this.#uncredited += chunk.length;
    const before = this.#deframer.pending;
    try {
      for (const message of this.#deframer.push(chunk)) this.#message(message);
    } catch (error) {
      this.#finish(statusOf(error));
    }
    const held = this.#deframer.pending - before;
    if (held !== 0) this.#stream.hold(held);
    this.#credit();
  }

  end(): void {
    if (this.#ended || this.#refuse()) return;
    if (this.#deframer.pending > 0) {
      this.#finish({ code: GRPC_STATUS.INTERNAL, details: "the request ends within a message" });
    } else if (this.#method !== undefined && "unary" in this.#method) {
      this.#unary(this.#method.unary);
    } else this.#message(null);
  }

  /** The request is not answered at once: from here on its deadline counts, its message whole or not. */
  pending(): void {
    if (this.#ended) return;
    const ms = parseGrpcTimeout(this.#timeout);
    if (ms === undefined) return;
    this.#deadline = setTimeout(() => {
      const late = new GrpcError(GRPC_STATUS.DEADLINE_EXCEEDED, "deadline exceeded");
      this.#cancel(late);
      this.#finish(statusOf(late));
    }, ms);
  }

  closed(lost: boolean): void {
    clearTimeout(this.#deadline);
    if (lost && !this.#ended) {
      this.#cancel(CLIENT_LEFT);
    }
  }

  /** Answers what is no gRPC call; whether it was none. */
  #refuse(): boolean {
    if (this.#refusal === undefined) return false;
    if (!this.#claim()) return true;
    this.#stream.sendHeaders(this.#refusal, this.#withoutBody);
    if (!this.#withoutBody) this.#stream.sendData(REFUSED, true);
    return true;
  }

  #message(message: Uint8Array | null): void {
    if (this.#method !== undefined && "bidi" in this.#method) {
      this.#inbox.push(message);
      const { length } = message ?? EMPTY;
      this.#queued += length;
      this.#stream.hold(length);
      this.#arrived?.();
    } else if (this.#request === undefined && message !== null) {
      this.#request = message;
      this.#stream.hold(message.length);
    } else throw new GrpcError(GRPC_STATUS.INTERNAL, "expected exactly one message");
  }

  async *#take(): AsyncGenerator<Uint8Array> {
    while (true) {
      if (this.#cancelled !== undefined) throw this.#cancelled;
      const message = this.#inbox.shift();
      if (message === null) return;
      if (message === undefined) {
        await new Promise<void>((resolve) => this.#arrived = resolve);
        continue;
      }
      this.#queued -= message.length;
      this.#stream.hold(-message.length);
      this.#credit();
      yield message;
    }
  }

  /**
   * Lets the client send more of a bidi call, unless whole messages wait to be taken. Bytes of a
   * message that is still arriving count as read: one longer than the window would wait for ever.
   */
  #credit(): void {
    if (this.#stream.autoConsume || this.#queued >= STREAM_WINDOW) return;
    this.#stream.consume(this.#uncredited);
    this.#uncredited = 0;
  }

  #cancel(reason: GrpcError): void {
    if (this.#cancelled !== undefined) return;
    this.#cancelled = reason;
    this.#controller?.abort(reason);
    this.#arrived?.();
  }

  #unary(handler: UnaryHandler): void {
    const request = this.#request;
    if (request === undefined) {
      this.#finish({ code: GRPC_STATUS.INTERNAL, details: "expected exactly one message" });
      return;
    }
    try {
      const answer = handler(request, this);
      if (answer instanceof Uint8Array) return this.#reply(answer);
      if (!(answer instanceof Promise)) return this.#break(answer);
      answer.then(
        (late) => isWireFault(late) ? this.#break(late) : this.#reply(late),
        (error) => this.#finish(statusOf(error)),
      );
    } catch (error) {
      this.#finish(statusOf(error));
    }
  }

  #reply(message: Uint8Array): void {
    if (!this.#claim()) return;
    this.#sendHeaders();
    sendMessage(this.#stream, message);
    const own = Object.entries(this.trailers);
    const trailers = own.length === 0 ? OK_TRAILERS : encodeHeaders([...own, ["grpc-status", "0"]]);
    this.#stream.sendHeaders(trailers, true);
  }

  #break(answer: Parameters<typeof breakAnswer>[1]): void {
    if (this.#claim()) breakAnswer(this.#stream, answer);
  }

  /** Ends the call with a status and no message: in one block of headers when none were sent yet. */
  #finish(
    status: { code: number; details: string },
    more: readonly (readonly [string, string])[] = [],
  ): void {
    if (!this.#claim()) return;
    const trailers: (readonly [string, string])[] = [
      ...more,
      ...Object.entries(this.trailers),
      ["grpc-status", String(status.code)],
    ];
    if (status.details !== "") trailers.push(["grpc-message", encodeGrpcMessage(status.details)]);
    this.#stream.sendHeaders(
      encodeHeaders(
        this.#headersSent
          ? trailers
          : [[":status", "200"], ["content-type", "application/grpc"], ...trailers],
      ),
      true,
    );
  }

  /** True once: whoever gets it answers. */
  #claim(): boolean {
    if (this.#ended || this.#stream.closed) return false;
    this.#ended = true;
    clearTimeout(this.#deadline);
    return true;
  }

  #sendHeaders(): void {
    if (this.#headersSent) return;
    this.#headersSent = true;
    this.#stream.sendHeaders(OK_HEADERS, false);
  }
}
