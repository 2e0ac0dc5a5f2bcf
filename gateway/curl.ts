/** Requests of the OpenAI API as curl lines, to be tried by hand. */
import type { Suggestion } from "./profile.ts";

/** The credential of the demo rules. */
export const DEMO_KEY = "demo-key";

/** The question that the demos ask a model. */
export const QUESTION = "Say hello to Envoy";

/** One request. */
export interface CurlRequest {
  /** `/v1/chat/completions` */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: object;
}

/** Returns the curl line of a request: unbuffered, with the answer's head. */
export function curlLine(url: string, { path, headers, body }: CurlRequest): string {
  const all = { ...headers, "content-type": "application/json" };
  const words = Object.entries(all).map(([name, value]) => `-H '${name}: ${value}'`);
  return `curl -iN ${url}${path} ${words.join(" ")} -d '${JSON.stringify(body)}'`;
}

/** Returns a word as a POSIX shell reads it back: quoted, where it has to be. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Returns the two requests of every profile: one allowed and streaming, one denied. */
export function suggestionsFor(url: string, path: string, fields: object): readonly Suggestion[] {
  const key = { "x-api-key": DEMO_KEY };
  return [
    {
      title: "allowed, streaming",
      command: curlLine(url, { path, headers: key, body: { ...fields, stream: true } }),
    },
    { title: "denied", command: curlLine(url, { path, headers: {}, body: fields }) },
  ];
}

/** The fields of a chat request. */
export function chatFields(model = "gpt-4o-mini"): object {
  return { model, messages: [{ role: "user", content: QUESTION }] };
}
