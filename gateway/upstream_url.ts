/** Reads the URL of a model server into the places that Envoy has for it. */
import { UsageError } from "../service/mod.ts";

/** An upstream as Envoy is told about it. */
export interface UpstreamAddress {
  readonly host: string;
  readonly port: number;
  /** `Host` of the requests: the URL's own authority, a default port left out. */
  readonly hostname: string;
  readonly tls: boolean;
  /** Prefix of the request's path; empty for none. */
  readonly pathPrefix: string;
}

/**
 * Reads the URL of an upstream. Its path is put before every request's path; a trailing `/v1` is
 * not doubled, because base URLs of OpenAI clients end in it.
 *
 * @throws {UsageError} when it is no http or https URL
 */
export function parseUpstreamUrl(text: string): UpstreamAddress {
  if (!URL.canParse(text)) {
    throw new UsageError(
      `Cannot use the upstream "${text}": it must be an http or https URL, such as http://127.0.0.1:11434`,
    );
  }
  const url = new URL(text);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new UsageError(
      `Cannot use the upstream "${text}": its scheme must be http or https: current value is "${url.protocol}"`,
    );
  }
  const tls = url.protocol === "https:";
  return {
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? (tls ? 443 : 80) : Number(url.port),
    // TLS takes SNI from here too, which is a name without a port.
    hostname: tls ? url.hostname : url.host,
    tls,
    pathPrefix: url.pathname.replace(/\/+$/, "").replace(/\/v1$/, ""),
  };
}
