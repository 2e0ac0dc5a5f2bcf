/** HTTP GET on a connection of its own, over TLS where the URL says so. */
import { AnswerReader } from "./answer.ts";
import { close, dial, requestBytes, unlessAborted, writeAll } from "./connection.ts";

/** Roots for a TLS peer, and our certificate for it; PEM. */
export interface TlsTrust {
  /** Beside the system's roots. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** Options of {@linkcode directGet}. */
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
  const { signal, headers } = options;
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
    const line = `GET ${url.pathname}${url.search}`;
    const own = { host: url.host, connection: "close", ...headers };
    await writeAll(connection, requestBytes(line, own));
    const reader = new AnswerReader(connection);
    const head = await reader.head();
    return {
      status: head.status,
      header: (name) => head.headers.get(name),
      body: textUntil(end, reader, signal),
    };
  } catch (error) {
    end();
    throw signal.aborted ? signal.reason : error;
  }
}

/**
 * Reads an answer's body to its end.
 *
 * @param maxLength longest text that is taken, in UTF-16 units; the connection is closed beyond
 * @throws {RangeError} when there is more
 */
export async function readAll(answer: GetAnswer, maxLength = Infinity): Promise<string> {
  let text = "";
  for await (const chunk of answer.body) {
    text += chunk;
    if (text.length > maxLength) throw new RangeError(`an answer longer than ${maxLength} bytes`);
  }
  return text;
}

async function connect(url: URL, { tls = {}, address, signal }: GetOptions): Promise<Deno.Conn> {
  const name = url.hostname.replace(/^\[|\]$/g, "");
  const port = url.port === "" ? DEFAULT_PORTS[url.protocol] ?? 0 : Number(url.port);
  if (url.protocol !== "https:") return await dial({ hostname: address ?? name, port }, signal);
  return await unlessAborted(secure({ hostname: name, port }, { tls, address }), signal);
}

async function secure(
  { hostname, port }: { hostname: string; port: number },
  { tls: { ca, cert, key }, address }: { tls: TlsTrust; address: string | undefined },
): Promise<Deno.Conn> {
  const trust = ca === undefined ? {} : { caCerts: [ca] };
  if (address === undefined || cert !== undefined) {
    const own = cert === undefined || key === undefined ? {} : { cert, key };
    return await Deno.connectTls({ hostname, port, ...trust, ...own });
  }
  const plain = await Deno.connect({ hostname: address, port });
  const connection = await Deno.startTls(plain, { hostname, ...trust });
  try {
    await connection.handshake();
    return connection;
  } catch (error) {
    close(connection);
    throw error;
  }
}

async function* textUntil(
  end: () => void,
  reader: AnswerReader,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  try {
    for (let piece = await reader.piece(); piece !== undefined; piece = await reader.piece()) {
      yield decoder.decode(piece, { stream: true });
    }
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    end();
  }
}
