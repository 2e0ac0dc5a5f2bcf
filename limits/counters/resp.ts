/** RESP2, the protocol of Redis and what is compatible with it (https://redis.io/docs/latest/develop/reference/protocol-spec/). */

/** A reply; an error is a value, since a script may hold some. */
export type Reply = string | number | null | Error | readonly Reply[];

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Writes a command as an array of bulk strings. */
export function command(words: readonly (string | number)[]): Uint8Array<ArrayBuffer> {
  const parts = words.map((word) => {
    const text = String(word);
    return `$${encoder.encode(text).length}\r\n${text}\r\n`;
  });
  return encoder.encode(`*${words.length}\r\n${parts.join("")}`);
}

/** Reads replies from bytes that come in any pieces. */
export class ReplyReader {
  #bytes = new Uint8Array(0);
  #at = 0;

  /** Reads more bytes and returns the replies that are whole by now. Throws `TypeError` for other bytes. */
  push(bytes: Uint8Array): Reply[] {
    const joined = new Uint8Array(this.#bytes.length + bytes.length);
    joined.set(this.#bytes);
    joined.set(bytes, this.#bytes.length);
    this.#bytes = joined;
    const replies: Reply[] = [];
    for (;;) {
      this.#at = 0;
      const reply = this.#read();
      if (reply === undefined) return replies;
      replies.push(reply);
      this.#bytes = this.#bytes.subarray(this.#at);
    }
  }

  #read(): Reply | undefined {
    const line = this.#line();
    if (line === undefined) return undefined;
    const [kind, rest] = [line[0], line.slice(1)];
    if (kind === "+") return rest;
    if (kind === "-") return new Error(rest);
    if (kind === ":") return Number(rest);
    const length = Number(rest);
    if (kind === "$") return length < 0 ? null : this.#bulk(length);
    if (kind !== "*") throw new TypeError(`Cannot read a reply that begins with "${kind}"`);
    if (length < 0) return null;
    const items: Reply[] = [];
    while (items.length < length) {
      const item = this.#read();
      if (item === undefined) return undefined;
      items.push(item);
    }
    return items;
  }

  #line(): string | undefined {
    const end = this.#bytes.indexOf(13, this.#at);
    if (end < 0 || end + 1 >= this.#bytes.length) return undefined;
    const line = decoder.decode(this.#bytes.subarray(this.#at, end));
    this.#at = end + 2;
    return line;
  }

  #bulk(length: number): string | undefined {
    const end = this.#at + length;
    if (this.#bytes.length < end + 2) return undefined;
    const text = decoder.decode(this.#bytes.subarray(this.#at, end));
    this.#at = end + 2;
    return text;
  }
}
