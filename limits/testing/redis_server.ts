/** A real Redis for tests, where the machine has one. */
import { connectRedisCounters } from "../counters/redis.ts";
import { delay, listenLasting, messageOf, startProcess } from "../../service/mod.ts";

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

/** Starts an empty server on a free port of 127.0.0.1; resolves when it answers. */
export async function startRedis(): Promise<AsyncDisposable & { readonly url: string }> {
  await using stack = new AsyncDisposableStack();
  const port = await listenLasting("127.0.0.1", (free) => {
    Deno.listen({ hostname: "127.0.0.1", port: free }).close();
    return Promise.resolve(free);
  });
  stack.use(
    await startProcess({
      command: program(),
      args: ["--port", String(port), "--bind", "127.0.0.1", "--save", ""],
      stdout: "null",
      stderr: "null",
    }),
  );
  const url = `redis://127.0.0.1:${port}`;
  for (;;) {
    try {
      await (await connectRedisCounters(url))[Symbol.asyncDispose]();
      break;
    } catch {
      await delay(TRY_MS);
    }
  }
  const owned = stack.move();
  return { url, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function program(): string {
  return Deno.env.get("REDIS_SERVER") ?? "redis-server";
}
