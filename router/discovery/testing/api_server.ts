/** A small Kubernetes API server for tests: one collection, with lists, watches and their failures. */
import { Journal } from "../../../service/mod.ts";
import type { EndpointSlice } from "../k8s/endpoint_slices.ts";

/** One request as the server saw it. */
export interface ApiRequest {
  readonly kind: "list" | "watch";
  readonly path: string;
  readonly query: URLSearchParams;
  readonly authorization: string | null;
}

/** Options of {@linkcode startApiServer}. */
export interface ApiServerOptions {
  /** Most objects in a page, whatever is asked for. */
  readonly pageSize?: number;
  readonly tls?: { readonly cert: string; readonly key: string };
}

interface LoggedEvent {
  readonly version: number;
  readonly type: string;
  readonly object: EndpointSlice;
}

type Watcher = ReadableStreamDefaultController<Uint8Array>;

const encoder = new TextEncoder();

/** Starts a server that holds no object yet. */
export function startApiServer(options: ApiServerOptions = {}): ApiServer {
  return new ApiServer(options);
}

/** Speaks the watch protocol of the Kubernetes API concepts, "Efficient detection of changes". */
export class ApiServer implements AsyncDisposable {
  readonly url: string;
  readonly requests = new Journal<ApiRequest>({ limit: 1_000 });
  readonly #objects = new Map<string, EndpointSlice>();
  readonly #watchers = new Set<Watcher>();
  readonly #pageSize: number;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  #events: LoggedEvent[] = [];
  #version = 100;
  #oldest = 0;
  /** Answers to the next requests, in place of what they ask for. */
  readonly #refusals: { code: number; headers?: Record<string, string>; inEvent?: boolean }[] = [];

  constructor({ pageSize = Infinity, tls }: ApiServerOptions) {
    this.#pageSize = pageSize;
    const place = { hostname: "127.0.0.1", port: 0, onListen() {} };
    this.#server = Deno.serve({ ...place, ...tls }, (request) => this.#answer(request));
    const { port } = this.#server.addr;
    this.url = tls === undefined ? `http://127.0.0.1:${port}` : `https://localhost:${port}`;
  }

  /** Adds or changes an object, and tells the watchers. */
  put(slice: EndpointSlice): void {
    const type = this.#objects.has(slice.metadata.name) ? "MODIFIED" : "ADDED";
    const object = this.#stamped(slice);
    this.#objects.set(slice.metadata.name, object);
    this.#happened({ version: this.#version, type, object });
  }

  /** Removes an object, and tells the watchers. */
  remove(name: string): void {
    const slice = this.#objects.get(name);
    if (slice === undefined) throw new RangeError(`Cannot remove "${name}": it is not there`);
    this.#objects.delete(name);
    this.#happened({ version: this.#version + 1, type: "DELETED", object: this.#stamped(slice) });
  }

  /** Tells the watchers of a version that changes nothing for them. */
  bookmark(): string {
    const version = String(++this.#version);
    const object = { kind: "EndpointSlice", metadata: { resourceVersion: version } };
    for (const watcher of this.#watchers) send(watcher, { type: "BOOKMARK", object });
    return version;
  }

  /** Forgets every event so far: a watch from before is gone. */
  compact(): void {
    this.#events = [];
    this.#oldest = this.#version;
  }

  /** Ends every watch, as the API does when its time is over. */
  endWatches(): void {
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers.clear();
  }

  /** Breaks the connection of every watch. */
  breakWatches(): void {
    for (const watcher of this.#watchers) watcher.error(new Error("broken"));
    this.#watchers.clear();
  }

  /** Refuses the next request; `inEvent` starts a watch with the refusal as an ERROR event. */
  refuseNext(code: number, more: { headers?: Record<string, string>; inEvent?: boolean } = {}) {
    this.#refusals.push({ code, ...more });
  }

  /** Resolves with the `count`th request of a kind. */
  async asked(kind: ApiRequest["kind"], count: number): Promise<ApiRequest> {
    const all = () => this.requests.entries().filter((request) => request.kind === kind);
    await this.requests.waitFor(() => all().length >= count, {
      what: `The ${kind} number ${count}`,
    });
    return all()[count - 1] as ApiRequest;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.endWatches();
    await this.#server.shutdown();
  }

  #stamped(slice: EndpointSlice): EndpointSlice {
    const resourceVersion = String(++this.#version);
    return { ...slice, metadata: { ...slice.metadata, resourceVersion } };
  }

  #happened(event: LoggedEvent): void {
    this.#events.push({ ...event, version: this.#version });
    for (const watcher of this.#watchers) send(watcher, event);
  }

  #answer(request: Request): Response {
    const { pathname: path, searchParams: query } = new URL(request.url);
    const kind = query.get("watch") === "true" ? "watch" : "list";
    const authorization = request.headers.get("authorization");
    try {
      const refusal = this.#refusals.shift();
      if (refusal !== undefined && !refusal.inEvent) {
        return Response.json(status(refusal.code), {
          status: refusal.code,
          headers: refusal.headers ?? {},
        });
      }
      if (kind === "list") return this.#list(query);
      return this.#watch(Number(query.get("resourceVersion")), refusal?.code);
    } finally {
      this.requests.append({ kind, path, query, authorization });
    }
  }

  #list(query: URLSearchParams): Response {
    const from = Number(query.get("continue") ?? 0);
    const size = Math.min(this.#pageSize, Number(query.get("limit") ?? Infinity));
    const items = [...this.#objects.values()];
    const more = from + size < items.length ? { continue: String(from + size) } : {};
    return Response.json({
      kind: "EndpointSliceList",
      metadata: { resourceVersion: String(this.#version), ...more },
      items: items.slice(from, from + size),
    });
  }

  #watch(from: number, refusal: number | undefined): Response {
    const gone = from < this.#oldest ? 410 : refusal;
    let own: Watcher;
    const body = new ReadableStream<Uint8Array>({
      start: (watcher) => {
        own = watcher;
        if (gone !== undefined) {
          send(watcher, { type: "ERROR", object: status(gone) });
          watcher.close();
          return;
        }
        // The head goes out with the first bytes; an empty line is no event.
        watcher.enqueue(encoder.encode("\n"));
        for (const event of this.#events) if (event.version > from) send(watcher, event);
        this.#watchers.add(watcher);
      },
      cancel: () => void this.#watchers.delete(own),
    });
    return new Response(body, { headers: { "content-type": "application/json" } });
  }
}

function status(code: number) {
  const reasons: Record<number, string> = { 403: "endpointslices is forbidden", 410: "too old" };
  return { kind: "Status", status: "Failure", code, message: reasons[code] ?? "refused" };
}

function send(watcher: Watcher, { type, object }: { type: string; object: unknown }): void {
  // In two pieces, as a network may cut it.
  const bytes = encoder.encode(`${JSON.stringify({ type, object })}\n`);
  watcher.enqueue(bytes.slice(0, 7));
  watcher.enqueue(bytes.slice(7));
}

/** A slice of ready pods, all on one port. */
export function sliceOf(name: string, port: number, ...addresses: string[]): EndpointSlice {
  return {
    metadata: { name, namespace: "models" },
    addressType: "IPv4",
    endpoints: addresses.map((address) => ({
      addresses: [address],
      conditions: { ready: true },
      targetRef: { uid: `pod-${address}` },
    })),
    ports: [{ name: "http", port }],
  };
}
