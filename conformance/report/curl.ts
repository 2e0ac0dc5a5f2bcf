/** Writes a request of a case as a curl command. */
import type { Transcript } from "../client/transcript.ts";
import type { Target } from "../target.ts";

/** Headers that curl sends itself or that only a script can use. */
const LEFT_OUT = new Set(["content-length", "transfer-encoding", "host", "x-harness-case"]);

/**
 * Returns a curl line that sends the first request of a case, or `undefined` where curl cannot send
 * it. Credentials are named, not shown.
 */
export function curlOf(transcript: Transcript | undefined, target: Target): string | undefined {
  if (!transcript || !transcript.path.startsWith("/")) return undefined;
  const secret = new Set(target.credentials.allow.map(([, value]) => value));
  const refused = new Set(target.credentials.deny?.map(([, value]) => value) ?? []);
  const headers = transcript.requestHeaders.filter(([name]) => !LEFT_OUT.has(name.toLowerCase()));
  if (headers.some(([name, value]) => /[^\x20-\x7e]/.test(name + value) || value.length > 400)) {
    return undefined;
  }
  const words = headers.map(([name, value]) => {
    if (secret.has(value)) return `-H "${name}: $ALLOW"`;
    if (refused.has(value)) return `-H "${name}: $DENY"`;
    return `-H ${quote(`${name}: ${value}`)}`;
  });
  const http =
    { h1: "", h2c: "--http2-prior-knowledge ", h3: "--http3-only " }[transcript.protocol];
  const data = transcript.method === "POST"
    ? ` --data ${
      quote(JSON.stringify({ model: target.model, messages: [{ role: "user", content: "ping" }] }))
    }`
    : "";
  const base = transcript.protocol === "h3" ? target.quicUrl ?? target.url : target.url;
  const url = base.replace(/\/+$/, "") + transcript.path;
  return `curl -iN ${http}-X ${transcript.method} ${words.join(" ")}${data} ${quote(url)}`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
