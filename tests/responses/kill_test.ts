/** kill -9 of the gateway while it writes: what it acknowledged is there, and what is there is consistent. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { startUpstream } from "../../upstream/mod.ts";
import { type Program, startProgram } from "../testing/program.ts";

const WRITES = 500;
const KILLS = 6;
const WRITERS = 8;
const SEED = 20_260_131;

/** Allowed states of an object: several after a write that was cut off, null for gone. */
interface Entry {
  readonly kind: Kind;
  readonly path: string;
  states: readonly unknown[];
}

/** One kind of object: how it is made, changed and seen. */
interface Kind {
  readonly create: (n: number) => { readonly path: string; readonly body: unknown };
  /** Its path and state, from the answer to its creation. */
  readonly made: (answer: Answer, n: number) => { readonly path: string; readonly state: unknown };
  /** A change, and the state after it; none for what is never changed. */
  readonly change?: (entry: Entry, n: number) => {
    readonly method: string;
    readonly path: string;
    readonly body: unknown;
    readonly state: unknown;
  };
  readonly read: (path: string, get: (path: string) => Promise<unknown>) => Promise<unknown>;
}

// deno-lint-ignore no-explicit-any -- bodies of every kind
type Answer = any;

function message(content: string) {
  return { type: "message", role: "user", content };
}

const KINDS: readonly Kind[] = [
  {
    create: (n) => ({ path: "/v1/conversations", body: { items: [message(`${n}`)] } }),
    made: ({ id }, n) => ({ path: `/v1/conversations/${id}`, state: [`${n}`] }),
    change: ({ path, states }, n) => {
      const added = [`${n}.1`, `${n}.2`, `${n}.3`];
      return {
        method: "POST",
        path: `${path}/items`,
        body: { items: added.map(message) },
        state: [...states.at(-1) as string[], ...added],
      };
    },
    read: async (path, get) => {
      const { data } = await get(`${path}/items?limit=100`) as Answer;
      return data.map(({ content }: Answer) => content);
    },
  },
  {
    create: (n) => ({ path: "/v1/prompts", body: { name: `${n}`, template: `{{a}} ${n}` } }),
    made: ({ id, name, version }) => ({ path: `/v1/prompts/${id}`, state: [name, version] }),
    change: ({ path, states }, n) => {
      const [, version] = states.at(-1) as [string, number];
      const body = { version, name: `${n}` };
      return { method: "PUT", path, body, state: [`${n}`, version + 1] };
    },
    read: async (path, get) => {
      const { name, version } = await get(path) as Answer;
      return [name, version];
    },
  },
  {
    create: (n) => ({ path: "/v1/connectors", body: connector(`c${n}`, n) }),
    made: ({ connector_id, url }) => ({ path: `/v1/connectors/${connector_id}`, state: url }),
    change: ({ path }, n) => {
      const body = connector(path.split("/").at(-1) ?? "", n);
      return { method: "POST", path: "/v1/connectors", body, state: body.url };
    },
    read: async (path, get) => (await get(path) as Answer).url,
  },
  {
    create: (n) => {
      const form = new FormData();
      form.append("file", new File([text(n)], `${n}.txt`));
      form.append("purpose", "assistants");
      return { path: "/v1/files", body: form };
    },
    made: ({ id }, n) => ({ path: `/v1/files/${id}`, state: text(n) }),
    read: async (path, get) => {
      await get(path);
      return await get(`${path}/content`);
    },
  },
  {
    create: (n) => ({ path: "/v1/responses", body: { model: "m", input: `Say ${n}` } }),
    made: ({ id, output }) => ({ path: `/v1/responses/${id}`, state: ["completed", output] }),
    read: async (path, get) => {
      const { status, output, conversation } = await get(path) as Answer;
      const items = await get(`/v1/conversations/${conversation.id}/items`) as Answer;
      assert.equal(items.data.length, 2, `the conversation of ${path}`);
      return [status, output];
    },
  },
];

function connector(id: string, n: number) {
  return { connector_id: id, connector_type: "mcp", url: `http://127.0.0.1:1/${n}` };
}

/** Some pages of text, so that a kill also falls into the writing of a file. */
function text(n: number): string {
  return `${n} `.repeat(20_000);
}

/** mulberry32: the same choices in every run. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** The gateway as a process that is started anew whenever it was killed. */
class Victim implements AsyncDisposable {
  readonly #words: readonly string[];
  #program: Program | undefined;
  #url: Promise<string> = Promise.resolve("");

  constructor(words: readonly string[]) {
    this.#words = words;
    this.#url = this.#start();
  }

  /** Resolves once it runs (again). */
  get url(): Promise<string> {
    return this.#url;
  }

  kill(): void {
    const killed = this.#program;
    killed?.kill("SIGKILL");
    this.#url = Promise.resolve(killed?.ended).then(() => this.#start());
  }

  async stop(): Promise<void> {
    this.#program?.kill("SIGTERM");
    const { code, stderr } = await this.#program?.ended ?? { code: 0, stderr: "" };
    assert.equal(code, 143, stderr);
  }

  async #start(): Promise<string> {
    await this.#program?.[Symbol.asyncDispose]();
    this.#program = startProgram(this.#words);
    return JSON.parse(await this.#program.line()).http;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#url.catch(() => {});
    await this.#program?.[Symbol.asyncDispose]();
  }
}

async function call(url: string, method: string, body?: unknown): Promise<unknown> {
  const payload = body instanceof FormData ? body : JSON.stringify(body);
  const response = await fetch(url, { method, ...(body === undefined ? {} : { body: payload }) });
  const answer = await response.text();
  assert.equal(response.status, 200, `${method} ${url}: ${answer}`);
  return response.headers.get("content-type")?.includes("json") ? JSON.parse(answer) : answer;
}

Deno.test(`kill -9 during ${WRITES} mixed writes loses nothing that was acknowledged`, async () => {
  const folder = await Deno.makeTempDir({ prefix: "llmgate-kill-" });
  try {
    await using upstream = await startUpstream({ pace: "none", models: ["m"] });
    const config = `${folder}/config.yaml`;
    await Deno.writeTextFile(
      config,
      `http: {port: 0}\nextproc: {port: 0}\nengine: {model_endpoint: "${upstream.url}/v1"}\n`,
    );
    await using victim = new Victim(
      ["responses", "--json", "--log-level", "warning", "--config", config, "--data-dir", folder],
    );
    const entries = await writeUnderKills(victim);
    await everythingIsThere(entries, await victim.url);
    await victim.stop();
    await storeIsConsistent(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** Returns every object that was acknowledged, with what it may look like. */
async function writeUnderKills(victim: Victim): Promise<Entry[]> {
  const random = randomOf(SEED);
  const killAt = new Set(
    Array.from({ length: KILLS }, (_, n) => 1 + Math.floor((n + random()) * WRITES / KILLS)),
  );
  const entries: Entry[] = [];
  const idle: Entry[] = [];
  let done = 0;
  let kills = 0;

  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const acknowledged = () => {
    if (!killAt.has(++done)) return;
    kills++;
    victim.kill();
  };

  async function create(n: number, url: string): Promise<void> {
    const kind = pick(KINDS);
    const { path, body } = kind.create(n);
    const answer = await call(`${url}${path}`, "POST", body);
    const { state, ...made } = kind.made(answer, n);
    const entry: Entry = { kind, ...made, states: [state] };
    entries.push(entry);
    idle.push(entry);
  }

  async function change(entry: Entry, n: number, url: string): Promise<void> {
    const deletes = entry.kind.change === undefined || random() < 0.3;
    const { method, path, body, state } = deletes
      ? { method: "DELETE", path: entry.path, body: undefined, state: null }
      : entry.kind.change(entry, n);
    const before = entry.states;
    entry.states = [...before, state];
    // Thrown on: then either state is right, and nobody touches it any more.
    await call(`${url}${path}`, method, body);
    entry.states = [state];
    if (state !== null) idle.push(entry);
  }

  let started = 0;
  await Promise.all(Array.from({ length: WRITERS }, async () => {
    while (done < WRITES) {
      const n = ++started;
      const url = await victim.url;
      try {
        if (idle.length > 10 && random() < 0.4) {
          const [entry] = idle.splice(Math.floor(random() * idle.length), 1);
          if (entry !== undefined) await change(entry, n, url);
        } else await create(n, url);
        acknowledged();
      } catch (error) {
        // The connection died with the process; an answer that is not 200 is no such thing.
        if (error instanceof assert.AssertionError) throw error;
      }
    }
  }));
  assert.equal(kills, killAt.size);
  return entries;
}

async function everythingIsThere(entries: readonly Entry[], url: string): Promise<void> {
  assert.ok(entries.length > WRITES / 3);
  for (const { kind, path, states } of entries) {
    const response = await fetch(`${url}${path}`);
    await response.body?.cancel();
    if (response.status === 404) {
      assert.ok(states.includes(null), `${path} is lost`);
      continue;
    }
    const found = await kind.read(path, (one) => call(`${url}${one}`, "GET"));
    const allowed = states.map((state) => JSON.stringify(state));
    assert.ok(allowed.includes(JSON.stringify(found)), `${path} is ${JSON.stringify(found)}`);
  }
}

/** Reads the file without the program: SQLite's own checks, and bytes against rows. */
async function storeIsConsistent(folder: string): Promise<void> {
  const database = new DatabaseSync(`${folder}/store.sqlite`, { readOnly: true });
  try {
    const all = (sql: string) => database.prepare(sql).all() as Record<string, Answer>[];
    assert.deepEqual(all("PRAGMA integrity_check").map((row) => row["integrity_check"]), ["ok"]);
    assert.deepEqual(all("PRAGMA foreign_key_check"), []);
    const running = all("SELECT id FROM responses WHERE status IN ('queued', 'in_progress')");
    assert.deepEqual(running, [], "responses that nobody works on");
    const named = new Set(all("SELECT blob FROM files").map(({ blob }) => blob));
    const garbage = new Set(all("SELECT blob FROM garbage").map(({ blob }) => blob));
    const onDisk = new Set<string>();
    for await (const sub of Deno.readDir(`${folder}/files`)) {
      for await (const { name } of Deno.readDir(`${folder}/files/${sub.name}`)) onDisk.add(name);
    }
    assert.deepEqual([...named].filter((blob) => !onDisk.has(blob)), [], "files without bytes");
    const lost = [...onDisk].map((name) => name.replace(/\.partial$/, ""))
      .filter((blob) => !named.has(blob) && !garbage.has(blob));
    assert.deepEqual(lost, [], "bytes that nothing names");
  } finally {
    database.close();
  }
}
