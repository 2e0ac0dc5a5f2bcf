/** Opens connections to targets. */
import type { Protocol, Target, WaitOptions } from "../target.ts";
import type { Connection, ConnectOptions } from "./connection.ts";
import { H1Connection } from "./h1.ts";
import { H2Connection } from "./h2.ts";
import { H3Connection } from "./h3.ts";

const OPEN: Readonly<
  Record<Protocol, (url: string, options: ConnectOptions) => Promise<Connection>>
> = {
  h1: (url, options) => H1Connection.open(url, options),
  h2c: (url, options) => H2Connection.open(url, options),
  h3: (url, options) => H3Connection.open(url, options),
};

/** Opens a connection to a target's base URL. */
export function openConnection(
  protocol: Protocol,
  url: string,
  options: ConnectOptions = {},
): Promise<Connection> {
  return OPEN[protocol](url, options);
}

/** Opens a connection to a target, on the port that it has for the HTTP version. */
export function connectTo(
  { url, quicUrl, ca, wayIn }: Pick<Target, "url" | "quicUrl" | "ca" | "wayIn">,
  protocol: Protocol,
  wait: WaitOptions = {},
): Promise<Connection> {
  const base = protocol === "h3" ? quicUrl ?? url : url;
  return openConnection(protocol, base, {
    ...wait,
    ...(ca !== undefined && { ca }),
    ...(wayIn !== undefined && { wayIn }),
  });
}
