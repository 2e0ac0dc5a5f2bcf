/** A session with an MCP server over streamable HTTP, by the protocol's own SDK. */
import { messageOf } from "../../../service/mod.ts";

/** A tool as its server describes it. */
export interface McpToolInfo {
  readonly name: string;
  readonly description?: string | undefined;
  readonly inputSchema: Readonly<Record<string, unknown>>;
  readonly annotations?: unknown;
}

/** What a server answered to a call. */
export interface McpAnswer {
  readonly text: string;
  readonly isError: boolean;
}

/** A session. It dials at the first call; disposing it ends the session at the server, too. */
export interface McpSession extends AsyncDisposable {
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
const CALL_TIMEOUT_MS = 60_000;

/** Returns a session with a server. Nothing is loaded or dialled before it is used. */
export const connectMcp: ConnectMcp = ({ url, headers }) => {
  let opened: ReturnType<typeof open> | undefined;
  const client = () => opened ??= open(url, headers);
  const options = (signal: AbortSignal) => ({ signal, timeout: CALL_TIMEOUT_MS });
  return {
    async list(signal) {
      const tools: McpToolInfo[] = [];
      let cursor: string | undefined;
      do {
        const page = await (await client()).listTools({ cursor }, options(signal));
        tools.push(...page.tools);
        cursor = page.nextCursor;
      } while (cursor !== undefined);
      return tools;
    },
    async call(name, args, signal) {
      const params = { name, arguments: args };
      const answer = await (await client()).callTool(params, undefined, options(signal));
      return { text: textOf(answer), isError: answer.isError === true };
    },
    async [Symbol.asyncDispose]() {
      // A session that never came about, or that is gone already, has nothing to end.
      await opened?.then((session) => session.close()).catch(() => {});
    },
  };
};

async function open(url: string, headers: Readonly<Record<string, string>>) {
  // Loaded here: most responses need no such tool, and the SDK is large.
  const [{ Client }, { StreamableHTTPClientTransport }] = await Promise.all([
    import("@modelcontextprotocol/sdk/client/index.js"),
    import("@modelcontextprotocol/sdk/client/streamableHttp.js"),
  ]);
  const client = new Client({ name: "llmgate", version: "1" });
  const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } });
  try {
    // The SDK's class has an optional field that its own interface does not take as undefined.
    await client.connect(transport as Parameters<typeof client.connect>[0]);
  } catch (error) {
    throw new Error(`Cannot reach the MCP server at ${url}: ${messageOf(error)}`);
  }
  return {
    listTools: client.listTools.bind(client),
    callTool: client.callTool.bind(client) as (...all: unknown[]) => Promise<RawAnswer>,
    async close() {
      await transport.terminateSession().catch(() => {});
      await client.close();
    },
  };
}

interface RawAnswer {
  readonly content?: readonly { readonly type: string; readonly text?: string }[];
  readonly structuredContent?: unknown;
  readonly isError?: boolean;
}

function textOf({ content = [], structuredContent }: RawAnswer): string {
  const texts = content.flatMap(({ type, text }) => type === "text" ? text ?? "" : `[${type}]`);
  if (texts.length > 0) return texts.join("\n");
  return structuredContent === undefined ? "" : JSON.stringify(structuredContent);
}
