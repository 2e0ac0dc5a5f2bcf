/** Programs of Go's module proxy that tests run: built once, kept in the user's cache. */
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";

/** Programs by name: package and version. */
const PROGRAMS = {
  h2spec: "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible",
  grpcurl: "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4",
  "grpc-health-probe": "github.com/grpc-ecosystem/grpc-health-probe@v0.4.63",
} as const;

export type GoProgram = keyof typeof PROGRAMS;

/** Every program, for whoever builds them beforehand. */
export const GO_PROGRAMS = Object.keys(PROGRAMS) as GoProgram[];

/** Whether Go can be had here. */
export const hasGo: boolean = await succeeds(["version"]);

/** Returns the path of a program, built with the user's Go. Rejects with Go's own words when it cannot be. */
export function goProgram(name: GoProgram): Promise<string> {
  const what = PROGRAMS[name];
  return built(name, what.slice(what.lastIndexOf("@") + 1), { args: ["install", what], what });
}

/** The same for a program of ours: a folder with its module, built anew when a file of it changes. */
export async function ownGoProgram(name: string, folder: URL): Promise<string> {
  const hash = createHash("sha256");
  for (const file of ["go.mod", "go.sum", "main.go"]) {
    hash.update(await Deno.readFile(new URL(file, folder)));
  }
  const cwd = fileURLToPath(folder);
  return await built(name, hash.digest("hex").slice(0, 16), {
    args: ["install", "."],
    cwd,
    what: cwd,
  });
}

async function built(
  name: string,
  version: string,
  { args, what, cwd }: { args: string[]; what: string; cwd?: string },
): Promise<string> {
  const home = Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME")}/.cache`;
  const folder = `${home}/llmgate-tests/go-${name}-${version}`;
  const program = `${folder}/${name}`;
  if (await isFile(program)) return program;
  // Built apart and moved: who else builds it at the same time is not disturbed.
  const apart = await Deno.makeTempDir({ prefix: `llmgate-${name}-` });
  try {
    const { success, stderr } = await new Deno.Command("go", {
      args,
      ...(cwd !== undefined && { cwd }),
      env: { GOBIN: apart, GOFLAGS: cwd === undefined ? "-mod=mod" : "-mod=readonly" },
      stderr: "piped",
    }).output();
    if (!success) throw new Error(`Cannot build ${what}: ${new TextDecoder().decode(stderr)}`);
    await Deno.mkdir(folder, { recursive: true });
    const partial = `${program}.${crypto.randomUUID()}`;
    await Deno.copyFile(`${apart}/${name}`, partial);
    await Deno.rename(partial, program);
    return program;
  } finally {
    await Deno.remove(apart, { recursive: true });
  }
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function succeeds(args: string[]): Promise<boolean> {
  try {
    return (await new Deno.Command("go", { args, stdout: "null", stderr: "null" }).output())
      .success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
