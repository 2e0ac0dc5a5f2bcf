/** Parts that cases on protocols, small filters and extensions around policy share. */
import type { Case } from "../case.ts";
import { H1Connection } from "../client/h1.ts";
import { textOf, type Transcript, valueOf } from "../client/transcript.ts";
import type { CaseContext } from "../context.ts";
import type { HeaderList, ProxiedFeature } from "../target.ts";
import { chunkText, DONE, STREAM_HEAD } from "./shapes.ts";

/** A client's address in the known network, and another one (RFC 5737). */
export const PARTNER = "203.0.113.7";
export const STRANGER = "198.51.100.7";

interface Described extends Pick<Case, "requirement" | "source" | "exclusive" | "axes"> {
  readonly id: string;
  run(t: CaseContext): Promise<void>;
}

/** A case of the feature `protocols`. */
export function protocolCase(one: Described): Case {
  return { ...one, id: `ext.${one.id}`, level: "must", control: "both", feature: "protocols" };
}

/** The value of a header of an answer; undefined where there is none. */
export function headerOf({ head }: Transcript, name: string): string | undefined {
  return valueOf(head?.headers ?? [], name);
}

/** Checks that a request reached no upstream. */
export function wentNowhere(t: CaseContext): void {
  t.equal("requests at the upstream", 0, t.upstream.requests().length);
}

/**
 * Opens a connection to a listener behind a load balancer. It begins with a PROXY protocol header, version 1, or with none.
 * Ends the case where the target has no such listener.
 */
export async function proxied(
  t: CaseContext,
  listener: keyof ProxiedFeature,
  source?: string,
): Promise<H1Connection> {
  const { proxied = t.notMeasured("No listener behind a load balancer is known") } = t.target;
  const connection = await H1Connection.open(proxied[listener], { signal: t.signal });
  if (source !== undefined) {
    connection.raw(`PROXY TCP4 ${source} 127.0.0.1 5555 443\r\n`, []);
  }
  return connection;
}

/** Sends a request whose stream goes on when its first event has come; checks that its bytes come as they were sent. */
export async function streamsUntouched(t: CaseContext, headers: HeaderList): Promise<Transcript> {
  t.upstream.script(
    STREAM_HEAD,
    { write: chunkText("first") },
    { barrier: "seen" },
    { write: chunkText("second", 1) },
    { write: DONE },
    { end: true },
  );
  const exchange = await t.send(t.chat({ stream: true, headers }));
  await exchange.event(0);
  t.upstream.release("seen");
  const transcript = await exchange.done();
  t.equal("bytes", chunkText("first") + chunkText("second", 1) + DONE, textOf(transcript));
  return transcript;
}
