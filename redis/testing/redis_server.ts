/** A real Redis for tests, where the machine has one. */
import { delay, listenLasting, messageOf, startProcess } from "../../service/mod.ts";
import { connectRedis } from "../redis.ts";

/** Milliseconds between two tries to connect to a server that starts. */
const TRY_MS = 10;

/** Why there is none; empty where there is one. The one on the PATH is used, or `REDIS_SERVER`. */
export async function redisMissing(): Promise<string> {
  try {
    await new Deno.Command(program(), { args: ["--version"], stdout: "null" }).output();
    return "";
  } catch (error) {
    return `no redis-server: ${messageOf(error)}`;
  }
}

/** A running server, which can be taken down and brought back empty on the same port. */
export interface RedisServer extends AsyncDisposable {
  readonly url: string;
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** Starts an empty server on a free port of 127.0.0.1; resolves when it answers. */
export async function startRedis(): Promise<RedisServer> {
  const port = await listenLasting("127.0.0.1", (free) => {
    Deno.listen({ hostname: "127.0.0.1", port: free }).close();
    return Promise.resolve(free);
  });
  const url = `redis://127.0.0.1:${port}`;
  let running: AsyncDisposable | undefined;
  const server: RedisServer = {
    url,
    async start() {
      running = await startProcess({
        command: program(),
        args: ["--port", String(port), "--bind", "127.0.0.1", "--save", ""],
        stdout: "null",
        stderr: "null",
      });
      for (;;) {
        try {
          await (await connectRedis(url))[Symbol.asyncDispose]();
          return;
        } catch {
          await delay(TRY_MS);
        }
      }
    },
    async stop() {
      await running?.[Symbol.asyncDispose]();
      running = undefined;
    },
    [Symbol.asyncDispose]: () => server.stop(),
  };
  await server.start();
  return server;
}

function program(): string {
  return Deno.env.get("REDIS_SERVER") ?? "redis-server";
}
