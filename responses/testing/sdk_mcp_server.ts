/** The MCP servers of the protocol's own SDK (`tests/foreign/npm/mcp_server.ts`), in a process of their own. */
import { npmProgram } from "../../service/testing/npm_program.ts";

export interface SdkMcpServer extends AsyncDisposable {
  /** Base URL; each path is a kind of server. */
  readonly url: string;
  /** Resolves with the log of the server, once it has more than `beyond` lines. */
  journal(beyond?: number): Promise<readonly string[]>;
}

/** Starts it on a free port. The first start ever fetches the SDK. */
export async function startSdkMcpServer(): Promise<SdkMcpServer> {
  const child = npmProgram("mcp_server.ts", { stdin: "piped" }).spawn();
  const stderr = new Response(child.stderr).text();
  let line = "";
  const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  while (!line.includes("\n")) {
    const { value, done } = await output.read();
    if (done) throw new Error(`mcp_server.ts ended before it listened: ${await stderr}`);
    line += value;
  }
  const url = line.trim();
  return {
    url,
    async journal(beyond = 0) {
      const response = await fetch(`${url}/journal?beyond=${beyond}`);
      return await response.json();
    },
    async [Symbol.asyncDispose]() {
      await child.stdin.close();
      await output.cancel();
      await child.status;
      await stderr;
    },
  };
}
