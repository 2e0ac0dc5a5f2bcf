/** Filters the texts of a stream of events, each text through a filter of its own. */
import { type AnswerHandler, type JsonObject, type StreamedEvent, withJson } from "./exchange.ts";
import type { StreamFilter } from "./detect/redactor.ts";
import { type Delta, deltasOf, endsTexts, mapTexts } from "./texts.ts";

interface OpenText {
  readonly filter: StreamFilter;
  /** The event and the place of the last piece, as a form for the rest. */
  last: { readonly event: StreamedEvent; readonly delta: Delta };
}

/**
 * Returns the handling of events that puts each text through a filter. What a filter holds back comes in an event of its
 * own in front of the one that ends the text. An event in which nothing changes is left as it is.
 *
 * @param open makes the filter of one text
 * @param whole changes a text that an event holds whole
 */
export function filterTexts(
  open: () => StreamFilter,
  whole: (text: string) => string,
): Required<Pick<AnswerHandler, "event" | "end">> {
  const texts = new Map<string, OpenText>();
  /** Events that were added: later ones of a numbered stream count on. */
  let added = 0;

  const rest = (isOver: (key: string) => boolean): StreamedEvent[] => {
    const events: StreamedEvent[] = [];
    for (const [key, { filter, last }] of texts) {
      if (!isOver(key)) continue;
      texts.delete(key);
      const text = filter.end();
      if (text === "") continue;
      events.push(withJson(last.event, { ...bare(last.delta.with(text)) }));
    }
    return events;
  };

  return {
    event(event) {
      const { json } = event;
      const isOver = endsTexts(event);
      const changed = json === undefined
        ? undefined
        : deltasOf(json).length === 0
        ? mapTexts(json, whole)
        : pieces(event, texts, { open, isOver });
      const flushed = isOver === undefined ? [] : rest(isOver);
      const numbered = (one: StreamedEvent) => renumbered(one, added);
      if (flushed.length > 0) {
        const before = flushed.map((one, index) => renumberedTo(one, event, added + index));
        added += flushed.length;
        return [
          ...before,
          renumbered(changed === undefined ? event : withJson(event, changed), added),
        ];
      }
      if (changed === undefined) return added > 0 ? [numbered(event)] : undefined;
      return [numbered(withJson(event, changed))];
    },
    end: () => rest(() => true),
  };
}

/** Puts the pieces of an event through their filters, and ends those that end with it; undefined when none changed. */
function pieces(
  event: StreamedEvent,
  texts: Map<string, OpenText>,
  { open, isOver }: { open: () => StreamFilter; isOver: ((key: string) => boolean) | undefined },
): StreamedEvent["json"] {
  if (event.json === undefined) return undefined;
  let json: JsonObject = event.json;
  for (const { key } of deltasOf(json)) {
    const delta: Delta | undefined = deltasOf(json).find((one) => one.key === key);
    if (delta === undefined) continue;
    const known = texts.get(key) ?? { filter: open(), last: { event, delta } };
    known.last = { event, delta };
    texts.set(key, known);
    let text = known.filter.push(delta.text);
    if (isOver?.(key)) {
      text += known.filter.end();
      texts.delete(key);
    }
    if (text !== delta.text) json = delta.with(text);
  }
  return json === event.json ? undefined : json;
}

/** A form for the rest of a text: what was said once is not said again. */
function bare(json: NonNullable<StreamedEvent["json"]>): NonNullable<StreamedEvent["json"]> {
  const { usage: _, ...rest } = json;
  return rest;
}

function renumbered(event: StreamedEvent, by: number): StreamedEvent {
  const number = event.json?.sequence_number;
  if (by === 0 || typeof number !== "number" || event.json === undefined) return event;
  return withJson(event, { ...event.json, sequence_number: number + by });
}

/** Numbers an added event as the event that it stands in front of. */
function renumberedTo(event: StreamedEvent, before: StreamedEvent, by: number): StreamedEvent {
  const number = before.json?.sequence_number;
  if (typeof number !== "number" || event.json === undefined) return event;
  return withJson(event, { ...event.json, sequence_number: number + by });
}
