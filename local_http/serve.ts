/** An HTTP listener of this machine: behind the guard, and lasting. */
import { errorBody } from "../openai/mod.ts";
import { delay, hostPort, type Log, messageOf, silent } from "../service/mod.ts";
import { guarded, type Surface } from "./guard.ts";

/** Options of {@linkcode serveLocal}. */
export interface LocalOptions extends Surface {
  /** 0 picks a free one. */
  readonly port: number;
  readonly log?: Log;
}

/** A running listener. Disposing it ends every connection. */
export interface LocalServer extends AsyncDisposable {
  readonly port: number;
  /** `http://127.0.0.1:9003` */
  readonly url: string;
}

/** Time until a listener that failed is opened again, and until it is tried once more, milliseconds. */
const AGAIN_MS = 100;

/**
 * Serves requests that the guard lets pass. A listener that fails, as for want of open files, is said once; its
 * connections are closed, since they are what took the files, and it is opened again on the same port.
 *
 * @throws the system's error when the address cannot be had at first
 */
export function serveLocal(
  handler: (request: Request) => Response | Promise<Response>,
  options: LocalOptions,
): LocalServer {
  const { host, log = silent } = options;
  const stop = new AbortController();
  const serve = guarded(handler, options);
  const open = (port: number) => {
    const ended = new AbortController();
    const server = Deno.serve({
      hostname: host,
      port,
      signal: AbortSignal.any([stop.signal, ended.signal]),
      onListen: () => {},
    }, async (request) => {
      // Not onError: with it, a server of Deno 2.6 that was told to stop never ends.
      try {
        return await serve(request);
      } catch (error) {
        log(`A request could not be answered: ${messageOf(error)}`);
        return Response.json(errorBody(500, { message: "This is a fault of llmgate itself" }), {
          status: 500,
        });
      }
    });
    return { server, ended };
  };
  const first = open(options.port);
  const { port } = first.server.addr;
  const url = `http://${hostPort(host, port)}`;
  const lasting = async () => {
    let current: ReturnType<typeof open> | undefined = first;
    let failed = false;
    while (current !== undefined) {
      const { server, ended } = current;
      current = undefined;
      try {
        await server.finished;
        return;
      } catch (error) {
        if (stop.signal.aborted) return;
        if (!failed) log(`${url} is opened again: ${messageOf(error)}`);
        failed = true;
        ended.abort();
      }
      while (current === undefined) {
        await delay(AGAIN_MS, stop.signal).catch(() => {});
        if (stop.signal.aborted) return;
        try {
          current = open(port);
        } catch {
          // Not yet: the port, or a file for it, is still taken.
        }
      }
    }
  };
  const over = lasting();
  return {
    port,
    url,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await over;
    },
  };
}
