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
  if (defects.buffersResponse || defects.declaresLength) return heldBack((text) => text);
  if (defects.batchesEvents && stream) return batches(3);
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
    return eachChunk(edit((text) => text.replace(/\ndata: ?(?=[^\n]*\n\n)/g, " ")));
  }
  if (defects.hidesErrorEvents) {
    return eachChunk(edit((text) => text.replace(/(event: error\n)?data: \{"error".*\n\n/g, "")));
  }
  if (defects.dropsUsage) {
    return eachChunk(edit((text) => text.replaceAll('"usage":{', '"used":{')));
  }
  if (defects.changesObject) {
    return eachChunk(edit((text) => text.replace('"chat.completion"', '"text_completion"')));
  }
  if (defects.widensLines && stream) {
    return eachChunk(edit((text) => text.replace(/(?<!\r)\n/g, "\r\n")));
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
  if (defects.dropsIncompleteTail && stream) {
    return heldBack((text) => text.slice(0, text.lastIndexOf("\n\n") + 2));
  }
  if (defects.addsDone && stream) {
    return {
      push: (bytes) => [bytes],
      end: () => [ENCODER.encode("data: [DONE]\n\n")],
    };
  }
  if (defects.truncatesLarge) return truncated();
  return eachChunk((bytes) => bytes);
}

function edit(change: (text: string) => string): (bytes: Uint8Array) => Uint8Array {
  return (bytes) => ENCODER.encode(change(DECODER.decode(bytes)));
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

function batches(size: number): BodyFilter {
  let held: Uint8Array[] = [];
  return {
    push(bytes) {
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
