/** `web_search`: the model looks into the web, through whatever provider the gateway was given. */
import type { WebSearchTool } from "../../api/request.ts";
import { searchTool } from "./search_tool.ts";
import type { ServerTool } from "./tool.ts";

/** One page that was found. */
export interface WebHit {
  readonly url: string;
  readonly title: string;
  readonly text: string;
}

/** What looks into the web. */
export interface WebSearch {
  /** `contextSize` and `userLocation` are the tool's own words, passed on as hints. */
  search(
    query: string,
    hints: { readonly contextSize?: string; readonly userLocation?: unknown },
    signal: AbortSignal,
  ): Promise<readonly WebHit[]>;
}

/** Returns the tool; `withSources` leaves the addresses in the output item. */
export function webSearchTool(
  provider: WebSearch,
  tool: WebSearchTool,
  { withSources }: { readonly withSources: boolean },
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
        fields: withSources ? { action: { type: "search", query, sources } } : {},
        sources: hits.map(({ url, title, text }) => ({
          title: `${title} (${url})`,
          text,
          annotation: { type: "url_citation", url, title },
        })),
      };
    },
  });
}

/** How many pages the model is shown, by `search_context_size`. */
const PAGES: Readonly<Record<string, number>> = { low: 3, medium: 6, high: 10 };

/** Returns a provider that asks a SearXNG server (its JSON format must be switched on). */
export function searxng(url: string): WebSearch {
  const base = url.replace(/\/+$/, "");
  return {
    async search(query, { contextSize }, signal) {
      const words = new URLSearchParams({ q: query, format: "json" });
      const response = await fetch(`${base}/search?${words}`, { signal });
      if (!response.ok) {
        await response.body?.cancel();
        throw new Error(`the search engine answered ${response.status}`);
      }
      const { results } = await response.json() as {
        results?: { url: string; title?: string; content?: string }[];
      };
      return (results ?? []).slice(0, PAGES[contextSize ?? "medium"] ?? PAGES["medium"])
        .map(({ url, title, content }) => ({ url, title: title ?? url, text: content ?? "" }));
    },
  };
}
