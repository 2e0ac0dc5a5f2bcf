/** The engine: from a checked request to a running response, the same for both fronts. */
import { type Log, messageOf, now, silent, withDeadline } from "../../service/mod.ts";
import { ApiError, invalidRequest, notFound } from "../api/errors.ts";
import type { ResponseEvent } from "../api/events.ts";
import { newId } from "../api/id.ts";
import type { ResponseObject } from "../api/objects.ts";
import type { CreateRequest } from "../api/request.ts";
import { type FileSearchTool, kindOfTool, type McpTool, type WebSearchTool } from "../api/tools.ts";
import type { Tenant } from "../api/tenant.ts";
import type { Backend } from "../backend/backend.ts";
import { BackendError } from "../backend/errors.ts";
import { type ConnectMcp, mcpConnector } from "../mcp/session.ts";
import type { Store } from "../store/store.ts";
import type { Recall } from "./history.ts";
import { EventLog, type Live, LiveResponses } from "./live.ts";
import { type ModelInputOptions, ModelInputs } from "./model_input.ts";
import { newResponse } from "./parameters.ts";
import { KEEP_NOTHING, persistence } from "./persistence.ts";
import { Cancelled, run, type RunPlan } from "./run.ts";
import { type Compaction, compaction, inputTokens } from "./side_requests.ts";
import { Toolbox } from "./toolbox.ts";
import { type FileSearch, fileSearchTool } from "./tools/file_search.ts";
import { approvedCalls, mcpPrelude, type McpServer, mcpServers } from "./tools/mcp.ts";
import { type WebSearch, webSearchTool } from "./tools/web_search.ts";

/** Options of the engine. */
export interface EngineOptions extends ModelInputOptions {
  readonly store: Store;
  readonly backend: Backend;
  /** Without it, `file_search` finds nothing. */
  readonly fileSearch?: FileSearch;
  /** Without it, `web_search` is not offered to the model. */
  readonly webSearch?: WebSearch;
  /** How MCP servers are reached; by streamable HTTP when left out. */
  readonly connectMcp?: ConnectMcp;
  /** Headers of a request that the model server gets, too; lower case. */
  readonly forwardHeaders?: readonly string[];
  /** Answers of the model that one response may take: the bound of the tool loop. */
  readonly maxRounds: number;
  readonly log?: Log;
  /** Called with each response that has begun, and how many milliseconds that took. */
  readonly onBegin?: (ms: number) => void;
  /** Called with each response that has begun and ended. */
  readonly onEnd?: (response: ResponseObject) => void;
}

/** The client that asks for a response. */
export interface Caller {
  /** Ends the response when it aborts, unless it runs in the background. */
  readonly signal: AbortSignal;
  /** A header of the request, by its lower-case name. */
  header(name: string): string | undefined;
  /** Recalls responses that this client was told and that are not stored. */
  readonly recall?: Recall;
}

/** A response that has begun: its first events are there. */
export interface Started {
  readonly response: ResponseObject;
  /** Its events, to the end. Ending the iteration cancels a response that is not in the background. */
  readonly events: AsyncIterable<readonly ResponseEvent[]>;
  /** Reads the events to the end and returns the response; at once for one in the background. */
  result(): Promise<ResponseObject>;
}

/** How long, in milliseconds, the engine waits at its end until what it stopped is stored. */
const END_MS = 5_000;

/** Makes responses. Disposing it stops those that run, and waits until that is stored. */
export class Engine implements AsyncDisposable {
  readonly #options: EngineOptions;
  readonly #live = new LiveResponses();
  /** Every response that runs, whether somebody waits for it or not. */
  readonly #running = new Map<AbortController, Promise<void>>();
  readonly #log: Log;
  readonly #connectMcp: ConnectMcp;
  readonly #inputs: ModelInputs;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#connectMcp = options.connectMcp ?? mcpConnector();
    this.#log = options.log ?? silent;
    this.#inputs = new ModelInputs(options);
  }

  /**
   * Starts a response, and resolves with its first events at hand.
   *
   * @throws {ApiError} for whatever goes wrong before the first event
   */
  async start(tenant: Tenant, request: CreateRequest, caller: Caller): Promise<Started> {
    const { signal } = caller;
    const abort = new AbortController();
    const leave = () => abort.abort(signal.reason);
    if (!request.background) {
      if (signal.aborted) leave();
      else signal.addEventListener("abort", leave, { once: true });
    }
    const claim = await this.#claim(tenant, request);
    const over = Promise.withResolvers<void>();
    const { plan, servers } = await this.#plan(tenant, request, {
      ...caller,
      header: (name) => caller.header(name),
      signal: abort.signal,
      // The caller does not wait until the servers have heard that the session is over.
      onOver: () => {
        signal.removeEventListener("abort", leave);
        void this.#letGo([claim, ...servers.map(({ session }) => session)], () => {
          this.#running.delete(abort);
          over.resolve();
        });
      },
    }).catch(async (error) => {
      signal.removeEventListener("abort", leave);
      await claim?.[Symbol.asyncDispose]();
      throw error;
    });
    this.#running.set(abort, over.promise);
    const events = run(plan);
    const first = await events.next().catch((error) => {
      this.#report(error, signal);
      throw error;
    });
    if (request.background) {
      return this.#inBackground({ tenant, plan, abort }, [first.value as ResponseEvent[]], events);
    }
    return {
      response: plan.response,
      events: withFirst(first, events),
      result: async () => {
        let step = first;
        while (!step.done) step = await events.next();
        return step.value;
      },
    };
  }

  /**
   * How many tokens a request has, as the model server counts them.
   *
   * @throws {ApiError} as {@linkcode start} does
   */
  async countTokens(tenant: Tenant, request: CreateRequest, caller: Caller): Promise<number> {
    return await inputTokens(await this.#side(tenant, request, caller));
  }

  /**
   * A conversation in fewer words: what its user said, and a sealed summary of all of it.
   *
   * @throws {ApiError} as {@linkcode start} does
   */
  async compact(tenant: Tenant, request: CreateRequest, caller: Caller): Promise<Compaction> {
    const side = await this.#side(tenant, request, caller);
    const seal = await this.#inputs.seal();
    return await compaction(side, (text) => seal.close(tenant, text));
  }

  /**
   * Cancels a response in the background, in this process or another.
   *
   * @throws {ApiError} 404 for one that the tenant does not have, 400 for one that cannot be cancelled
   */
  async cancel(tenant: Tenant, id: string): Promise<ResponseObject> {
    const { store } = this.#options;
    const found = await store.responses.get(tenant, id);
    if (found === undefined) throw notFound("response", id);
    if (!found.response["background"]) {
      throw invalidRequest("Only a response in the background can be cancelled", "response_id");
    }
    const live = this.#live.get(tenant, id);
    live?.abort.abort(new Cancelled("cancelled by its owner"));
    await live?.ended;
    const { response } = await store.responses.get(tenant, id) ?? found;
    if (response.status !== "queued" && response.status !== "in_progress") return response;
    const cancelled: ResponseObject = { ...response, status: "cancelled" };
    // Whoever runs it finds at its next step that it has ended.
    await store.finish(tenant, cancelled, []);
    return (await store.responses.get(tenant, id))?.response ?? cancelled;
  }

  /** Stops a response that is about to be deleted. */
  async forget(tenant: Tenant, id: string): Promise<void> {
    const live = this.#live.get(tenant, id);
    live?.abort.abort(new Cancelled("deleted"));
    await live?.ended;
    this.#live.delete(tenant, id);
  }

  /**
   * The events of a response in the background after this sequence number, from the start when left
   * out; undefined when this process does not have them (any more).
   */
  follow(
    tenant: Tenant,
    id: string,
    after = -1,
  ): AsyncIterable<readonly ResponseEvent[]> | undefined {
    return this.#live.get(tenant, id)?.log.read(after);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const abort of this.#running.keys()) abort.abort(new Cancelled("the gateway stops"));
    await withDeadline(Promise.all(this.#running.values()), END_MS, "Responses stopped")
      .catch((error) => this.#log(messageOf(error)));
    this.#live[Symbol.dispose]();
  }

  async #side(tenant: Tenant, request: CreateRequest, { signal, header, recall }: Caller) {
    const toolbox = this.#toolbox(tenant, request);
    const { tools } = toolbox.offer({ server: true, first: true });
    return {
      input: await this.#inputs.read(tenant, request, recall),
      request,
      tools,
      backend: this.#options.backend,
      headers: this.#forwarded(header),
      signal,
      now: unixNow,
    };
  }

  /** Returns the headers of the client that go to the model server. */
  #forwarded(header: Caller["header"]): Record<string, string> {
    const { forwardHeaders = [] } = this.#options;
    return Object.fromEntries(forwardHeaders.flatMap((name) => {
      const value = header(name);
      return value === undefined ? [] : [[name, value]];
    }));
  }

  #inBackground(
    { tenant, plan, abort }: { tenant: Tenant; plan: RunPlan; abort: AbortController },
    first: readonly (readonly ResponseEvent[])[],
    events: AsyncGenerator<ResponseEvent[], ResponseObject>,
  ): Started {
    const log = new EventLog();
    for (const batch of first) log.add(batch);
    const pump = async () => {
      try {
        for await (const batch of events) log.add(batch);
      } catch (error) {
        this.#log(`A response in the background was lost: ${messageOf(error)}`);
      } finally {
        log.end();
      }
    };
    const live: Live = { abort, log, ended: pump() };
    const { response } = plan;
    this.#live.add(tenant, response.id, live);
    return { response, events: log.read(-1), result: () => Promise.resolve(response) };
  }

  async #plan(
    tenant: Tenant,
    request: CreateRequest,
    { signal, header, recall, onOver }: Caller & { onOver(): void },
  ): Promise<{ plan: RunPlan; servers: readonly McpServer[] }> {
    const { store, backend, maxRounds, onBegin, onEnd } = this.#options;
    const started = now();
    const toolbox = this.#toolbox(tenant, request);
    const { history, input, instructions, messages, model } = await this.#inputs.read(
      tenant,
      request,
      recall,
    );
    const mcpTools = request.tools.filter((tool): tool is McpTool => tool.type === "mcp");
    const approved = approvedCalls(history, input, mcpTools);
    const stored = request.store !== false;
    const servers = await mcpServers(
      mcpTools,
      (id) => store.connectors.get(tenant, id),
      this.#connectMcp,
    );
    const conversation = request.conversation ?? (stored ? newId("conv") : null);
    const createdAt = unixNow();
    const response = newResponse(request, { createdAt, conversation, instructions });
    const plan: RunPlan = {
      request,
      response,
      messages,
      toolbox,
      ...(servers.length === 0 ? {} : {
        prelude: (writer) =>
          mcpPrelude({ servers, history, input, approved, toolbox, signal }, writer),
      }),
      keeper: stored ? persistence(store, tenant, request, input) : KEEP_NOTHING,
      backend,
      headers: this.#forwarded(header),
      signal,
      maxRounds,
      model,
      reasoning: await this.#inputs.reasoningForm(tenant, request),
      now: unixNow,
      onBegin: () => onBegin?.(now() - started),
      onEnd: (ended, error) => {
        this.#report(error, signal);
        onEnd?.(ended);
      },
      onOver,
    };
    return { plan, servers };
  }

  /** Of two responses on one conversation, the second would not know of the first: it is refused, as OpenAI does. */
  /** Ends what a run held; what cannot be ended is a line of the log. Never rejects. */
  async #letGo(held: readonly (AsyncDisposable | undefined)[], done: () => void): Promise<void> {
    const ends = held.map(async (one) => await one?.[Symbol.asyncDispose]());
    for (const end of await Promise.allSettled(ends)) {
      if (end.status === "rejected") this.#log(`A run ended badly: ${messageOf(end.reason)}`);
    }
    done();
  }

  async #claim(
    tenant: Tenant,
    { conversation }: CreateRequest,
  ): Promise<AsyncDisposable | undefined> {
    if (conversation === undefined) return undefined;
    const claim = await this.#options.store.conversations.claim(tenant, conversation);
    if (claim !== undefined) return claim;
    throw new ApiError(
      400,
      "conversation_locked",
      "Another process is currently operating on this conversation. Please retry in a few seconds.",
      "conversation",
    );
  }

  /** Tells the operator what went wrong; what the caller did wrong is the caller's to know. */
  #report(error: unknown, signal: AbortSignal): void {
    if (error === undefined || signal.aborted || error instanceof Cancelled) return;
    if (error instanceof BackendError) this.#log(error.detail);
    else if (!(error instanceof ApiError)) this.#log(`A response failed: ${messageOf(error)}`);
  }

  #toolbox(tenant: Tenant, request: CreateRequest): Toolbox {
    const { fileSearch, webSearch } = this.#options;
    const wants = (what: string) => request.include?.some((name) => name === what) ?? false;
    const toolbox = new Toolbox(request);
    for (const tool of request.tools) {
      if (tool.type === "file_search" && fileSearch !== undefined) {
        const withResults = wants("file_search_call.results");
        toolbox.add(fileSearchTool(fileSearch, tool as FileSearchTool, { tenant, withResults }));
      } else if (kindOfTool(tool.type) === "web_search" && webSearch !== undefined) {
        const withSources = wants("web_search_call.action.sources");
        const withResults = wants("web_search_call.results");
        const search = webSearchTool(webSearch, tool as WebSearchTool, {
          withSources,
          withResults,
        });
        toolbox.add(search);
      }
    }
    return toolbox;
  }
}

function unixNow(): number {
  return Math.floor(Date.now() / 1000);
}

async function* withFirst<T>(
  first: IteratorResult<T, unknown>,
  rest: AsyncGenerator<T, unknown>,
): AsyncGenerator<T> {
  try {
    if (first.done) return;
    yield first.value;
    yield* rest;
  } finally {
    await rest.return(undefined);
  }
}
