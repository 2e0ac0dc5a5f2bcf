/** Defects that change the bytes of a response's body. */
import { Buffer } from "node:buffer";
import type { Defects } from "./defects.ts";

/** Changes body bytes on their way to the client; `end` gives what was held back. */
export interface BodyFilter {
  push(bytes: Uint8Array): Uint8Array[];
  end(): Uint8Array[];
}

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();

/** Bytes after which `truncatesLarge` stops. */
const LARGE = 8 << 20;

/** Returns the filter that a defect needs; a correct proxy passes bytes as they come. */
export function bodyFilter(defects: Defects, stream: boolean): BodyFilter {
  if (defects.buffersResponse) return heldBack((text) => text);
  if (defects.batchesEvents && stream) return batches(3);
  if (defects.batchesLate && stream) return batches(2, 3);
  if (defects.manglesUtf8) return eachChunk((bytes) => ENCODER.encode(DECODER.decode(bytes)));
  if (defects.normalizesLines) {
    return eachChunk(edit((text) => text.replace(/\r\n?/g, "\n")));
  }
  if (defects.dropsDone) return eachChunk(edit((text) => text.replace(/data: ?\[DONE\]\s*/g, "")));
  if (defects.doublesDone) {
    return eachChunk(edit((text) => text.replace(/data: \[DONE\]\n\n/g, "$&$&")));
  }
  if (defects.dropsComments) return eachChunk(edit((text) => text.replace(/^:.*\n\n?/gm, "")));
  if (defects.joinsDataLines) {
    return eachChunk(edit((text) => text.replace(/(?<=[^\n])\ndata: ?(?=[^\n]*\n\n)/g, " ")));
  }
  if (defects.hidesErrorEvents) {
    return eachChunk(edit((text) => text.replace(/(event: error\n)?data: \{"error".*\n\n/g, "")));
  }
  if (defects.dropsUsage && stream) {
    return eachChunk(edit((text) => text.replace(/^data: \{.*"choices":\[\].*\n\n/gm, "")));
  }
  if (defects.changesObject) {
    return eachChunk(edit((text) => text.replace('"chat.completion"', '"text_completion"')));
  }
  if (defects.widensLines && stream) {
    return eachChunk(edit((text) => text.replace(/^data: ([a-z]+)\n\n/gm, "data: $1\r\n\r\n")));
  }
  if (defects.losesJoinedEvents && stream) {
    return eachChunk(edit((text) => {
      const end = text.indexOf("\n\n");
      return end < 0 ? text : text.slice(0, end + 2);
    }));
  }
  if (defects.reserializesResponse && !stream) {
    return heldBack((text) => {
      try {
        return JSON.stringify(JSON.parse(text));
      } catch {
        return text;
      }
    });
  }
  if (defects.trimsResponse) return heldBack((text) => text.trimEnd());
  if (defects.dropsIncompleteTail && stream) return wholeEvents();
  if (defects.addsDone && stream) return withDone();
  if (defects.truncatesLarge) return truncated();
  return eachChunk((bytes) => bytes);
}

/** Edits text byte by byte, so that a character which is cut over chunks is none of its business. */
function edit(change: (text: string) => string): (bytes: Uint8Array) => Uint8Array {
  return (bytes) => Buffer.from(change(Buffer.from(bytes).toString("latin1")), "latin1");
}

function eachChunk(change: (bytes: Uint8Array) => Uint8Array): BodyFilter {
  return { push: (bytes) => [change(bytes)], end: () => [] };
}

function heldBack(change: (text: string) => string): BodyFilter {
  const held: Uint8Array[] = [];
  return {
    push(bytes) {
      held.push(bytes);
      return [];
    },
    end() {
      const whole = new Uint8Array(held.reduce((sum, { length }) => sum + length, 0));
      let at = 0;
      for (const part of held) {
        whole.set(part, at);
        at += part.length;
      }
      const text = DECODER.decode(whole);
      const changed = change(text);
      return [changed === text ? whole : ENCODER.encode(changed)];
    },
  };
}

/** Two line ends of any kind (WHATWG HTML section 9.2.5) with nothing between them. */
const BLANK_LINE = /(?:\r\n|\r(?!\n)|\n)(?:\r\n|\r(?!\n)|\n)/g;

/** Passes events when they are whole, and never what follows the last one. */
function wholeEvents(): BodyFilter {
  let rest = "";
  return {
    push(bytes) {
      const text = rest + Buffer.from(bytes).toString("latin1");
      const last = [...text.matchAll(BLANK_LINE)].at(-1);
      const end = last === undefined ? 0 : last.index + last[0].length;
      rest = text.slice(end);
      return [Buffer.from(text.slice(0, end), "latin1")];
    },
    end: () => [],
  };
}

/** Passes everything, and adds [DONE] to a stream of chat completion chunks that had none. */
function withDone(): BodyFilter {
  let text = "";
  return {
    push(bytes) {
      text += Buffer.from(bytes).toString("latin1");
      return [bytes];
    },
    end: () =>
      text.includes('"chat.completion.chunk"') && !text.includes("[DONE]")
        ? [ENCODER.encode("data: [DONE]\n\n")]
        : [],
  };
}

/** Passes the first `free` pieces as they come, and then so many at a time. */
function batches(size: number, free = 0): BodyFilter {
  let held: Uint8Array[] = [];
  let passed = 0;
  return {
    push(bytes) {
      if (passed++ < free) return [bytes];
      held.push(bytes);
      if (held.length < size) return [];
      const all = held;
      held = [];
      return all;
    },
    end: () => held,
  };
}

function truncated(): BodyFilter {
  let left = LARGE;
  return {
    push(bytes) {
      const part = bytes.subarray(0, left);
      left -= part.length;
      return [part];
    },
    end: () => [],
  };
}
