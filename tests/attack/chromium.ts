/** A real browser for attacks: Chromium without a window, where the machine has one. */
import { existsSync } from "node:fs";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** Where Chromium is, by `CHROMIUM_PATH` or the `PATH`; undefined where there is none. */
export function chromiumPath(): string | undefined {
  const given = Deno.env.get("CHROMIUM_PATH");
  if (given !== undefined) return given;
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  return NAMES.flatMap((name) => folders.map((folder) => `${folder}/${name}`))
    .find((path) => existsSync(path));
}

/** A page that runs in the browser, and what it reports with `report(value)`. */
export interface AttackPage extends AsyncDisposable {
  /** Resolves with the page's message. Rejects when the browser ends before. */
  readonly said: Promise<unknown>;
}

/**
 * Opens a page of another origin that runs `script`, the body of an async function, and reports what it returns.
 *
 * @param names names that the browser takes for this machine: domains whose owner points them here
 */
export async function openPage(
  path: string,
  script: string,
  names: readonly string[] = [],
): Promise<AttackPage> {
  await using stack = new AsyncDisposableStack();
  const said = Promise.withResolvers<unknown>();
  const page = `<!doctype html><meta charset="utf-8"><script type="module">
    const attack = async () => { ${script} };
    const value = await attack().catch((error) => ({ failed: String(error) }));
    await fetch("/said", { method: "POST", body: JSON.stringify(value) });
  </script>`;
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      if (new URL(request.url).pathname !== "/said") {
        return new Response(page, { headers: { "content-type": "text/html" } });
      }
      said.resolve(await request.json());
      return new Response();
    },
  );
  stack.defer(() => server.shutdown());
  const profile = await Deno.makeTempDir({ prefix: "llmgate-chromium-" });
  stack.defer(() => Deno.remove(profile, { recursive: true }).catch(() => {}));
  const child = new Deno.Command(path, {
    args: [...argumentsOf(profile, names), `http://127.0.0.1:${server.addr.port}/`],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const words = new Response(child.stderr).text();
  stack.defer(async () => {
    try {
      child.kill("SIGKILL");
    } catch {
      // Ended before.
    }
    await child.status;
    await words;
  });
  child.status.then(async ({ code }) => {
    throw new Error(`Chromium ended with ${code}: ${(await words).slice(-2_000)}`);
  }).catch(said.reject);
  said.promise.catch(() => {});
  const owned = stack.move();
  return { said: said.promise, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Returns the document that the browser shows of an address, as a script of the page would read it. */
export async function documentAt(
  path: string,
  url: string,
  names: readonly string[] = [],
): Promise<string> {
  const profile = await Deno.makeTempDir({ prefix: "llmgate-chromium-" });
  try {
    const { stdout } = await new Deno.Command(path, {
      args: [...argumentsOf(profile, names), "--dump-dom", url],
      stdin: "null",
      stderr: "null",
    }).output();
    return new TextDecoder().decode(stdout);
  } finally {
    await Deno.remove(profile, { recursive: true }).catch(() => {});
  }
}

function argumentsOf(profile: string, names: readonly string[]): string[] {
  return [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    `--user-data-dir=${profile}`,
    `--host-resolver-rules=${names.map((name) => `MAP ${name} 127.0.0.1`).join(",")}`,
  ];
}
