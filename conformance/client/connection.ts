/** The interface of a connection, whichever HTTP version. */
import type { Protocol, WaitOptions, WayIn } from "../target.ts";
import type { Exchange, RequestSpec } from "./exchange.ts";

/** One connection to the target, whichever HTTP version. */
export interface Connection extends AsyncDisposable {
  readonly protocol: Protocol;
  /** Sends a request and returns its exchange at once. */
  request(spec: RequestSpec): Exchange;
  /** Closes the connection; what is open on it ends. */
  close(): void;
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>;
}

/** How connections are opened, and how long their exchanges wait. */
export interface ConnectOptions extends WaitOptions {
  /** PEM of the root that the target's certificate chains to. */
  ca?: string;
  /** Settings that the gateway requires of every connection and request. */
  wayIn?: WayIn;
  /** The certificate that the client shows, and its key, PEM; over HTTP/1.1. */
  identity?: { readonly cert: string; readonly key: string } | undefined;
}
