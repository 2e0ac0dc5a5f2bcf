/**
 * MCP servers for tests. What the protocol's own SDK says to the client is proved in
 * `mcp/sdk_test.ts`; these say exactly what a test wants said.
 */

/** A message that a client posted. */
export interface McpPost {
  readonly http: string;
  readonly headers: Headers;
  readonly id?: number;
  readonly method?: string;
  // deno-lint-ignore no-explicit-any -- each method has its own
  readonly params?: any;
  // deno-lint-ignore no-explicit-any -- each method has its own
  readonly result?: any;
  readonly error?: { readonly code: number };
  /** Aborts when the client leaves. */
  readonly signal: AbortSignal;
}

/** An endpoint that a test scripts. */
export interface ScriptedMcp extends AsyncDisposable {
  readonly url: string;
  /** Everything that came, in order. */
  readonly posts: readonly McpPost[];
}

/** Starts an endpoint on a free port that answers as the script says. */
export function startScriptedMcp(
  script: (post: McpPost) => Response | Promise<Response>,
): ScriptedMcp {
  const posts: McpPost[] = [];
  const stop = new AbortController();
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", signal: stop.signal, onListen: () => {} },
    async (request) => {
      const { method: http, headers, signal } = request;
      const text = await request.text();
      const post = { ...(text === "" ? {} : JSON.parse(text)), http, headers, signal };
      posts.push(post);
      return await script(post);
    },
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}/mcp`,
    posts,
    // Not gracefully: a test may have left an answer open.
    async [Symbol.asyncDispose]() {
      stop.abort();
      await server.finished;
    },
  };
}

/** The answer to a post. */
export function resultOf({ id }: McpPost, result: unknown, init?: ResponseInit): Response {
  return Response.json({ jsonrpc: "2.0", id, result }, init);
}

/** An error as the answer to a post. */
export function errorTo({ id }: McpPost, code: number, message: string, status = 400): Response {
  return Response.json({ jsonrpc: "2.0", id, error: { code, message } }, { status });
}

export interface TestMcpServer extends AsyncDisposable {
  readonly url: string;
  /** Calls of the tool. */
  readonly calls: number;
  /** The credentials of the requests. */
  readonly authorizations: (string | null)[];
}

/** Starts a server with one tool, `add`. */
export function startMcpServer(): TestMcpServer {
  const integer = { type: "integer" };
  const add = {
    name: "add",
    description: "adds",
    inputSchema: { type: "object", properties: { a: integer, b: integer } },
  };
  const server = startScriptedMcp((post) => {
    if (post.method === "server/discover") {
      return resultOf(post, { supportedVersions: ["2026-07-28"], capabilities: { tools: {} } });
    }
    if (post.method === "tools/list") return resultOf(post, { tools: [add] });
    const { a, b } = post.params.arguments;
    return resultOf(post, { content: [{ type: "text", text: String(a + b) }] });
  });
  return {
    url: server.url,
    get calls() {
      return server.posts.filter(({ method }) => method === "tools/call").length;
    },
    get authorizations() {
      return server.posts.map(({ headers }) => headers.get("authorization"));
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
