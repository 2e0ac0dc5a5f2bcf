/**
 * HTTP GET that goes where it is told, on a connection of its own. `fetch` would follow HTTP_PROXY,
 * which Envoy does not, and cannot dial an address under another name; `node:http` cannot be
 * aborted on every runtime that the program is compiled with.
 */
import { bodyText, readHead } from "./http_answer.ts";

/** What a TLS peer is trusted by, and what we show it; PEM. */
export interface TlsTrust {
  /** Beside the system's roots. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** What {@linkcode directGet} takes. */
export interface GetOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly tls?: TlsTrust;
  /** Address to dial in place of the URL's name, which TLS still verifies. */
  readonly address?: string;
  readonly signal: AbortSignal;
}

/** An answer whose body may go on for as long as it likes. */
export interface GetAnswer {
  readonly status: number;
  /** @param name In lower case. */
  header(name: string): string | undefined;
  /**
   * Text as it arrives; throws when the connection breaks or the signal aborts. To be read once;
   * the connection is closed at its end, or when it is not read on.
   */
  readonly body: AsyncIterable<string>;
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = { "http:": 80, "https:": 443 };

/**
 * Sends one GET and resolves with the answer's head. An aborted signal ends the body too.
 *
 * @throws the system's error, the signal's reason, or a `TypeError` for what is no HTTP/1.1
 */
export async function directGet(url: URL, options: GetOptions): Promise<GetAnswer> {
  const { signal } = options;
  signal.throwIfAborted();
  const connection = await connect(url, options);
  // A closed connection fails whoever reads it.
  const onAbort = () => close(connection);
  signal.addEventListener("abort", onAbort, { once: true });
  const end = () => {
    signal.removeEventListener("abort", onAbort);
    close(connection);
  };
  try {
    await write(connection, requestHead(url, options.headers));
    const { status, headers, rest } = await readHead(connection);
    const body = bodyText(connection, headers, rest);
    return {
      status,
      header: (name) => headers.get(name),
      body: endingWith(body, { signal, end }),
    };
  } catch (error) {
    end();
    throw signal.aborted ? signal.reason : error;
  }
}

/** Reads an answer's body to its end. */
export async function readAll(answer: GetAnswer): Promise<string> {
  let text = "";
  for await (const chunk of answer.body) text += chunk;
  return text;
}

async function connect(url: URL, options: GetOptions): Promise<Deno.Conn> {
  const { signal } = options;
  const dialling = dial(url, options);
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([dialling, aborted.promise]);
  } catch (error) {
    // One that comes too late is not left open.
    dialling.then(close, () => {});
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

async function dial(url: URL, { tls = {}, address }: GetOptions): Promise<Deno.Conn> {
  const name = url.hostname.replace(/^\[|\]$/g, "");
  const port = url.port === "" ? DEFAULT_PORTS[url.protocol] ?? 0 : Number(url.port);
  if (url.protocol !== "https:") return await Deno.connect({ hostname: address ?? name, port });
  const { ca, cert, key } = tls;
  const trust = ca === undefined ? {} : { caCerts: [ca] };
  if (address === undefined || cert !== undefined) {
    const own = cert === undefined || key === undefined ? {} : { cert, key };
    return await Deno.connectTls({ hostname: name, port, ...trust, ...own });
  }
  const plain = await Deno.connect({ hostname: address, port });
  const secure = await Deno.startTls(plain, { hostname: name, ...trust });
  try {
    await secure.handshake();
    return secure;
  } catch (error) {
    close(secure);
    throw error;
  }
}

function requestHead(url: URL, headers: Readonly<Record<string, string>> = {}): Uint8Array {
  const lines = Object.entries({ host: url.host, connection: "close", ...headers })
    .map(([name, value]) => `${name}: ${value}\r\n`);
  return new TextEncoder().encode(
    `GET ${url.pathname}${url.search} HTTP/1.1\r\n${lines.join("")}\r\n`,
  );
}

async function write(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  let written = 0;
  while (written < bytes.length) written += await connection.write(bytes.subarray(written));
}

async function* endingWith(
  body: AsyncIterable<string>,
  { signal, end }: { signal: AbortSignal; end: () => void },
): AsyncGenerator<string> {
  try {
    yield* body;
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    end();
  }
}

function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // Closed before.
  }
}
