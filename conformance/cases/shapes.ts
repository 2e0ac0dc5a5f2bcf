/** Bodies and answers that several cases send. */
import type { UpstreamStep } from "../target.ts";

/** A body that only byte-exact passing survives: odd spaces, key order, unknown fields, escapes. */
export const ODD_JSON = '{ "model" :"m",\n\t"zzz":1.0,"messages":[{"role":"user" ,' +
  '"content":"\\u00e9 \u2028 \\ud83d\\ude00 😀"}],"x_unknown":{"b":1,"a":[1e2,-0, 1E+2]},' +
  '"zzz" :2,"n":12345678901234567890 }\r\n \n';

/** Returns the steps of a JSON answer. */
export function jsonAnswer(
  body: string,
  status = 200,
  headers: Record<string, string | string[]> = {},
): UpstreamStep[] {
  const length = String(new TextEncoder().encode(body).length);
  return [
    {
      headers: {
        status,
        headers: { "content-type": "application/json", "content-length": length, ...headers },
      },
    },
    { write: body },
    { end: true },
  ];
}

/** The head of an event stream. */
export const STREAM_HEAD: UpstreamStep = {
  headers: {
    status: 200,
    headers: { "content-type": "text/event-stream", "cache-control": "no-cache" },
  },
};

/** The terminator of an OpenAI stream. */
export const DONE = "data: [DONE]\n\n";

/** Returns one chat completion chunk as its bytes on the wire. */
export function chunkText(content: string, index = 0): string {
  const chunk = {
    id: "chatcmpl-case",
    object: "chat.completion.chunk",
    created: 1,
    model: "mock",
    choices: [{ index: 0, delta: { content }, finish_reason: null }],
    n: index,
  };
  return `data: ${JSON.stringify(chunk)}\n\n`;
}

/** Returns the steps of a stream with these exact bytes, one write each. */
export function streamOf(...writes: string[]): UpstreamStep[] {
  return [STREAM_HEAD, ...writes.map((write) => ({ write })), { end: true }];
}

/** Returns UTF-8 bytes. */
export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Returns `size` bytes of base64-like text that a JSON string can hold, from a generator. */
export function filler(size: number, random: () => number): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  let block = "";
  for (let i = 0; i < 1024; i++) block += alphabet[Math.floor(random() * 64)];
  return block.repeat(Math.ceil(size / 1024)).slice(0, size);
}
