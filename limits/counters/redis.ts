/** Counters on a Redis-compatible server, shared by several limits services. */
import { messageOf, UnavailableError, UsageError, withDeadline } from "../../service/mod.ts";
import { command, type Reply, ReplyReader } from "./resp.ts";
import type { CounterStore, Take, Taken } from "./store.ts";

/**
 * Looks at every counter and adds all amounts or none, as one step. A limit of -1 is none. KEYS: the
 * counters; ARGV: amount, limit and expiry (milliseconds since 1970) of each.
 */
const TAKE = `
local used, granted = {}, 1
for i, key in ipairs(KEYS) do
  local now = tonumber(redis.call('GET', key) or '0')
  local amount, max = tonumber(ARGV[i * 3 - 2]), tonumber(ARGV[i * 3 - 1])
  if max >= 0 and (now >= max or now + amount > max) then granted = 0 end
  used[i] = now
end
if granted == 1 then
  for i, key in ipairs(KEYS) do
    if ARGV[i * 3 - 2] ~= '0' then
      used[i] = redis.call('INCRBY', key, ARGV[i * 3 - 2])
      redis.call('PEXPIREAT', key, ARGV[i * 3])
    end
  end
end
table.insert(used, 1, granted)
return used`;

/** Before a counter's name, so that the server can be shared with others. */
const PREFIX = "llmgate:limits:";
/** A counter outlives its window by this, for replicas whose clocks are late. */
const GRACE_MS = 60_000;
/** How long a server may take to answer; Envoy has refused the request by then. */
const ANSWER_MS = 1_000;
const DEFAULT_PORT = 6379;

/**
 * Connects to a server: `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`, or `rediss://` for TLS. A
 * connection that breaks is made anew by the next request.
 *
 * @throws {UsageError} when the URL is none of these
 * @throws {UnavailableError} when the server does not answer
 */
export async function connectRedisCounters(url: string): Promise<CounterStore> {
  const counters = new RedisCounters(serverOf(url));
  try {
    await counters.ping();
  } catch (error) {
    await counters[Symbol.asyncDispose]();
    throw error;
  }
  return counters;
}

interface Server {
  readonly hostname: string;
  readonly port: number;
  readonly tls: boolean;
  /** First commands on each connection. */
  readonly greeting: readonly (readonly string[])[];
}

function serverOf(text: string): Server {
  const url = URL.parse(text);
  if (url === null || !/^rediss?:$/.test(url.protocol) || url.hostname === "") {
    // The URL may hold a password.
    throw new UsageError("Cannot use the Redis URL: it must be redis://HOST:PORT or rediss://HOST");
  }
  const password = decodeURIComponent(url.password);
  const user = decodeURIComponent(url.username);
  const database = url.pathname.slice(1);
  return {
    hostname: url.hostname.replace(/^\[|\]$/g, ""),
    port: Number(url.port || DEFAULT_PORT),
    tls: url.protocol === "rediss:",
    greeting: [
      ...(password === "" ? [] : [["AUTH", ...(user === "" ? [] : [user]), password]]),
      ...(database === "" ? [] : [["SELECT", database]]),
    ],
  };
}

class RedisCounters implements CounterStore {
  readonly place: string;
  readonly #server: Server;
  #connection: Promise<Connection> | undefined;

  constructor(server: Server) {
    this.#server = server;
    this.place = `redis ${server.hostname}:${server.port}`;
  }

  async ping(): Promise<void> {
    await this.#ask(["PING"]);
  }

  async take(takes: readonly Take[]): Promise<Taken> {
    const reply = await this.#ask([
      ...["EVAL", TAKE, takes.length, ...takes.map(({ counter }) => PREFIX + counter)],
      ...takes.flatMap(({ amount, max, expiresAt }) => [amount, max, expiresAt + GRACE_MS]),
    ]);
    const [granted, ...used] = Array.isArray(reply) ? reply.map(Number) : [];
    return { granted: granted === 1, used };
  }

  add(adds: readonly Omit<Take, "max">[]): undefined | Promise<void> {
    const spent = adds.filter(({ amount }) => amount > 0);
    if (spent.length === 0) return undefined;
    return this.take(spent.map((one) => ({ ...one, max: -1 }))).then(() => {});
  }

  async #ask(words: readonly (string | number)[]): Promise<Reply> {
    try {
      this.#connection ??= connect(this.#server);
      const connection = await this.#connection;
      return await withDeadline(connection.ask(words), ANSWER_MS, "Ask Redis for the counters");
    } catch (error) {
      const broken = this.#connection;
      this.#connection = undefined;
      broken?.then((connection) => connection.close(), () => {});
      throw new UnavailableError(`Cannot use the counters in ${this.place}: ${messageOf(error)}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const connection = await this.#connection?.catch(() => undefined);
    this.#connection = undefined;
    await connection?.close();
  }
}

/** One connection: replies come in the order of the commands. */
interface Connection {
  ask(words: readonly (string | number)[]): Promise<Reply>;
  close(): Promise<void>;
}

async function connect({ hostname, port, tls, greeting }: Server): Promise<Connection> {
  const socket = tls
    ? await Deno.connectTls({ hostname, port })
    : await Deno.connect({ hostname, port });
  const waiting: PromiseWithResolvers<Reply>[] = [];
  const writer = socket.writable.getWriter();
  let broken: Error | undefined;
  const reading = (async () => {
    const reader = new ReplyReader();
    try {
      for await (const bytes of socket.readable) {
        for (const reply of reader.push(bytes)) waiting.shift()?.resolve(reply);
      }
      broken = new Error("the connection was closed");
    } catch (error) {
      broken = error instanceof Error ? error : new Error(String(error));
    }
    for (const one of waiting.splice(0)) one.reject(broken);
  })();
  const ask = async (words: readonly (string | number)[]): Promise<Reply> => {
    if (broken !== undefined) throw broken;
    const reply = Promise.withResolvers<Reply>();
    waiting.push(reply);
    // A write that fails ends the reading, too, which rejects the reply.
    writer.write(command(words)).catch(() => {});
    const answer = await reply.promise;
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const connection: Connection = {
    ask,
    async close() {
      await writer.close().catch(() => {});
      try {
        socket.close();
      } catch {
        // The other side was quicker.
      }
      await reading;
    },
  };
  try {
    for (const words of greeting) await ask(words);
  } catch (error) {
    await connection.close();
    throw error;
  }
  return connection;
}
