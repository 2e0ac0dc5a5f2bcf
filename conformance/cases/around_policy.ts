/** Parts that cases on protocols and small filters around policy share. */
import type { Case } from "../case.ts";
import { H1Connection } from "../client/h1.ts";
import { type Transcript, valueOf } from "../client/transcript.ts";
import type { CaseContext } from "../context.ts";
import type { ProxiedFeature } from "../target.ts";

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

/** Checks that nobody was asked about a request, and that it went nowhere. */
export function wentNowhere(t: CaseContext): void {
  t.equal("requests at the upstream", 0, t.upstream.requests().length);
}

/** Opens a connection that begins with a PROXY protocol header, version 1, or with none. */
export async function proxied(t: CaseContext, url: string, source?: string): Promise<H1Connection> {
  const connection = await H1Connection.open(url, { signal: t.signal });
  if (source !== undefined) {
    connection.raw(`PROXY TCP4 ${source} 127.0.0.1 5555 443\r\n`, []);
  }
  return connection;
}

/** The listeners behind a load balancer; ends the case where the target has none. */
export function listenersOf(t: CaseContext): ProxiedFeature {
  return t.target.proxied ?? t.notMeasured("No listener behind a load balancer is known");
}
