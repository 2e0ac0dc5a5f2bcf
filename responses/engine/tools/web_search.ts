/**
 * `web_search`: the model looks into the web, through whatever provider the gateway was given. A further one is a
 * function in web_providers.ts that returns a {@linkcode WebSearch}, a section of the gateway's file that names it, and
 * its key, if it has one, in `secrets.ts`.
 */
import type { WebSearchTool } from "../../api/tools.ts";
import { searchTool } from "./search_tool.ts";
import type { ServerTool } from "./tool.ts";

/** One page that was found. */
export interface WebHit {
  readonly url: string;
  readonly title: string;
  readonly text: string;
}

/** A provider of web search. */
export interface WebSearch {
  /**
   * Returns pages, the best first. `contextSize` and `userLocation` are the tool's own words, passed on as hints. What
   * it throws is told to the model, so it holds no credential.
   */
  search(
    query: string,
    hints: { readonly contextSize?: string; readonly userLocation?: unknown },
    signal: AbortSignal,
  ): Promise<readonly WebHit[]>;
}

/** Returns the tool; `withSources` leaves the addresses in the output item, `withResults` what was found. */
export function webSearchTool(
  provider: WebSearch,
  tool: WebSearchTool,
  { withSources, withResults = false }: {
    readonly withSources: boolean;
    readonly withResults?: boolean;
  },
): ServerTool {
  return searchTool({
    kind: "web_search",
    prefix: "ws",
    description: "Search the web for what is not known otherwise.",
    opened: (query) => ({ action: { type: "search", query } }),
    async search(query, signal) {
      const hits = await provider.search(query, {
        ...(tool.search_context_size ? { contextSize: tool.search_context_size } : {}),
        ...(tool.user_location ? { userLocation: tool.user_location } : {}),
      }, signal);
      const sources = hits.map(({ url }) => ({ type: "url", url }));
      return {
        fields: {
          ...(withSources ? { action: { type: "search", query, sources } } : {}),
          ...(withResults ? { results: hits } : {}),
        },
        sources: hits.map(({ url, title, text }) => ({
          title: `${title} (${url})`,
          text,
          annotation: { type: "url_citation", url, title },
        })),
      };
    },
  });
}
