import type { Protocol, WaitOptions } from "../target.ts";
import type { Exchange, RequestSpec } from "./exchange.ts";
import { H1Connection } from "./h1.ts";
import { H2Connection } from "./h2.ts";

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
}

/** Opens a connection to a target's base URL. */
export function openConnection(
  protocol: Protocol,
  url: string,
  options: ConnectOptions = {},
): Promise<Connection> {
  return protocol === "h1" ? H1Connection.open(url, options) : H2Connection.open(url, options);
}
