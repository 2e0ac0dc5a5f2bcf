/** The console: its page, and its data API. */
import script from "./page/console.js.txt" with { type: "text" };
import frame from "./page/console.css" with { type: "text" };
import pages from "./page/pages.css" with { type: "text" };
import html from "./page/console.html" with { type: "text" };
import tokens from "../view/tokens.css" with { type: "text" };
import { answerApi } from "./api.ts";
import { CheckRuns } from "./check_runs.ts";
import { Faults } from "./faults.ts";
import { ConsoleFeed } from "./feed.ts";
import { HEADERS } from "./headers.ts";
import type { ConsoleOptions } from "./options.ts";
import type { ApiParts } from "./routes.ts";
import { RulesBench } from "./rules_bench.ts";

/** A console: answers requests of the control listener. */
export interface Console extends AsyncDisposable {
  /** Answers a request, or returns undefined when the path is none of the console's. */
  handle(request: Request): Promise<Response> | undefined;
}

const FILES: Readonly<Record<string, readonly [text: string, type: string]>> = {
  "/": [html, "text/html"],
  "/console.js": [script, "text/javascript"],
  "/console.css": [`${tokens}${pages}${frame}`, "text/css"],
};

/** Returns the console of a gateway. */
export function createConsole(options: ConsoleOptions): Console {
  const parts: ApiParts = {
    options,
    feed: new ConsoleFeed(options),
    faults: new Faults(options),
    rules: new RulesBench(options),
    checks: new CheckRuns(options.startCheck),
  };
  return {
    handle(request) {
      const { pathname } = new URL(request.url);
      if (pathname.startsWith("/api/v1/")) return answerApi(parts, request);
      const file = Object.hasOwn(FILES, pathname) ? FILES[pathname] : undefined;
      if (file === undefined || request.method !== "GET" && request.method !== "HEAD") {
        return undefined;
      }
      const headers = { ...HEADERS, "content-type": `${file[1]}; charset=utf-8` };
      return Promise.resolve(new Response(file[0], { headers }));
    },
    async [Symbol.asyncDispose]() {
      parts.feed[Symbol.dispose]();
      await parts.faults[Symbol.asyncDispose]();
      await parts.checks[Symbol.asyncDispose]();
    },
  };
}
