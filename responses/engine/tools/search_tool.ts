/** The common part of file search and web search: a query, an item with three states, numbered sources. */
import { newId } from "../../api/id.ts";
import { messageOf } from "../../../service/mod.ts";
import { type Annotation } from "../writer.ts";
import { queryOf, type ServerCall, type ServerTool, type ToolOutcome } from "./tool.ts";

/** One thing that was found. */
export interface Source {
  readonly title: string;
  readonly text: string;
  readonly annotation: Annotation;
}

/** Result of a search. */
export interface Found {
  readonly sources: readonly Source[];
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Properties in which the searches differ. */
export interface SearchKind {
  readonly kind: "file_search" | "web_search";
  readonly prefix: "fs" | "ws";
  readonly description: string;
  /** Fields of the item when it begins. */
  opened(query: string): Readonly<Record<string, unknown>>;
  search(query: string, signal: AbortSignal): Promise<Found>;
}

/** Returns a search as a tool of the loop. */
export function searchTool(kind: SearchKind): ServerTool {
  const name = kind.kind;
  return {
    kind: name,
    definition: {
      type: "function",
      function: {
        name,
        description: kind.description,
        parameters: {
          type: "object",
          properties: { query: { type: "string", description: "What to look for" } },
          required: ["query"],
          additionalProperties: false,
        },
      },
    },
    begin(writer, call) {
      const item = {
        id: newId(kind.prefix),
        type: `${name}_call`,
        status: "in_progress",
        ...kind.opened(queryOf(call)),
      };
      const output_index = writer.add(item);
      const place = { output_index, item_id: item.id };
      writer.emit(`response.${name}_call.in_progress`, place);
      writer.emit(`response.${name}_call.searching`, place);
      return output_index;
    },
    run: (call, signal) => found(kind, call, signal),
    end(writer, output_index, outcome) {
      const item_id = writer.output[output_index]?.id;
      writer.emit(`response.${name}_call.completed`, { output_index, item_id });
      const status = outcome.failed === undefined ? "completed" : "failed";
      writer.done(output_index, { status, ...outcome.fields });
    },
  };
}

async function found(
  kind: SearchKind,
  call: ServerCall,
  signal: AbortSignal,
): Promise<ToolOutcome> {
  try {
    const { sources, fields } = await kind.search(queryOf(call), signal);
    const text = sources.length === 0
      ? "Nothing was found."
      : sources.map(({ title, text }, i) => `【${i + 1}】 ${title}\n${text}`).join("\n\n") +
        "\n\nName the sources that you use by their numbers, as 【1】.";
    return { text, fields, sources: sources.map(({ annotation }) => annotation) };
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    const failed = messageOf(error);
    return { text: `The search failed: ${failed}`, failed, fields: {} };
  }
}

/** Number of a source in a text: 【3】, or 【3†source】 as some models have learnt it. */
const MARK = /【(\d+)(?:†[^】]*)?】/g;

/**
 * Returns the annotations of a text: one for each mark, where it stands. A text without any marks
 * names each source once, at its end: a model that does not cite has still read them.
 */
export function citations(text: string, sources: readonly Annotation[]): Annotation[] {
  if (sources.length === 0) return [];
  const marked = [...text.matchAll(MARK)].flatMap((mark) => {
    const source = sources[Number(mark[1]) - 1];
    return source === undefined ? [] : [at(source, mark.index, mark.index + mark[0].length)];
  });
  if (marked.length > 0) return marked;
  const known = new Set<string>();
  return sources.flatMap((source) => {
    const name = String(source["file_id"] ?? source["url"]);
    if (known.has(name)) return [];
    known.add(name);
    return [at(source, text.length, text.length)];
  });
}

function at(source: Annotation, start: number, end: number): Annotation {
  return source.type === "url_citation"
    ? { ...source, start_index: start, end_index: end }
    : { ...source, index: start };
}
