/** Sessions with MCP servers over streamable HTTP: what tools there are, and calls of them. */
import { z } from "zod";
import { type Outbound, outbound } from "../../outbound/mod.ts";
import { deadlineSignal, messageOf } from "../../service/mod.ts";
import {
  type Dialect,
  isStatus,
  LEGACY_VERSIONS,
  LegacyDialect,
  MODERN_VERSION,
  ModernDialect,
} from "./dialect.ts";
import { Endpoint, HttpError } from "./endpoint.ts";
import { CODE, type Params, type Result, RpcError } from "./json_rpc.ts";
import {
  headersOfCall,
  headerValue,
  type ParameterHeader,
  parameterHeadersOf,
} from "./parameter_headers.ts";

/** A tool as its server describes it. */
export interface McpToolInfo {
  readonly name: string;
  readonly description?: string | undefined;
  readonly inputSchema: Readonly<Record<string, unknown>>;
  readonly annotations?: unknown;
}

/** A server's answer to a call. */
export interface McpAnswer {
  readonly text: string;
  readonly isError: boolean;
}

/** A session. It dials at the first call; disposing it ends the session at the server, too. */
export interface McpSession extends AsyncDisposable {
  /** The tools of all pages; those whose description breaks the protocol's rules are left out. */
  list(signal: AbortSignal): Promise<readonly McpToolInfo[]>;
  call(name: string, args: Record<string, unknown>, signal: AbortSignal): Promise<McpAnswer>;
}

/** Where a server is, and what the request's own tool says to it. */
export interface McpPlace {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Opens a session; a seam for tests. */
export type ConnectMcp = (place: McpPlace) => McpSession;

/** How long a server may take to answer, milliseconds: a tool may well think for a while. */
const ANSWER_MS = 60_000;

/** Pages of one list of tools that are read. */
const MAX_PAGES = 100;

/** Addresses that are remembered; those beyond are asked again. */
const MAX_REMEMBERED = 1_000;

/** Which of the two ways a server speaks. It is the server's, not the request's. */
type Era = "modern" | "legacy";

/**
 * Returns a way to open sessions that remembers how each server speaks, so that only the first
 * session with it has to find out. Nothing is dialled before a session is used.
 *
 * @param way which addresses may be called; those of the internet unless given
 * @param limit bounds the wait for each answer, 60 s unless given; a seam for tests
 */
export function mcpConnector(
  way: Outbound = outbound(),
  limit: Limit = (signal) => deadlineSignal(ANSWER_MS, signal),
): ConnectMcp {
  const eras = new Map<string, Era>();
  return ({ url, headers }) => new HttpSession(new Endpoint(url, headers, way), eras, limit);
}

/** Returns a signal that aborts when the caller's does, or when the time for an answer is over. */
export type Limit = (signal: AbortSignal) => AbortSignal;

const toolPage = z.looseObject({
  tools: z.array(z.looseObject({
    name: z.string(),
    description: z.string().optional(),
    inputSchema: z.record(z.string(), z.unknown()),
    annotations: z.unknown().optional(),
  })),
  nextCursor: z.string().optional(),
});

const callResult = z.looseObject({
  content: z.array(z.looseObject({ type: z.string(), text: z.string().optional() })).default([]),
  structuredContent: z.unknown().optional(),
  isError: z.boolean().default(false),
});

class HttpSession implements McpSession {
  readonly #endpoint: Endpoint;
  readonly #eras: Map<string, Era>;
  readonly #limit: Limit;
  #opened: Promise<Dialect> | undefined;
  /** By tool; what is not in here has not been listed yet. */
  readonly #mirrored = new Map<string, readonly ParameterHeader[]>();

  constructor(endpoint: Endpoint, eras: Map<string, Era>, limit: Limit) {
    this.#endpoint = endpoint;
    this.#eras = eras;
    this.#limit = limit;
  }

  async list(signal: AbortSignal): Promise<readonly McpToolInfo[]> {
    const { mirrorsParameters } = await this.#dialect(signal);
    const tools: McpToolInfo[] = [];
    const cursors = new Set<string>();
    let params: Params = {};
    for (let pages = 0; pages < MAX_PAGES; pages++) {
      const page = this.#read(
        "tools/list",
        toolPage,
        await this.#ask("tools/list", params, signal),
      );
      for (const tool of page.tools) {
        if (!mirrorsParameters || this.#canMirror(tool)) tools.push(tool);
      }
      const { nextCursor } = page;
      if (nextCursor === undefined) return tools;
      if (cursors.has(nextCursor)) throw this.#fault("tools/list comes back to a page that it had");
      cursors.add(nextCursor);
      params = { cursor: nextCursor };
    }
    throw this.#fault(`tools/list has more than ${MAX_PAGES} pages`);
  }

  async call(
    name: string,
    args: Record<string, unknown>,
    signal: AbortSignal,
  ): Promise<McpAnswer> {
    const params = { name, arguments: args };
    const ask = () =>
      this.#ask("tools/call", params, signal, {
        "mcp-name": headerValue(name),
        ...headersOfCall(this.#mirrored.get(name) ?? [], args),
      });
    const result = await ask().catch(async (error) => {
      if (!(error instanceof RpcError) || error.code !== CODE.headerMismatch) throw error;
      // The tool wants to see arguments in the header that no list, or an old one, told of.
      await this.list(signal);
      return await ask();
    });
    const { content, structuredContent, isError } = this.#read("tools/call", callResult, result);
    const texts = content.map(({ type, text }) => type === "text" ? text ?? "" : `[${type}]`);
    if (texts.length === 0 && structuredContent !== undefined) {
      texts.push(JSON.stringify(structuredContent));
    }
    return { text: texts.join("\n"), isError };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A session that never came about has nothing to end.
    const dialect = await this.#opened?.catch(() => undefined);
    await dialect?.close();
  }

  /** Notes which arguments a tool wants in the header; false when it says so against the rules. */
  #canMirror({ name, inputSchema }: McpToolInfo): boolean {
    try {
      this.#mirrored.set(name, parameterHeadersOf(inputSchema));
      return true;
    } catch {
      return false;
    }
  }

  async #ask(
    method: string,
    params: Params,
    signal: AbortSignal,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Result> {
    const dialect = await this.#dialect(signal);
    const deadline = this.#limit(signal);
    try {
      return await dialect.request(method, params, deadline, headers);
    } catch (error) {
      throw this.#explained(error, method, signal, deadline);
    }
  }

  #dialect(signal: AbortSignal): Promise<Dialect> {
    this.#opened ??= this.#open(signal).catch((error) => {
      // The next call dials anew.
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }

  async #open(signal: AbortSignal): Promise<Dialect> {
    const { url } = this.#endpoint;
    const deadline = this.#limit(signal);
    try {
      const modern = new ModernDialect(this.#endpoint);
      const era = this.#eras.get(url) ?? await eraOf(modern, deadline);
      const dialect = era === "modern"
        ? modern
        : await LegacyDialect.open(this.#endpoint, deadline);
      if (this.#eras.size >= MAX_REMEMBERED) this.#eras.clear();
      this.#eras.set(url, era);
      return dialect;
    } catch (error) {
      this.#eras.delete(url);
      if (signal.aborted) throw signal.reason;
      const reason = deadline.aborted ? "no answer in time" : messageOf(error);
      throw new Error(`Cannot reach the MCP server at ${url}: ${reason}`);
    }
  }

  #explained(
    error: unknown,
    method: string,
    signal: AbortSignal,
    deadline: AbortSignal,
  ): unknown {
    if (signal.aborted) return signal.reason;
    if (deadline.aborted) return this.#fault(`no answer to ${method} in time`);
    // What a server knew yesterday it may have forgotten with its new version.
    if (isStatus(error, 400, 404, 405)) this.#eras.delete(this.#endpoint.url);
    if (error instanceof RpcError) return error;
    return this.#fault(messageOf(error));
  }

  #read<T>(method: string, schema: z.ZodType<T>, result: Result): T {
    const { success, data, error } = schema.safeParse(result);
    if (success) return data;
    const [issue] = error.issues;
    throw this.#fault(`${method}: ${issue?.path.join(".")}: ${issue?.message}`);
  }

  #fault(what: string): Error {
    return new Error(`The MCP server at ${this.#endpoint.url}: ${what}`);
  }
}

/**
 * Asks a server how it speaks ("Backward Compatibility" of revision 2026-07-28): an answer, or an
 * error that only the new way has, tells; anything else is a server from before.
 */
async function eraOf(modern: ModernDialect, signal: AbortSignal): Promise<Era> {
  try {
    const { supportedVersions } = await modern.request("server/discover", {}, signal);
    return common(supportedVersions);
  } catch (error) {
    if (error instanceof RpcError && error.code === CODE.unsupportedProtocolVersion) {
      return common((error.data as { supported?: unknown } | undefined)?.supported);
    }
    const modernErrors: readonly number[] = [CODE.headerMismatch, CODE.missingClientCapability];
    if (error instanceof RpcError && modernErrors.includes(error.code)) throw error;
    // Who may not enter is not told how to speak.
    if (isStatus(error, 401, 403)) throw error;
    if (error instanceof RpcError || error instanceof HttpError) return "legacy";
    throw error;
  }
}

function common(supported: unknown): Era {
  const versions = Array.isArray(supported) ? supported.map(String) : [];
  if (versions.includes(MODERN_VERSION)) return "modern";
  if (LEGACY_VERSIONS.some((version) => versions.includes(version))) return "legacy";
  throw new Error(
    `it speaks MCP ${versions.join(", ")}; known are ${MODERN_VERSION}, ${
      LEGACY_VERSIONS.join(", ")
    }`,
  );
}
