/** An engine on a store of its own, in front of a fake model. */
import { outbound } from "../../outbound/mod.ts";
import { mcpConnector } from "../mcp/session.ts";
import { join } from "node:path";
import type { ResponseEvent } from "../api/events.ts";
import type { ResponseObject } from "../api/objects.ts";
import { parseCreate } from "../api/request.ts";
import { connectBackend } from "../backend/backend.ts";
import { Engine, type EngineOptions, type Started } from "../engine/engine.ts";
import { openSqlite } from "../store/sqlite.ts";
import { openStore } from "../store/sql_store.ts";
import type { Store } from "../store/store.ts";
import { type FakeModel, startFakeModel } from "./fake_model.ts";

export interface TestEngine extends AsyncDisposable {
  readonly engine: Engine;
  readonly store: Store;
  readonly model: FakeModel;
  /** Lines of the log. */
  readonly logged: string[];
  /** Starts a response of a request's body; the model is "m" unless it says otherwise. */
  start(body: Record<string, unknown>, options?: AskOptions): Promise<Started>;
  /** Runs a response to its end. */
  ask(body: Record<string, unknown>, options?: AskOptions): Promise<ResponseObject>;
  /** Streams a response to its end. */
  stream(body: Record<string, unknown>, options?: AskOptions): Promise<ResponseEvent[]>;
}

export interface AskOptions {
  readonly tenant?: string;
  readonly signal?: AbortSignal;
}

export const TENANT = "acme";

/** Everything is on free ports and in a temporary folder. */
export async function startTestEngine(
  options: Partial<EngineOptions> & { firstEventTimeoutMs?: number } = {},
): Promise<TestEngine> {
  const { firstEventTimeoutMs = 60_000, ...given } = options;
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "llmgate-engine-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const model = stack.use(startFakeModel());
  const store = stack.use(await openStore(await openSqlite({ path: join(folder, "store.db") })));
  const backend = stack.use(connectBackend({ endpoint: model.endpoint, firstEventTimeoutMs }));
  const logged: string[] = [];
  const engine = stack.use(
    new Engine({
      store,
      backend,
      maxRounds: 10,
      log: (line) => logged.push(line),
      connectMcp: mcpConnector(outbound({ allow: ["127.0.0.1"] })),
      ...given,
    }),
  );
  const owned = stack.move();
  const start = (body: Record<string, unknown>, { tenant = TENANT, signal }: AskOptions = {}) =>
    engine.start(tenant, parseCreate({ model: "m", ...body }), {
      signal: signal ?? new AbortController().signal,
      header: () => undefined,
    });
  return {
    engine,
    store,
    model,
    logged,
    start,
    ask: async (body, asked) => await (await start(body, asked)).result(),
    async stream(body, asked) {
      const events: ResponseEvent[] = [];
      for await (const batch of (await start({ ...body, stream: true }, asked)).events) {
        events.push(...batch);
      }
      return events;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The types of events, runs of the same one as one. */
export function typesOf(events: readonly ResponseEvent[]): string[] {
  return events.map(({ type }) => type.replace(/^response\./, ""))
    .filter((type, i, all) => type !== all[i - 1]);
}
