/** An HTTP/2 client on a raw socket. */
import { RawClient } from "./raw_client.ts";

/** One HTTP/2 frame as it came over the wire. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  /** One character per byte. */
  readonly payload: string;
}

/** Frame types (RFC 9113 section 6). */
export const FRAME = { DATA: 0, HEADERS: 1, RST_STREAM: 3, SETTINGS: 4, GOAWAY: 7 } as const;

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/** An HTTP/2 client that writes and reads frames itself, so that tests see what a library hides. */
export class RawHttp2Client implements AsyncDisposable {
  readonly raw: RawClient;

  private constructor(raw: RawClient) {
    this.raw = raw;
  }

  static async connect(port: number): Promise<RawHttp2Client> {
    const raw = await RawClient.connect(port);
    raw.send(PREFACE + frame(FRAME.SETTINGS, 0, 0, ""));
    return new RawHttp2Client(raw);
  }

  /** Sends a whole POST on a stream; the body has at most 16,384 bytes, one character each. */
  post(stream: number, path: string, headers: Record<string, string> = {}, body = ""): void {
    const block = [
      [":method", "POST"],
      [":scheme", "http"],
      [":path", path],
      [":authority", "mock"],
      ...Object.entries(headers),
    ].map(([name = "", value = ""]) => `\x00${literal(name)}${literal(value)}`).join("");
    // END_HEADERS, and END_STREAM with the last frame.
    this.raw.send(frame(FRAME.HEADERS, body === "" ? 0x5 : 0x4, stream, block));
    if (body !== "") this.raw.send(frame(FRAME.DATA, 0x1, stream, body));
  }

  /** Sends RST_STREAM with CANCEL. */
  cancel(stream: number): void {
    this.raw.send(frame(FRAME.RST_STREAM, 0, stream, "\0\0\0\x08"));
  }

  /** Every whole frame received so far; bytes that are no frame are left out. */
  frames(): Frame[] {
    const text = this.raw.text;
    const frames: Frame[] = [];
    let at = 0;
    while (at + 9 <= text.length) {
      const code = (i: number) => text.charCodeAt(at + i);
      const length = code(0) << 16 | code(1) << 8 | code(2);
      if (at + 9 + length > text.length) break;
      const stream = (code(5) & 0x7f) << 24 | code(6) << 16 | code(7) << 8 | code(8);
      frames.push({
        type: code(3),
        flags: code(4),
        stream,
        payload: text.slice(at + 9, at + 9 + length),
      });
      at += 9 + length;
    }
    return frames;
  }

  /** Resolves with the frames when they satisfy `predicate`, or when the peer ends. */
  async until(predicate: (frames: Frame[]) => boolean): Promise<Frame[]> {
    await this.raw.until(() => predicate(this.frames()));
    return this.frames();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.raw[Symbol.asyncDispose]();
  }
}

function frame(type: number, flags: number, stream: number, payload: string): string {
  const length = payload.length;
  return String.fromCharCode(
    length >> 16,
    length >> 8 & 255,
    length & 255,
    type,
    flags,
    stream >> 24 & 127,
    stream >> 16 & 255,
    stream >> 8 & 255,
    stream & 255,
  ) + payload;
}

/** A string literal without Huffman coding (RFC 7541 section 5.2); shorter than 127 bytes. */
function literal(text: string): string {
  if (text.length >= 127) throw new RangeError("Cannot encode the literal: too long for a test");
  return String.fromCharCode(text.length) + text;
}
