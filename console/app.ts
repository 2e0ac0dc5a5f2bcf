/** The console's page and its data API, `/api/v1`. */
import { Hono } from "hono";
import type { Policy } from "../policy/mod.ts";
import { messageOf } from "../service/mod.ts";
import script from "./page/console.js.txt" with { type: "text" };
import style from "./page/console.css" with { type: "text" };
import html from "./page/console.html" with { type: "text" };
import { ConsoleFeed, type Watched } from "./feed.ts";

/** Facts of the running gateway that the page names. */
export interface ConsoleFacts {
  readonly profile: string;
  readonly ingress: string;
  readonly services: Readonly<Record<string, unknown>>;
  readonly envoy: {
    readonly version: string;
    readonly config: string;
    readonly config_sha256: string;
  };
}

/** Options of `createConsole`. */
export interface ConsoleOptions extends Watched {
  facts(): ConsoleFacts;
}

/** A console: answers requests of the control listener. */
export interface Console extends Disposable {
  /** Answers a request, or returns undefined when the path is none of the console's. */
  handle(request: Request): Promise<Response> | undefined;
}

/** Everything is the listener's own, nothing is inline, and nobody may frame it (CSP level 3). */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

const HEADERS = {
  "content-security-policy": POLICY,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-store",
};

/** A fault that somebody forgot ends by itself, milliseconds. */
const FAULT_MS = 5 * 60_000;

const PATHS = /^\/(?:$|console\.(?:js|css)$|api\/v1\/)/;

/** Returns the console of a gateway. */
export function createConsole(options: ConsoleOptions): Console {
  const feed = new ConsoleFeed(options);
  const faults = new PolicyFault(options.policy);
  const app = consoleApp(options, { feed, faults });
  return {
    handle: (request) =>
      PATHS.test(new URL(request.url).pathname) ? Promise.resolve(app.fetch(request)) : undefined,
    [Symbol.dispose]: () => {
      feed[Symbol.dispose]();
      faults[Symbol.dispose]();
    },
  };
}

function consoleApp(
  { facts }: ConsoleOptions,
  { feed, faults }: { feed: ConsoleFeed; faults: PolicyFault },
): Hono {
  const app = new Hono();
  const file = (path: string, text: string, type: string) =>
    app.get(
      path,
      () =>
        new Response(text, { headers: { ...HEADERS, "content-type": `${type}; charset=utf-8` } }),
    );
  file("/", html, "text/html");
  file("/console.js", script, "text/javascript");
  file("/console.css", style, "text/css");
  app.get(
    "/api/v1/state",
    (context) => context.json({ ...facts(), faults: { policy: faults.isOn } }, 200, HEADERS),
  );
  app.get("/api/v1/requests", (context) => {
    const { cursor, requests, dropped } = feed.since(Number(context.req.query("after") ?? 0) || 0);
    const limit = Math.min(Number(context.req.query("limit") ?? 500) || 500, 2_000);
    return context.json({ cursor, dropped, requests: requests.slice(-limit) }, 200, HEADERS);
  });
  app.get("/api/v1/requests/:id", (context) => {
    const found = feed.one(context.req.param("id"));
    return found === undefined
      ? problem(404, "not_found", "No request of this id is known any more")
      : context.json(found, 200, HEADERS);
  });
  app.get("/api/v1/events", (context) => {
    const after = context.req.query("after") ?? context.req.header("last-event-id") ?? "0";
    return events(feed, Number(after) || 0);
  });
  app.put("/api/v1/faults/policy", async (context) => {
    await faults.on();
    return context.json({ policy: true }, 200, HEADERS);
  });
  app.delete("/api/v1/faults/policy", async (context) => {
    await faults.off();
    return context.json({ policy: false }, 200, HEADERS);
  });
  app.post("/api/v1/playground", async (context) => await play(facts().ingress, context.req.raw));
  app.notFound(() => problem(404, "not_found", "Unknown path: docs/console.md lists the API"));
  return app;
}

/** The changes as an event stream; its ids are cursors. A reader that is slow gets fewer, larger batches. */
function events(feed: ConsoleFeed, after: number): Response {
  let cursor = after;
  let dropped = -1;
  let subscription: Disposable | undefined;
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      const send = () => {
        // Nobody waits for a page: what it does not take now is in a later batch.
        if ((controller.desiredSize ?? 0) <= 0) return;
        const batch = feed.since(cursor);
        if (dropped >= 0 && batch.dropped > dropped) {
          controller.enqueue(
            encoder.encode(`event: dropped\ndata: ${batch.dropped - dropped}\n\n`),
          );
        }
        dropped = batch.dropped;
        if (batch.requests.length === 0) return;
        cursor = batch.cursor;
        const data = JSON.stringify(batch.requests);
        controller.enqueue(encoder.encode(`id: ${cursor}\nevent: requests\ndata: ${data}\n\n`));
      };
      controller.enqueue(encoder.encode("retry: 500\n: open\n\n"));
      send();
      subscription = feed.onChange(send);
    },
    cancel: () => subscription?.[Symbol.dispose](),
  }, { highWaterMark: 4 });
  return new Response(body, { headers: { ...HEADERS, "content-type": "text/event-stream" } });
}

/** Absence of the policy stub for a while. */
class PolicyFault implements Disposable {
  readonly #policy: Policy | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(policy: Policy | undefined) {
    this.#policy = policy;
  }

  get isOn(): boolean {
    return this.#timer !== undefined;
  }

  async on(): Promise<void> {
    if (this.#policy === undefined || this.isOn) return;
    this.#timer = setTimeout(() => void this.off(), FAULT_MS);
    await this.#policy.close();
  }

  async off(): Promise<void> {
    clearTimeout(this.#timer);
    if (!this.isOn) return;
    this.#timer = undefined;
    await this.#policy?.reopen();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}

/** Sends a chat request through the gateway, so that key, policy and streaming are real. */
async function play(ingress: string, request: Request): Promise<Response> {
  try {
    const { path, key, body } = await request.json();
    if (typeof path !== "string" || !path.startsWith("/v1/")) {
      return problem(400, "invalid_path", "Expected a path below /v1/");
    }
    const answer = await fetch(`${ingress}${path}`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(typeof key === "string" && key !== "" && { "x-api-key": key }),
      },
      body: JSON.stringify(body),
      signal: request.signal,
    });
    const type = answer.headers.get("content-type") ?? "application/json";
    return new Response(answer.body, {
      status: answer.status,
      headers: { ...HEADERS, "content-type": type },
    });
  } catch (error) {
    return problem(502, "unreachable", messageOf(error));
  }
}

function problem(status: number, code: string, message: string): Response {
  const error = { message, type: "invalid_request_error", param: null, code };
  return new Response(JSON.stringify({ error }), {
    status,
    headers: { ...HEADERS, "content-type": "application/json" },
  });
}
