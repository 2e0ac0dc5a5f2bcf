/** Starts programs of others and waits until they listen. */
import { delay, listenLasting, UnavailableError } from "../../service/mod.ts";

/** A program of somebody else's that listens, and where (HOST:PORT). */
export interface Listening {
  readonly address: string;
  readonly child: Deno.ChildProcess;
}

/**
 * Starts a program that is told where to listen; resolves when it does, however long that takes. Its port is one that
 * the system hands to nobody; with a taken one it ends, and is started again with another.
 *
 * @throws {UnavailableError} when it always ends before it listens
 */
export function startListening(
  command: string,
  args: (address: string) => readonly string[],
): Promise<Listening> {
  const hostname = "127.0.0.1";
  return listenLasting(hostname, async (port) => {
    const address = `${hostname}:${port}`;
    const child = new Deno.Command(command, {
      args: [...args(address)],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    let ended = false;
    child.status.then(() => ended = true, () => {});
    while (!ended) {
      try {
        (await Deno.connect({ hostname, port })).close();
        return { address, child };
      } catch {
        await delay(10);
      }
    }
    throw new UnavailableError(`Cannot start "${command}": it ended before it listened`);
  });
}
