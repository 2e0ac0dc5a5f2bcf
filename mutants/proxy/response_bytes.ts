/** Whole responses that the small proxy makes itself. */
import { Buffer } from "node:buffer";

/** Returns an OpenAI-shaped error body. */
export function errorBody(message: string, type: string, code: string): string {
  return JSON.stringify({ error: { message, type, param: null, code } }) + "\n";
}

/** Returns a whole HTTP/1.1 response. */
export function wholeResponse(
  status: number,
  headers: [string, string][],
  body: string,
): Buffer {
  const bytes = Buffer.from(body);
  const own = headers.filter(([name]) =>
    !/^(content-length|transfer-encoding|connection)$/i.test(name)
  );
  const lines = [...own, ["content-length", String(bytes.length)] as [string, string]];
  return Buffer.concat([responseHead(status, lines), bytes]);
}

/** Returns the bytes of a response head. */
export function responseHead(status: number, headers: readonly [string, string][]): Buffer {
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return Buffer.from(`HTTP/1.1 ${status} -\r\n${lines}\r\n`, "latin1");
}
