/** Changes that a gateway makes to a request: its path and its headers. */
import { Buffer } from "node:buffer";
import type { HeaderList } from "../../conformance/mod.ts";
import type { Defects } from "./defects.ts";
import type { RequestHead } from "./request_reader.ts";

/** Resolves dot segments and double slashes; `undefined` for what hides slashes. */
export function normalize(target: string, defects: Defects): string | undefined {
  let raw = target;
  const absolute = /^https?:\/\/[^/]+(\/.*)$/.exec(raw);
  if (absolute) raw = absolute[1] ?? raw;
  if (!raw.startsWith("/") && raw !== "*") return undefined;
  if (raw.includes("#")) return undefined;
  const mark = raw.indexOf("?");
  const path = mark < 0 ? raw : raw.slice(0, mark);
  let query = mark < 0 ? "" : raw.slice(mark);
  if (defects.sortsQuery && query) query = `?${query.slice(1).split("&").toSorted().join("&")}`;
  if (defects.keepsDotSegments) return path + query;
  if (/%2f|%5c|\\|%00/i.test(path)) return undefined;
  const plain = path.replace(/%2e/gi, ".").replace(/\/{2,}/g, "/");
  const out: string[] = [];
  const parts = plain.split("/").slice(1);
  for (const [index, part] of parts.entries()) {
    const last = index === parts.length - 1;
    if (part === "..") out.pop();
    else if (part !== ".") out.push(part);
    if (last && (part === ".." || part === ".")) out.push("");
  }
  return `/${out.join("/")}${query}`;
}

/** In an absolute target the authority wins over Host (RFC 9112 section 3.2.2). */
export function withAuthority({ target, headers }: RequestHead): HeaderList {
  const authority = /^https?:\/\/([^/]+)\//.exec(target)?.[1];
  if (authority === undefined) return headers;
  return headers.map(([name, value]) => [name, name.toLowerCase() === "host" ? authority : value]);
}

export function changeBody(whole: Buffer, defects: Defects, chunked: boolean): Buffer {
  if (defects.truncatesUpload && whole.length > 1 << 20) return whole.subarray(0, 1 << 20);
  if (defects.losesLastChunk && chunked) return whole.subarray(0, Math.max(0, whole.length - 3));
  if (defects.reserializesRequest) {
    try {
      return Buffer.from(JSON.stringify(JSON.parse(whole.toString())));
    } catch {
      return whole;
    }
  }
  return whole;
}

export function requestHead(head: RequestHead): Buffer {
  const lines = head.headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return Buffer.from(`${head.method} ${head.target} HTTP/1.1\r\n${lines}\r\n`, "latin1");
}

export function headerOf(headers: HeaderList, name: string): string | undefined {
  return headers.find(([key]) => key.toLowerCase() === name)?.[1];
}
