/** Providers of `web_search`: a search engine of one's own, or a service with a key. */
import { boundedText, deadlineSignal } from "../../../service/mod.ts";
import type { WebHit, WebSearch } from "./web_search.ts";

/** How many pages the model is shown, by `search_context_size`. */
const PAGES: Readonly<Record<string, number>> = { low: 3, medium: 6, high: 10 };

function pagesOf(contextSize = "medium"): number {
  return PAGES[contextSize] ?? PAGES["medium"] ?? 6;
}

/** Returns a provider that asks a SearXNG server (its JSON format must be switched on). */
export function searxng(url: string): WebSearch {
  const base = url.replace(/\/+$/, "");
  return {
    async search(query, { contextSize }, signal) {
      const words = new URLSearchParams({ q: query, format: "json" });
      const { results } = await jsonAt(`${base}/search?${words}`, { signal }) as {
        results?: { url: string; title?: string; content?: string }[];
      };
      return (results ?? []).slice(0, pagesOf(contextSize)).map(({ url, title, content }) =>
        hitOf(url, title, content)
      );
    },
  };
}

/** Where Brave answers, and what it takes of a query (Brave Search API, "Web search"). */
export const BRAVE_ENDPOINT = "https://api.search.brave.com/res/v1/web/search";
const BRAVE_MAX_WORDS = 50;
const BRAVE_MAX_CHARACTERS = 400;

/** Returns a provider that asks Brave's Web Search API. */
export function brave({ key, endpoint }: { key: string; endpoint: string }): WebSearch {
  return {
    async search(query, { contextSize, userLocation }, signal) {
      const words = new URLSearchParams({
        q: query.split(/\s+/).slice(0, BRAVE_MAX_WORDS).join(" ").slice(0, BRAVE_MAX_CHARACTERS),
        count: String(pagesOf(contextSize)),
        text_decorations: "false",
      });
      const headers = { "x-subscription-token": key, ...placeOf(userLocation) };
      const { web } = await jsonAt(`${endpoint}?${words}`, { signal, headers }) as {
        web?: { results?: { url: string; title?: string; description?: string }[] };
      };
      return (web?.results ?? []).slice(0, pagesOf(contextSize)).map((
        { url, title, description },
      ) => hitOf(url, title, description));
    },
  };
}

/** The caller's place in Brave's words; what would be no header value is left out. */
function placeOf(location: unknown): Record<string, string> {
  const { country, timezone } = (location ?? {}) as { country?: unknown; timezone?: unknown };
  return {
    ...(typeof country === "string" && /^[a-z]{2}$/i.test(country) && {
      "x-loc-country": country.toUpperCase(),
    }),
    ...(typeof timezone === "string" && /^[\w+/-]{1,64}$/.test(timezone) && {
      "x-loc-timezone": timezone,
    }),
  };
}

function hitOf(url: string, title = url, text = ""): WebHit {
  return { url, title, text };
}

/** Longest answer taken, bytes, and how long it may take, milliseconds. */
const MAX_BYTES = 4 * 1024 * 1024;
const ANSWER_MS = 15_000;

/** The address is the operator's, so that it may be anywhere, and behind a proxy; it is called and no other. */
async function jsonAt(
  url: string,
  { signal, headers = {} }: { signal: AbortSignal; headers?: Record<string, string> },
): Promise<unknown> {
  const response = await fetch(url, {
    headers,
    redirect: "manual",
    signal: deadlineSignal(ANSWER_MS, signal),
  });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`the search engine answered ${response.status}`);
  }
  return JSON.parse(await boundedText(response, MAX_BYTES));
}
