/** The changes of the rows as an event stream. */
import type { ConsoleFeed } from "./feed.ts";
import { HEADERS } from "./headers.ts";

/** A comment in a stream that has nothing to say, so that a dead reader is found, milliseconds. */
const ALIVE_MS = 15_000;

/** Rows of a batch that is followed by a pause: under load, a row is then told once and not at each of its changes. */
const MANY_ROWS = 20;
/** That pause, milliseconds. */
const PAUSE_MS = 400;

/** Returns the changes as Server-Sent Events, from a cursor on. A reader that is slow gets fewer, larger batches. */
export function changesOf(feed: ConsoleFeed, after: string): Response {
  let cursor = after;
  let said = 0;
  let pausedUntil = 0;
  let subscription: Disposable | undefined;
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      const tell = (text: string) => {
        controller.enqueue(encoder.encode(text));
        said = performance.now();
      };
      const send = () => {
        // Nobody waits for a page: what it does not take now is in a later batch.
        if ((controller.desiredSize ?? 0) <= 0 || performance.now() < pausedUntil) return;
        const batch = feed.since(cursor);
        if (batch.reset) tell("event: reset\ndata: {}\n\n");
        if (batch.dropped > 0) tell(`event: dropped\ndata: ${batch.dropped}\n\n`);
        if (batch.requests.length > MANY_ROWS) pausedUntil = performance.now() + PAUSE_MS;
        if (batch.requests.length > 0) {
          const data = JSON.stringify(batch.requests);
          tell(`id: ${batch.cursor}\nevent: requests\ndata: ${data}\n\n`);
        } else if (performance.now() - said > ALIVE_MS) tell(": alive\n\n");
        cursor = batch.cursor;
      };
      tell("retry: 500\n: open\n\n");
      send();
      subscription = feed.onChange(send);
    },
    cancel: () => subscription?.[Symbol.dispose](),
  }, { highWaterMark: 4 });
  return new Response(body, { headers: { ...HEADERS, "content-type": "text/event-stream" } });
}
