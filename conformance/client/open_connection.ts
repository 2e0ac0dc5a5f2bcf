import type { Protocol } from "../target.ts";
import type { Connection, ConnectOptions } from "./connection.ts";
import { H1Connection } from "./h1.ts";
import { H2Connection } from "./h2.ts";

/** Opens a connection to a target's base URL. */
export function openConnection(
  protocol: Protocol,
  url: string,
  options: ConnectOptions = {},
): Promise<Connection> {
  return protocol === "h1" ? H1Connection.open(url, options) : H2Connection.open(url, options);
}
