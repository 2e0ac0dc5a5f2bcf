/** Figures of the stores of responses. */
import { defaultConfig, startResponses } from "../../responses/mod.ts";
import type { Effort } from "./gateway_rows.ts";
import { compare, type Row } from "./row.ts";

/** Writers that write at once, each one write after the other. */
const WRITERS = 64;

const TENANT = "default";

/** A turn, as a conversation gains it: two messages of a paragraph. */
const TURN = "A paragraph of text, as people and models write them. ".repeat(10);

/** Acknowledged writes of the SQLite store, each synced to disk: many at once share an fsync, one alone has its own. */
export async function storeRows({ runs, seconds }: Effort): Promise<Row[]> {
  await using stack = new AsyncDisposableStack();
  const dataDir = await Deno.makeTempDir({ prefix: "llmgate-bench-" });
  stack.defer(() => Deno.remove(dataDir, { recursive: true }));
  const config = defaultConfig();
  config.http.port = config.extproc.port = 0;
  const { store } = stack.use(await startResponses({ config, dataDir }));
  const conversation = {
    id: "conv_bench",
    object: "conversation",
    created_at: 0,
    metadata: null,
  } as const;
  await store.conversations.create(TENANT, conversation);
  let count = 0;

  const perSecond = async (writers: number) => {
    let written = 0;
    const started = performance.now();
    const until = started + seconds * 1_000;
    await Promise.all(Array.from({ length: writers }, async () => {
      for (; performance.now() < until; written++) {
        const turn = ["user", "assistant"].map((role) => ({
          id: `msg_${++count}`,
          type: "message",
          role,
          content: TURN,
        }));
        await store.conversations.append(TENANT, conversation.id, turn);
      }
    }));
    return written * 1_000 / (performance.now() - started);
  };
  return [
    await compare(
      { name: `store, SQLite: turns appended by ${WRITERS} at once`, unit: "1/s", runs },
      () => perSecond(WRITERS),
      { name: "by one alone", measure: () => perSecond(1) },
    ),
  ];
}
