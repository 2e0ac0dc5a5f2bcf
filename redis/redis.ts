/** A client of a Redis-compatible server, by ioredis: the only file that imports it. */
import { Buffer } from "node:buffer";
import { Redis as Client } from "ioredis";
import { messageOf, UnavailableError, UsageError, withDeadline } from "../service/mod.ts";

/** A connected server. Commands reject with `UnavailableError` while it is away; the next one connects anew. */
export interface Redis extends AsyncDisposable {
  /** The server for people, without credentials: `redis 10.0.0.5:6379`. */
  readonly place: string;
  /** The bytes of a key, or undefined. */
  get(key: string): Promise<Uint8Array | undefined>;
  /** Sets a key for so many milliseconds. */
  set(key: string, value: Uint8Array, ttlMs: number): Promise<void>;
  /** Sets a key that does not exist; returns whether it did. */
  add(key: string, value: string, ttlMs: number): Promise<boolean>;
  /** Runs a Lua script as one step; integers come as numbers, arrays as arrays. */
  run(
    script: string,
    keys: readonly string[],
    args: readonly (string | number | Uint8Array)[],
  ): Promise<unknown>;
  /** Removes keys by name; returns how many there were. */
  remove(...keys: readonly string[]): Promise<number>;
  /** Returns the keys that begin with a text. */
  keys(prefix: string): Promise<string[]>;
}

/** How to connect. */
export interface RedisOptions {
  /** How long a command or a connection may take, milliseconds; 1,000 when left out. */
  readonly answerMs?: number;
  /** Whether a server that is away at the start is an error; true when left out. */
  readonly mustAnswer?: boolean;
}

const DEFAULT_PORT = 6379;

/** Keys that one step of a scan looks at. */
const SCAN = 500;

/**
 * Connects to a server: `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`, or `rediss://` for TLS.
 *
 * @throws {UsageError} when the URL is none of these
 * @throws {UnavailableError} when the server does not answer, unless `mustAnswer` is false
 */
export async function connectRedis(
  url: string,
  { answerMs = 1_000, mustAnswer = true }: RedisOptions = {},
): Promise<Redis> {
  const redis = new IoRedis(placeOf(url), answerMs);
  if (!mustAnswer) return redis;
  try {
    await redis.ping();
  } catch (error) {
    await redis[Symbol.asyncDispose]();
    throw error;
  }
  return redis;
}

/** Where a server is, in the words of ioredis. */
interface Place {
  readonly host: string;
  readonly port: number;
  readonly username?: string;
  readonly password?: string;
  readonly db?: number;
  readonly tls?: { readonly servername: string };
}

function placeOf(text: string): Place {
  const url = URL.parse(text);
  if (url === null || !/^rediss?:$/.test(url.protocol) || url.hostname === "") {
    // The URL may hold a password.
    throw new UsageError("Cannot use the Redis URL: it must be redis://HOST:PORT or rediss://HOST");
  }
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const database = url.pathname.slice(1);
  return {
    host,
    port: Number(url.port || DEFAULT_PORT),
    ...(url.username !== "" && { username: decodeURIComponent(url.username) }),
    ...(url.password !== "" && { password: decodeURIComponent(url.password) }),
    ...(database !== "" && { db: Number(database) }),
    ...(url.protocol === "rediss:" && { tls: { servername: host } }),
  };
}

class IoRedis implements Redis {
  readonly place: string;
  readonly #client: Client;
  readonly #answerMs: number;
  #connecting: Promise<void> | undefined;

  constructor(place: Place, answerMs: number) {
    this.place = `redis ${place.host}:${place.port}`;
    this.#answerMs = answerMs;
    this.#client = new Client({
      ...place,
      lazyConnect: true,
      enableReadyCheck: false,
      disableClientInfo: true,
      // A command that was late may have been done: nothing waits for a connection, nothing is sent twice.
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      retryStrategy: () => null,
    });
    // Every command says by itself what went wrong.
    this.#client.on("error", () => {});
  }

  async ping(): Promise<void> {
    await this.#ask((client) => client.ping());
  }

  get(key: string): Promise<Uint8Array | undefined> {
    return this.#ask(async (client) => await client.getBuffer(key) ?? undefined);
  }

  async set(key: string, value: Uint8Array, ttlMs: number): Promise<void> {
    await this.#ask((client) => client.set(key, bufferOf(value), "PX", ttlMs));
  }

  async add(key: string, value: string, ttlMs: number): Promise<boolean> {
    return await this.#ask((client) => client.set(key, value, "PX", ttlMs, "NX")) === "OK";
  }

  run(
    script: string,
    keys: readonly string[],
    args: readonly (string | number | Uint8Array)[],
  ): Promise<unknown> {
    const words = args.map((one) => one instanceof Uint8Array ? bufferOf(one) : one);
    return this.#ask((client) => client.eval(script, keys.length, ...keys, ...words));
  }

  async remove(...keys: readonly string[]): Promise<number> {
    return keys.length === 0 ? 0 : await this.#ask((client) => client.unlink(...keys));
  }

  async keys(prefix: string): Promise<string[]> {
    const found: string[] = [];
    const pattern = `${prefix.replace(/[\\*?[\]]/g, "\\$&")}*`;
    let cursor = "0";
    do {
      const at = cursor;
      const [next, keys] = await this.#ask((client) =>
        client.scan(at, "MATCH", pattern, "COUNT", SCAN)
      );
      found.push(...keys);
      cursor = next;
    } while (cursor !== "0");
    return [...new Set(found)];
  }

  async #ask<T>(act: (client: Client) => Promise<T>): Promise<T> {
    try {
      return await withDeadline(this.#connected().then(act), this.#answerMs, "Ask the server");
    } catch (error) {
      // An answer that is late must not be taken for that of a later command.
      if (error instanceof UnavailableError) await this[Symbol.asyncDispose]();
      throw new UnavailableError(`Cannot use ${this.place}: ${messageOf(error)}`);
    }
  }

  async #connected(): Promise<Client> {
    if (this.#client.status === "ready") return this.#client;
    this.#connecting ??= this.#client.connect().finally(() => this.#connecting = undefined);
    await this.#connecting;
    return this.#client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#client.status === "wait" || this.#client.status === "end") return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#client.once("end", resolve);
    this.#client.disconnect();
    await promise;
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
