/** Starts the Go program beside which the router is measured. */
import { startListening } from "./listening.ts";
import { MissingToolError } from "./load.ts";

/** The Go program beside which the router is measured; it is the model server, too. */
export interface RouterTwin extends AsyncDisposable {
  /** HOST:PORT of its ext_proc service. */
  readonly address: string;
  /** HOST:PORT of the model server behind every side. */
  readonly backend: string;
}

const SOURCE = new URL("./router_twin/", import.meta.url).pathname;

/**
 * Builds the twin (its modules come through the Go proxy on the first time) and starts it twice: as
 * a model server, and as a router in front of that. Resolves when both listen.
 *
 * @throws {MissingToolError} without Go
 */
export async function startRouterTwin(): Promise<RouterTwin> {
  const folder = await Deno.makeTempDir({ prefix: "llmgate-twin-" });
  await using stack = new AsyncDisposableStack();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const binary = `${folder}/router_twin`;
  await build(binary);
  const start = async (args: readonly string[]): Promise<string> => {
    const { address, child } = await startListening(binary, (at) => ["-addr", at, ...args]);
    stack.defer(async () => {
      child.kill("SIGKILL");
      await child.status;
    });
    return address;
  };
  const backend = await start(["-serve"]);
  const address = await start(["-hosts", backend]);
  const owned = stack.move();
  return { address, backend, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function build(binary: string): Promise<void> {
  try {
    const { success, stderr } = await new Deno.Command("go", {
      args: ["build", "-o", binary, "."],
      cwd: SOURCE,
      stdout: "null",
      stderr: "piped",
    }).output();
    if (!success) {
      throw new Error(`Cannot build the router's twin: ${new TextDecoder().decode(stderr).trim()}`);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new MissingToolError('Cannot find "go": get it with: apt-get install golang-go');
  }
}
