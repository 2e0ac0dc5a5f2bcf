/** The two ways to speak with an MCP server: with a handshake before, or all in each request. */
import { deadlineSignal } from "../../service/mod.ts";
import { type Answer, type Endpoint, HttpError } from "./endpoint.ts";
import { type Params, type Result, RpcError } from "./json_rpc.ts";

/** How requests are put to a server. */
export interface Dialect {
  /**
   * Puts a request and returns the result. Throws what {@linkcode Endpoint.request} throws.
   *
   * @param headers fields that this request alone has; a server with a handshake knows none
   */
  request(
    method: string,
    params: Params,
    signal: AbortSignal,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Result>;
  /** Whether the request names its tool and the tool's parameters in header fields. */
  readonly mirrorsParameters: boolean;
  /** Tells the server, where it keeps a session, that it is over. Never rejects. */
  close(): Promise<void>;
}

/** The revision whose requests say everything themselves. */
export const MODERN_VERSION = "2026-07-28";

/** Revisions with a handshake, the one that is offered first. */
export const LEGACY_VERSIONS = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"] as const;

const CLIENT = { name: "llmgate", version: "1" };

/** How long a farewell may take, milliseconds: nobody waits for what it brings. */
const FAREWELL_MS = 2_000;

/** Revision 2026-07-28: no session; version, client and method stand in every request. */
export class ModernDialect implements Dialect {
  readonly mirrorsParameters = true;
  readonly #endpoint: Endpoint;
  #id = 0;

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
  }

  async request(
    method: string,
    params: Params,
    signal: AbortSignal,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Result> {
    const about = {
      "io.modelcontextprotocol/protocolVersion": MODERN_VERSION,
      "io.modelcontextprotocol/clientInfo": CLIENT,
      "io.modelcontextprotocol/clientCapabilities": {},
    };
    const { result } = await this.#endpoint.request({
      id: ++this.#id,
      method,
      params: { ...params, _meta: about },
      headers: { ...headers, "mcp-protocol-version": MODERN_VERSION, "mcp-method": method },
      signal,
    });
    if (result["resultType"] === "input_required") {
      throw new Error(`${method} asks for input of a user, and the gateway has none to ask`);
    }
    return result;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Revisions to 2025-11-25: `initialize` agrees on a version, and may begin a session. */
export class LegacyDialect implements Dialect {
  readonly mirrorsParameters = false;
  readonly #endpoint: Endpoint;
  /** Version and session, as each further request has to name them. */
  #headers: Record<string, string> = {};
  #id = 0;
  readonly #farewells = new Set<Promise<void>>();

  private constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
  }

  /**
   * Shakes hands.
   *
   * @throws {Error} when the server speaks a revision that nobody knows here
   */
  static async open(endpoint: Endpoint, signal: AbortSignal): Promise<LegacyDialect> {
    const dialect = new LegacyDialect(endpoint);
    await dialect.#shakeHands(signal);
    return dialect;
  }

  async request(method: string, params: Params, signal: AbortSignal): Promise<Result> {
    const session = this.#headers["mcp-session-id"];
    try {
      return (await this.#put(method, params, signal)).result;
    } catch (error) {
      // The server knows the session no more, so it has not looked at the request either.
      if (session === undefined || !isStatus(error, 404)) throw error;
      if (session === this.#headers["mcp-session-id"]) await this.#shakeHands(signal);
      return (await this.#put(method, params, signal)).result;
    }
  }

  async close(): Promise<void> {
    if (this.#headers["mcp-session-id"] !== undefined) {
      this.#farewell((signal) => this.#endpoint.delete(this.#headers, signal));
    }
    await Promise.all(this.#farewells);
  }

  async #shakeHands(signal: AbortSignal): Promise<void> {
    this.#headers = {};
    const { result, headers } = await this.#put("initialize", {
      protocolVersion: LEGACY_VERSIONS[0],
      capabilities: {},
      clientInfo: CLIENT,
    }, signal);
    const version = String(result["protocolVersion"]);
    if (!LEGACY_VERSIONS.some((known) => known === version)) {
      throw new Error(
        `it speaks MCP ${version}; known are ${MODERN_VERSION}, ${LEGACY_VERSIONS.join(", ")}`,
      );
    }
    const session = headers.get("mcp-session-id");
    this.#headers = {
      "mcp-protocol-version": version,
      ...(session === null ? {} : { "mcp-session-id": session }),
    };
    await this.#endpoint.send({ method: "notifications/initialized" }, this.#headers, signal);
  }

  async #put(method: string, params: Params, signal: AbortSignal): Promise<Answer> {
    const id = ++this.#id;
    const headers = this.#headers;
    try {
      return await this.#endpoint.request({ id, method, params, headers, signal });
    } catch (error) {
      // A closed connection alone is not a cancellation in these revisions.
      if (signal.aborted && method !== "initialize") {
        const cancelled = { method: "notifications/cancelled", params: { requestId: id } };
        this.#farewell((deadline) => this.#endpoint.send(cancelled, headers, deadline));
      }
      throw error;
    }
  }

  /** Says something that is not waited for before the session closes; whether it arrives is no matter. */
  #farewell(say: (signal: AbortSignal) => Promise<void>): void {
    const said = say(deadlineSignal(FAREWELL_MS)).catch(() => {});
    this.#farewells.add(said);
    const forget = () => this.#farewells.delete(said);
    said.then(forget, forget);
  }
}

/** Whether an answer had this status, with or without an error in its body. */
export function isStatus(error: unknown, ...statuses: readonly number[]): boolean {
  return (error instanceof HttpError || error instanceof RpcError) &&
    statuses.includes(error.status);
}
