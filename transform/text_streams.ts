/** Filters the texts of a stream of events, each text through a filter of its own. */
import {
  type AnswerHandler,
  type JsonObject,
  type StreamedEvent,
  withData,
  withJson,
} from "./exchange.ts";
import type { StreamFilter } from "./detect/redactor.ts";
import {
  type Change,
  type Delta,
  deltasOf,
  endsTexts,
  mapOthers,
  mapPlain,
  mapTexts,
  onlyText,
  withText,
} from "./texts.ts";

interface OpenText {
  readonly filter: StreamFilter;
  /** The event and the place of the last piece, as a form for the rest. */
  last: { readonly event: StreamedEvent; readonly delta: Delta };
}

/**
 * Returns the handling of events that puts each text through a filter. What a filter holds back comes in an event of its
 * own in front of the one that ends the text. An event in which nothing changes is left as it is.
 *
 * @param open makes the filter of one text, by its key of `Delta`
 * @param whole changes a text that an event holds whole
 */
export function filterTexts(
  open: (key: string) => StreamFilter,
  whole: Change,
): Required<Pick<AnswerHandler, "event" | "end">> {
  const texts = new Map<string, OpenText>();
  /** Events that were added: later ones of a numbered stream count on. */
  let added = 0;

  const rest = (isOver: (key: string) => boolean): StreamedEvent[] => {
    const events: StreamedEvent[] = [];
    for (const [key, { filter, last: { event, delta } }] of texts) {
      if (!isOver(key)) continue;
      texts.delete(key);
      const text = filter.end();
      if (text === "" || event.json === undefined) continue;
      events.push(withJson(event, onlyText(event.json, delta.path, text)));
    }
    return events;
  };

  return {
    event(event) {
      const { json } = event;
      if (json === undefined) return plain(event, whole, rest);
      const isOver = endsTexts(event);
      const deltas = deltasOf(json);
      const changed = deltas.length === 0
        ? mapTexts(json, whole)
        : pieces(event, { deltas, texts, open, isOver, whole });
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

/** An event that is no JSON object: the end of a stream, or a text that stands by itself. */
function plain(
  event: StreamedEvent,
  whole: Change,
  rest: (isOver: (key: string) => boolean) => StreamedEvent[],
): StreamedEvent[] | undefined {
  const isOver = endsTexts(event);
  if (isOver !== undefined) {
    const flushed = rest(isOver);
    return flushed.length === 0 ? undefined : [...flushed, event];
  }
  const data = mapPlain(event.data, whole);
  return data === event.data ? undefined : [withData(event, data)];
}

/** Puts the pieces of an event through their filters, and ends those that end with it; undefined when none changed. */
function pieces(
  event: StreamedEvent,
  { deltas, texts, open, isOver, whole }: {
    readonly deltas: readonly Delta[];
    readonly texts: Map<string, OpenText>;
    readonly open: (key: string) => StreamFilter;
    readonly isOver: ((key: string) => boolean) | undefined;
    readonly whole: Change;
  },
): JsonObject | undefined {
  if (event.json === undefined) return undefined;
  let json = mapOthers(event.json, deltas, whole) ?? event.json;
  for (const delta of deltas) {
    const { key, text: piece, path } = delta;
    const known = texts.get(key) ?? { filter: open(key), last: { event, delta } };
    known.last = { event, delta };
    texts.set(key, known);
    let text = known.filter.push(piece);
    if (isOver?.(key)) {
      text += known.filter.end();
      texts.delete(key);
    }
    if (text !== piece) json = withText(json, path, text);
  }
  // Tokens, one by one, say what was changed.
  json = tokenless(json);
  return json === event.json ? undefined : json;
}

/** A chunk without the tokens of its choices. */
function tokenless(json: JsonObject): JsonObject {
  if (!Array.isArray(json.choices)) {
    return json.logprobs === undefined || json.logprobs === null ||
        Array.isArray(json.logprobs) && json.logprobs.length === 0
      ? json
      : { ...json, logprobs: Array.isArray(json.logprobs) ? [] : null };
  }
  const choices = json.choices as JsonObject[];
  if (choices.every(({ logprobs }) => logprobs === undefined || logprobs === null)) return json;
  return { ...json, choices: choices.map((choice) => ({ ...choice, logprobs: null })) };
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
