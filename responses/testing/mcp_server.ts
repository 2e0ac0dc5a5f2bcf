/** An MCP server with one tool, `add`, over streamable HTTP, by the protocol's own SDK. */
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js";
import { z } from "zod";

export interface TestMcpServer extends AsyncDisposable {
  readonly url: string;
  /** Calls of the tool. */
  readonly calls: number;
  /** The credentials of the requests. */
  readonly authorizations: (string | null)[];
}

/** Starts it on a free port; each request has a session of its own. */
export function startMcpServer(): TestMcpServer {
  let calls = 0;
  const authorizations: (string | null)[] = [];
  const stop = new AbortController();
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", signal: stop.signal, onListen: () => {} },
    async (request) => {
      authorizations.push(request.headers.get("authorization"));
      const transport = new WebStandardStreamableHTTPServerTransport({});
      const mcp = new McpServer({ name: "sums", version: "1" });
      mcp.registerTool(
        "add",
        { description: "adds", inputSchema: { a: z.number(), b: z.number() } },
        ({ a, b }: { a: number; b: number }) => {
          calls++;
          return { content: [{ type: "text", text: String(a + b) }] };
        },
      );
      // The SDK's class has optional fields that its own interface does not take as undefined.
      await mcp.connect(transport as Parameters<typeof mcp.connect>[0]);
      return await transport.handleRequest(request);
    },
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}/mcp`,
    get calls() {
      return calls;
    },
    authorizations,
    // Not gracefully: a client may hold its event stream open for as long as it likes.
    async [Symbol.asyncDispose]() {
      stop.abort();
      await server.finished;
    },
  };
}
