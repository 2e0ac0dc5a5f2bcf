/** Builds and starts the Go programs for figures side by side. */
import { startListening } from "./listening.ts";

/**
 * Small Go programs that do the same minimum, for figures beside ours. They live outside of the
 * checkout, in the folder that LLMGATE_PEERS names, and are no part of it: without them, or without Go, the
 * rows stand alone.
 */
export interface Twins extends AsyncDisposable {
  /** HOST:PORT of the plain ext_authz server. */
  readonly goAuthz: string | undefined;
  /** HOST:PORT of the OPA engine in an ext_authz server. */
  readonly opaAuthz: string | undefined;
  /** URL of the mock upstream. */
  readonly goMock: string | undefined;
}

const PEERS = Deno.env.get("LLMGATE_PEERS");

/**
 * Builds and starts the twins that can be had (`only`: these of them); resolves when they listen. `rego` is a file of
 * rules for the OPA engine in place of its own.
 */
export async function findTwins(
  options: { only?: readonly string[]; rego?: string } = {},
): Promise<Twins> {
  const children: Deno.ChildProcess[] = [];
  const folder = await Deno.makeTempDir({ prefix: "llmgate-twins-" });
  const start = async (name: string, args: string[] = []): Promise<string | undefined> => {
    const binary = `${folder}/${name}`;
    if (options.only && !options.only.includes(name)) return undefined;
    if (!await build(name, binary)) return undefined;
    const { address, child } = await startListening(binary, (at) => ["-addr", at, ...args]);
    children.push(child);
    return address;
  };
  const goAuthz = await start("go-authz");
  const opaAuthz = await start("opa-authz", [
    "-policy",
    options.rego ?? `${PEERS}/opa-authz/policy.rego`,
  ]);
  const goMock = await start("go-mock");
  return {
    goAuthz,
    opaAuthz,
    goMock: goMock && `http://${goMock}`,
    async [Symbol.asyncDispose]() {
      for (const child of children) {
        child.kill("SIGKILL");
        await child.status;
      }
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** Builds every twin, so that a later build finds its parts in Go's cache. */
export async function buildTwins(): Promise<void> {
  for (const name of ["go-authz", "opa-authz", "go-mock"]) await build(name, "/dev/null");
}

/** Can twins be built here? They need Go, and LLMGATE_PEERS. */
export async function canBuildTwins(): Promise<boolean> {
  if (PEERS === undefined) return false;
  try {
    return (await new Deno.Command("go", { args: ["version"], stdout: "null" }).output()).success &&
      (await Deno.stat(PEERS)).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function build(name: string, binary: string): Promise<boolean> {
  if (PEERS === undefined) return false;
  try {
    const { success } = await new Deno.Command("go", {
      args: ["build", "-o", binary, "."],
      cwd: `${PEERS}/${name}`,
      stdout: "null",
      stderr: "null",
    }).output();
    return success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
