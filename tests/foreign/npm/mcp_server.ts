// deno-lint-ignore-file no-console -- a program of its own
/**
 * MCP servers by the protocol's own SDK, one kind per path: the counterpart of our client. Prints
 * its base URL, and ends when its standard input does.
 *
 * - `/modern`, `/modern-events`: revision 2026-07-28 alone, with JSON and with event streams
 * - `/both`: that revision, and those before without a session
 * - `/sessions`, `/sessions-json`: revisions to 2025-11-25, with sessions; event streams or JSON
 * - `/polled`: the same, but the server hangs up before it answers, and has the client come again
 * - `/journal`: what has happened so far; waits until it says more than `?beyond=N` lines
 */
import {
  createMcpHandler,
  type EventStore,
  McpServer,
  WebStandardStreamableHTTPServerTransport as Transport,
} from "@modelcontextprotocol/server";
import { z } from "zod";

const journal: string[] = [];
let more = Promise.withResolvers<void>();
function note(line: string): void {
  journal.push(line);
  more.resolve();
  more = Promise.withResolvers();
}

function tools(): McpServer {
  const server = new McpServer({ name: "sums", version: "1" });
  const sum = z.object({ a: z.number(), b: z.number() });
  server.registerTool("add", { description: "adds", inputSchema: sum }, ({ a, b }) => {
    note("add");
    return { content: [{ type: "text", text: String(a + b) }] };
  });
  server.registerTool("fail", { description: "fails" }, () => {
    throw new Error("out of numbers");
  });
  const place = z.object({ region: z.string().meta({ "x-mcp-header": "Region" }) });
  server.registerTool("where", { inputSchema: place }, ({ region }) => ({
    content: [],
    structuredContent: { region },
  }));
  server.registerTool("wait", { description: "never answers" }, (context) => {
    note("waiting");
    context.mcpReq.signal.addEventListener("abort", () => note("cancelled"));
    return new Promise(() => {});
  });
  server.registerTool("hang_up", {}, (context) => {
    context.http?.closeSSE?.();
    return { content: [{ type: "text", text: "after all" }] };
  });
  return server;
}

/** Keeps every event, so that a client that comes again misses none. */
class Events implements EventStore {
  readonly #events: { stream: string; message: unknown }[] = [];

  storeEvent(stream: string, message: unknown): Promise<string> {
    return Promise.resolve(String(this.#events.push({ stream, message })));
  }

  async replayEventsAfter(
    last: string,
    { send }: Parameters<EventStore["replayEventsAfter"]>[1],
  ): Promise<string> {
    note("come again");
    const { stream = "" } = this.#events[Number(last) - 1] ?? {};
    for (const [index, event] of this.#events.entries()) {
      if (index < Number(last) || event.stream !== stream) continue;
      await send(String(index + 1), event.message as Parameters<typeof send>[1]);
    }
    return stream;
  }
}

type Handler = (request: Request) => Promise<Response>;

function withSessions(options: ConstructorParameters<typeof Transport>[0]): Handler {
  const sessions = new Map<string, Transport>();
  return async (request) => {
    const id = request.headers.get("mcp-session-id");
    const known = sessions.get(id ?? "");
    if (known !== undefined) return await known.handleRequest(request);
    if (id !== null) return new Response(null, { status: 404 });
    const transport = new Transport({
      ...options,
      sessionIdGenerator: () => crypto.randomUUID(),
      onsessioninitialized(id) {
        note("session opened");
        sessions.set(id, transport);
      },
      onsessionclosed(id) {
        note("session closed");
        sessions.delete(id);
      },
    });
    await tools().connect(transport);
    return await transport.handleRequest(request);
  };
}

const modern = createMcpHandler(tools, { legacy: "reject" });
const events = createMcpHandler(tools, { legacy: "reject", responseMode: "sse" });
const both = createMcpHandler(tools);
const handlers: Record<string, Handler> = {
  "/modern": (request) => modern.fetch(request),
  "/modern-events": (request) => events.fetch(request),
  "/both": (request) => both.fetch(request),
  "/sessions": withSessions({}),
  "/sessions-json": withSessions({ enableJsonResponse: true }),
  "/polled": withSessions({ eventStore: new Events(), retryInterval: 10 }),
};

const stop = new AbortController();
const server = Deno.serve(
  { port: 0, hostname: "127.0.0.1", signal: stop.signal, onListen: () => {} },
  async (request) => {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/journal") {
      while (journal.length <= Number(searchParams.get("beyond"))) await more.promise;
      return Response.json(journal);
    }
    return await handlers[pathname]?.(request) ?? new Response(null, { status: 404 });
  },
);
console.log(`http://127.0.0.1:${server.addr.port}`);
for await (const _ of Deno.stdin.readable) { /* nothing is said, only the end counts */ }
stop.abort();
