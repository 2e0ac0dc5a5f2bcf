/** Programs of Go's module proxy that tests run: built once, kept in the user's cache. */

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
export async function goProgram(name: GoProgram): Promise<string> {
  const home = Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME")}/.cache`;
  const what = PROGRAMS[name];
  const folder = `${home}/llmgate-tests/go-${name}-${what.slice(what.lastIndexOf("@") + 1)}`;
  const program = `${folder}/${name}`;
  if (await isFile(program)) return program;
  // Built apart and moved: who else builds it at the same time is not disturbed.
  const apart = await Deno.makeTempDir({ prefix: `llmgate-${name}-` });
  try {
    const { success, stderr } = await new Deno.Command("go", {
      args: ["install", what],
      env: { GOBIN: apart, GOFLAGS: "-mod=mod" },
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
