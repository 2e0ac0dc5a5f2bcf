/** A model router that counts what runs: `least_outstanding_requests` is only as true as the count. */
import type { Case } from "../case.ts";
import type { CaseContext } from "../context.ts";
import type { UpstreamStep } from "../target.ts";
import { routed, routerOf, takersOf } from "./router.ts";
import { chunkText, DONE, jsonAnswer, STREAM_HEAD, streamOf } from "./shapes.ts";

const LEAST = "vLLM router: --routing-logic least_outstanding_requests";

/** Requests in a row that must all avoid the busy host: twice as many as there are hosts. */
const IN_A_ROW = 6;

/** Requests until that must have happened. A count that leaks evens out, and then never does. */
const AT_MOST = 60;

/** A stream that says one word and is then held. */
const HELD: UpstreamStep[] = [
  STREAM_HEAD,
  { write: chunkText("a") },
  { barrier: "held" },
  { write: DONE },
  { end: true },
];

/** One request that is over when the promise resolves, however it ended. */
type Ending = (part: CaseContext) => Promise<void>;

/**
 * Holds a stream on one host, and lets requests end beside it, one after the other. The held host
 * is the only busy one, so that none of them may go there. A router hears of an end a little after
 * the client, so what counts is that it comes to be so and stays so; were an end not counted, each
 * request would add to its host until the busy one is among the least again, time after time.
 */
async function avoidsTheBusy(t: CaseContext, ending: Ending): Promise<void> {
  const { chat, backends } = routerOf(t);
  if (backends.length < 2) t.notMeasured("One backend leaves no choice");
  const held = t.fork("held");
  held.upstream.script(...HELD);
  const stream = await held.send(
    held.chat({ path: chat.path, stream: true, body: { model: chat.model } }),
  );
  await stream.event(0);
  const [busy] = takersOf(held);
  let row = 0;
  let sent = 0;
  for (; sent < AT_MOST && row < IN_A_ROW; sent++) {
    const part = t.fork(sent);
    await ending(part);
    row = takersOf(part).some(({ endpoint }) => endpoint === busy?.endpoint) ? 0 : row + 1;
  }
  t.that(
    "requests in a row that avoid the busy host",
    row >= IN_A_ROW,
    `${IN_A_ROW} within ${AT_MOST}`,
    `${row} at the end of ${sent}`,
  );
  held.upstream.release("held");
  t.equal("the held stream", "complete", (await stream.ended()).kind);
}

function ask(part: CaseContext, stream: boolean) {
  const { chat } = routerOf(part);
  return part.send(part.chat({ path: chat.path, stream, body: { model: chat.model } }));
}

const ENDINGS: readonly { id: string; requirement: string; ending: Ending }[] = [
  {
    id: "router.outstanding-answer",
    requirement: "A request is no longer outstanding after its JSON answer",
    async ending(part) {
      part.upstream.script(...jsonAnswer("{}"));
      await (await ask(part, false)).done();
    },
  },
  {
    id: "router.outstanding-stream",
    requirement: "A stream is outstanding to its last byte, and no longer",
    async ending(part) {
      part.upstream.script(...streamOf(chunkText("a"), DONE));
      await (await ask(part, true)).done();
    },
  },
  {
    id: "router.outstanding-cancel",
    requirement: "A request whose client has left is no longer outstanding",
    async ending(part) {
      part.upstream.script(...HELD);
      const exchange = await ask(part, true);
      await exchange.event(0);
      exchange.abort();
      await part.upstream.request("the client's leave", ({ end }) => end !== undefined);
    },
  },
  {
    id: "router.outstanding-broken",
    requirement: "A request whose host breaks the stream is no longer outstanding",
    async ending(part) {
      part.upstream.script(STREAM_HEAD, { write: chunkText("a") }, { abort: "rst" });
      // Not the client's end: Envoy closes its connection a second later (delayed_close_timeout).
      await (await ask(part, true)).event(0);
      await part.upstream.request("the host's break", ({ end }) => end !== undefined);
    },
  },
  {
    id: "router.outstanding-refused",
    requirement: "A request that the router refuses is outstanding nowhere",
    async ending(part) {
      const { path } = routerOf(part).chat;
      await part.ask({ path, body: { model: "nobody-serves-this" } });
      part.upstream.script(...jsonAnswer("{}"));
      await (await ask(part, false)).done();
    },
  },
];

export const ROUTER_LOAD_CASES: readonly Case[] = ENDINGS.map(({ id, requirement, ending }) =>
  routed({
    id,
    level: "must",
    feature: "router_least_outstanding",
    requirement: `${requirement}: the busy host gets none beside it`,
    source: LEAST,
    // The only load there is: whatever ran beside it would be counted, too.
    exclusive: true,
    run: (t) => avoidsTheBusy(t, ending),
  })
);
