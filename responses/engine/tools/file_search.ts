/** `file_search`: the model looks into vector stores (API reference, "File search"). */
import type { FileSearchTool } from "../../api/tools.ts";
import type { Tenant } from "../../api/tenant.ts";
import { searchTool } from "./search_tool.ts";
import type { ServerTool } from "./tool.ts";

/** One piece of a file that was found. */
export interface FileHit {
  readonly fileId: string;
  readonly filename: string;
  /** 0 to 1, higher is better. */
  readonly score: number;
  readonly attributes: Readonly<Record<string, unknown>> | null;
  readonly text: string;
}

/** Searches vector stores. An id that does not exist finds nothing. */
export interface FileSearch {
  search(
    tenant: Tenant,
    query: {
      readonly vectorStoreIds: readonly string[];
      readonly query: readonly string[];
      readonly filters?: unknown;
      readonly maxResults: number;
      readonly rankingOptions?: unknown;
    },
    signal?: AbortSignal,
  ): Promise<readonly FileHit[]>;
}

/** Results when the tool says nothing (API reference, "max_num_results" allows 1 to 50). */
const MAX_RESULTS = 10;

/** Returns the tool; `withResults` leaves what was found in the output item. */
export function fileSearchTool(
  search: FileSearch,
  tool: FileSearchTool,
  { tenant, withResults }: { readonly tenant: Tenant; readonly withResults: boolean },
): ServerTool {
  return searchTool({
    kind: "file_search",
    prefix: "fs",
    description: "Search the files at hand for passages that help to answer.",
    opened: (query) => ({ queries: [query], results: null }),
    async search(query, signal) {
      const hits = await search.search(tenant, {
        vectorStoreIds: tool.vector_store_ids,
        query: [query],
        maxResults: tool.max_num_results ?? MAX_RESULTS,
        ...(tool.filters === undefined || tool.filters === null ? {} : { filters: tool.filters }),
        ...(tool.ranking_options ? { rankingOptions: tool.ranking_options } : {}),
      }, signal);
      const results = hits.map(({ fileId, filename, score, attributes, text }) => ({
        file_id: fileId,
        filename,
        score,
        attributes,
        text,
      }));
      return {
        fields: { results: withResults ? results : null },
        sources: hits.map(({ fileId, filename, text }) => ({
          title: filename,
          text,
          annotation: { type: "file_citation", file_id: fileId, filename },
        })),
      };
    },
  });
}
