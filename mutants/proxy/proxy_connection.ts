/** One client connection of the small proxy. */
import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import net from "node:net";
import { type HeaderList, ResponseReader } from "../../conformance/mod.ts";
import type { CheckClient } from "../../ext_authz/mod.ts";
import { delay, resetSocket } from "../../service/mod.ts";
import type { Defects } from "./defects.ts";
import { askPolicy, type Decision } from "./policy_step.ts";
import { errorBody, wholeResponse } from "./response_bytes.ts";
import { changeBody, headerOf, normalize, requestHead, withAuthority } from "./request_change.ts";
import { BadRequest, type RequestHead, RequestReader } from "./request_reader.ts";
import { ResponseFlow } from "./response_flow.ts";

/** Settings that all connections of a proxy share. */
export interface ProxyPlace {
  client: CheckClient | undefined;
  upstream: { host: string; port: number };
  defects: Defects;
  cache: Map<string, Decision>;
  /** Requests that are being decided, in their order, and what sends each on before it is. */
  asking: Set<{ arrival: number; pass: () => void }>;
  /** Requests so far. */
  arrivals: number;
  /** Open connections of clients. */
  connections: () => number;
  /** The last request, and how often it came in a row. */
  last: { request: string; times: number };
}

/** Bytes of a body that `deniesStreamsAsStream` looks at. */
const SMALL_BODY = 4_096;

/** How often the same request may come in a row, for `refusesRepeats`, and while how few connections are open. */
const REPEATS = 4;
const QUIET = 8;

const HOP_BY_HOP = ["connection", "keep-alive", "proxy-connection", "te", "upgrade", "trailer"];
const TRUSTED = ["x-tenant", "x-llm-decision-id", "x-llm-policy-version"];

/** One exchange that goes through the proxy. */
interface Flow {
  head: RequestHead;
  body: Uint8Array[];
  ended: boolean;
  /** Which request of the proxy it is. */
  arrival: number;
  /** Set once the request is being sent on: body bytes go there. */
  onBody?: (bytes: Uint8Array) => void;
  onEnd?: () => void;
  done: Promise<void>;
}

/** One client connection: requests are served one after another, in order. */
export class ProxyConnection {
  readonly #socket: net.Socket;
  readonly #place: ProxyPlace;
  readonly #gone = new AbortController();
  #flow: Flow | undefined;
  /** Something was allowed on this connection; only a defect looks at it. */
  #trusted = false;
  #last: Promise<void> = Promise.resolve();

  constructor(socket: net.Socket, place: ProxyPlace) {
    this.#socket = socket;
    this.#place = place;
    const reader = new RequestReader({
      head: (head) => this.#begin(head),
      body: (bytes) => {
        if (this.#flow?.onBody) this.#flow.onBody(bytes);
        else this.#flow?.body.push(bytes);
      },
      end: () => {
        if (!this.#flow) return;
        this.#flow.ended = true;
        this.#flow.onEnd?.();
      },
    }, place.defects.lenient);
    socket.on("data", (bytes: Uint8Array) => {
      try {
        reader.feed(bytes);
      } catch (error) {
        if (!(error instanceof BadRequest)) throw error;
        const body = errorBody("Malformed request", "invalid_request_error", "malformed_request");
        this.#socket.end(wholeResponse(error.status, [["content-type", "application/json"]], body));
        this.#gone.abort(error);
      }
    });
    // FIN means that the client left, as Envoy reads it: nobody else would tell before a write.
    socket.on("end", () => {
      this.#leave();
      const end = () => socket.end();
      this.#last.then(end, end);
    });
    socket.on("error", () => this.#leave());
    socket.on("close", () => this.#leave());
  }

  #leave(): void {
    if (!this.#place.defects.swallowsCancel) this.#gone.abort(new Error("the client left"));
  }

  #begin(head: RequestHead): void {
    const arrival = ++this.#place.arrivals;
    const flow: Flow = { head, body: [], ended: false, arrival, done: Promise.resolve() };
    this.#flow = flow;
    const before = this.#last;
    flow.done = before.then(() => this.#serve(flow)).catch(() => void this.#socket.destroy());
    this.#last = flow.done;
  }

  async #serve(flow: Flow): Promise<void> {
    const { defects } = this.#place;
    if (this.#gone.signal.aborted) return;
    // In front of a gateway nothing is its own affair: only its defect shows.
    if (!this.#place.client) return this.#forward(flow, flow.head, { extra: [] });
    const id = headerOf(flow.head.headers, "x-request-id") ?? randomUUID();
    const head = this.#clean(flow.head, id);
    const answer = (status: number, body: string, type = "application/json") =>
      this.#reply(
        flow,
        wholeResponse(status, [["content-type", type], ["x-request-id", id]], body),
      );
    const target = head && normalize(head.target, defects);
    if (!head || target === undefined) {
      return answer(
        400,
        errorBody("Malformed request", "invalid_request_error", "malformed_request"),
      );
    }
    if (target === "/healthz") return answer(200, '{"status":"ok"}\n');
    if (defects.exposesAdmin && target === "/stats") return answer(200, "stats\n", "text/plain");
    if (!target.startsWith("/v1/") && !defects.servesEverything) {
      return answer(404, errorBody("Unknown path", "invalid_request_error", "not_found"));
    }
    const request = { ...head, target };
    if (defects.refusesRepeats && this.#repeats(request) > REPEATS) {
      return answer(429, errorBody("A loop", "rate_limit_error", "gateway_rate_limited"));
    }
    if (defects.forwardsBeforeAsking) void this.#sendAhead(request);
    const decision = await this.#decide(request, id, flow);
    if (decision.kind === "error") {
      return answer(503, errorBody("No usable answer", "policy_error", "policy_unavailable"));
    }
    if (decision.kind === "deny") return this.#deny(flow, decision, request, id);
    await this.#forward(flow, { ...request, target: decision.path, headers: decision.request }, {
      id,
      extra: decision.response,
    });
  }

  /** Names that only policy may set are taken off; `undefined`: refused. */
  #clean(head: RequestHead, id: string): RequestHead | undefined {
    const { defects } = this.#place;
    const lower = (name: string) => name.toLowerCase();
    const named = head.headers.filter(([name]) => lower(name) === "connection")
      .flatMap(([, value]) => value.toLowerCase().split(/ *, */));
    const headers = withAuthority(head).filter(([name]) => {
      const key = lower(name);
      if (key === "x-request-id") return false;
      if (!defects.forwardsHopByHop && (HOP_BY_HOP.includes(key) || named.includes(key))) {
        return false;
      }
      if (!defects.keepsTrusted && (TRUSTED.includes(key) || key.startsWith("x-envoy-"))) {
        return false;
      }
      return true;
    });
    headers.push(["x-request-id", defects.otherRequestId ? randomUUID() : id]);
    const peer = this.#socket.remoteAddress ?? "";
    const before = headers.filter(([name]) => lower(name) === "x-forwarded-for").map(([, v]) => v);
    const rest = headers.filter(([name]) => lower(name) !== "x-forwarded-for");
    rest.push(["x-forwarded-for", [...before, peer].join(",")]);
    return { ...head, headers: rest };
  }

  async #decide(head: RequestHead, id: string, flow: Flow): Promise<Decision> {
    const { client, cache, defects } = this.#place;
    const isSkipped = (defects.skipsGet && head.method === "GET") ||
      (defects.skipsReading && !["GET", "POST"].includes(head.method)) ||
      (defects.skipsOddPaths && flow.head.target !== head.target) ||
      (defects.trustsConnection && this.#trusted);
    const odd = head.headers.some(([, value]) => /[^\x20-\x7e\t]/.test(value));
    if (!client || isSkipped || (defects.skipsOddBytes && odd)) {
      return { kind: "allow", request: head.headers, path: head.target, response: [] };
    }
    if (defects.waitsForBodyBeforeAsking && !flow.ended) {
      await new Promise<void>((resolve) => flow.onEnd = resolve);
    }
    const key = `${this.#socket.remotePort} ${head.method} ${head.target}`;
    const known = defects.cachesDecisions ? cache.get(key) : undefined;
    if (known) {
      return known.kind === "allow" ? { ...known, request: head.headers } : known;
    }
    const waiting = { arrival: flow.arrival, pass: () => void this.#sendAhead(head) };
    this.#place.asking.add(waiting);
    const decision = await askPolicy(client, head, {
      id,
      peer: { address: this.#socket.remoteAddress ?? "", port: this.#socket.remotePort ?? 0 },
      defects,
      signal: this.#gone.signal,
      ...(defects.sendsBodyToPolicy && { body: Buffer.concat(flow.body).toString() }),
    }).finally(() => this.#place.asking.delete(waiting));
    if (decision.kind !== "error") cache.set(key, decision);
    if (decision.kind === "allow") this.#trusted = true;
    if (defects.policySpoofs && decision.kind === "allow") {
      decision.request.push(["x-tenant", "edge"]);
    }
    return decision;
  }

  /** Sends on what still waits for its decision although it came before a request that is answered. */
  #passOvertaken(answered: Flow): void {
    const { asking } = this.#place;
    for (const waiting of asking) {
      if (waiting.arrival > answered.arrival) continue;
      asking.delete(waiting);
      waiting.pass();
    }
  }

  /** Returns how often the same request has come in a row, this time included. */
  #repeats({ method, target, headers }: RequestHead): number {
    const { last } = this.#place;
    const own = ["x-api-key", "content-length"].map((name) => headerOf(headers, name));
    const request = [method, target, ...own].join(" ");
    const again = last.request === request && this.#place.connections() <= QUIET;
    last.times = again ? last.times + 1 : 1;
    last.request = request;
    return last.times;
  }

  async #deny(
    flow: Flow,
    decision: Decision & { kind: "deny" },
    head: RequestHead,
    id: string,
  ): Promise<void> {
    const { defects } = this.#place;
    if (defects.mirrorsDenied && decision.status === 403) await this.#sendAhead(head);
    const wantsStream = defects.deniesStreamsAsStream && await this.#asksForStream(flow);
    const headers: HeaderList = [...decision.headers, ["x-request-id", id]];
    const key = headerOf(head.headers, "x-api-key");
    const body = defects.leaksCredential ? `${decision.body} ${key}` : decision.body;
    if (defects.deniesAsStream || wantsStream) {
      const stream: HeaderList = [["content-type", "text/event-stream"]];
      return this.#reply(flow, wholeResponse(200, stream, `data: ${body}\n\n`));
    }
    return this.#reply(
      flow,
      wholeResponse(decision.status, headers, head.method === "HEAD" ? "" : body),
    );
  }

  /** Whether a small body asks for a stream; it is waited for. */
  async #asksForStream(flow: Flow): Promise<boolean> {
    const length = Number(headerOf(flow.head.headers, "content-length") ?? 0);
    if (length > SMALL_BODY) return false;
    if (length > 0 && !flow.ended) await new Promise<void>((resolve) => flow.onEnd = resolve);
    return Buffer.concat(flow.body).includes('"stream":true');
  }

  /** Answers by itself; the connection ends when the request body is still open. */
  async #reply(flow: Flow, bytes: Uint8Array): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.write(bytes, () => resolve()));
    if (!flow.ended) this.#socket.end();
  }

  /** Sends a request on without its body; resolves once the upstream has said something. */
  /** Sends a request on before policy was asked. Never rejects. */
  async #sendAhead(head: RequestHead): Promise<void> {
    const { upstream } = this.#place;
    const socket = net.connect(upstream);
    const answered = new Promise<void>((resolve) => {
      socket.once("data", () => resolve());
      socket.once("close", () => resolve());
    });
    socket.on("error", () => {});
    const headers = head.headers.filter(([name]) =>
      !/^(content-length|transfer-encoding)$/i.test(name)
    );
    socket.write(requestHead({ ...head, headers: [...headers, ["content-length", "0"]] }));
    await Promise.race([answered, delay(1_000)]).finally(() => socket.destroy());
  }

  async #forward(
    flow: Flow,
    head: RequestHead,
    more: { id?: string; extra: HeaderList; attempt?: number },
  ): Promise<void> {
    const { upstream, defects } = this.#place;
    const socket = net.connect(upstream);
    socket.once("connect", () => socket.setNoDelay(true));
    const { promise, resolve } = Promise.withResolvers<"done" | "retry">();
    const onGone = () => {
      resetSocket(socket);
      resolve("done");
    };
    this.#gone.signal.addEventListener("abort", onGone, { once: true });
    const response = new ResponseFlow(this.#socket, head.method, { ...more, defects });
    const reader = new ResponseReader(() => response);
    let broken = false;
    const fail = () => {
      if (broken || response.complete) return;
      broken = true;
      const again = (more.attempt ?? 1) < 3 &&
        ((defects.retries && !response.begun) || defects.retriesMidStream);
      if (again) resolve("retry");
      else {
        response.fail();
        resolve("done");
      }
    };
    socket.on("data", (bytes: Uint8Array) => {
      try {
        reader.feed(bytes);
      } catch {
        fail();
        socket.destroy();
      }
      if (response.complete) resolve(response.wantsRetry(more.attempt ?? 1) ? "retry" : "done");
      // Back-pressure: the client's pace is the upstream's pace.
      if (this.#socket.writableNeedDrain && !socket.isPaused()) {
        socket.pause();
        this.#socket.once("drain", () => socket.resume());
      }
    });
    socket.on("end", () => {
      if (!reader.finish()) fail();
      if (response.complete) resolve("done");
    });
    socket.on("error", fail);
    socket.on("close", fail);
    this.#pump(flow, head, socket);
    const timers = defects.cutsAfter15s
      ? setTimeout(() => {
        socket.destroy();
        this.#socket.destroy();
      }, 15_000)
      : undefined;
    const outcome = await promise;
    if (defects.forwardsOvertaken) this.#passOvertaken(flow);
    clearTimeout(timers);
    this.#gone.signal.removeEventListener("abort", onGone);
    socket.destroy();
    if (outcome === "retry") {
      await this.#forward(flow, head, { ...more, attempt: (more.attempt ?? 1) + 1 });
    }
    await response.flush();
    if (!flow.ended) this.#socket.end();
  }

  /** Sends the request on; body bytes as they come, in chunks when the client sent chunks. */
  #pump(flow: Flow, head: RequestHead, socket: net.Socket): void {
    const { defects } = this.#place;
    const chunked = head.headers.some(([name]) => name.toLowerCase() === "transfer-encoding");
    const send = (bytes: Uint8Array) => {
      if (bytes.length === 0 || socket.destroyed) return;
      if (chunked) socket.write(`${bytes.length.toString(16)}\r\n`);
      socket.write(bytes);
      if (chunked) socket.write("\r\n");
      if (socket.writableNeedDrain && !this.#socket.isPaused()) {
        const resume = () => void this.#socket.resume();
        this.#socket.pause();
        socket.once("drain", resume);
        socket.once("close", resume);
      }
    };
    const end = () => void (chunked && !socket.destroyed && socket.write("0\r\n\r\n"));
    if (defects.reserializesRequest || defects.truncatesUpload || defects.losesLastChunk) {
      const finish = () => {
        const whole = Buffer.concat(flow.body);
        const body = changeBody(whole, defects, chunked);
        const headers = head.headers.filter(([name]) =>
          !/^(content-length|transfer-encoding)$/i.test(name)
        );
        socket.write(
          requestHead({ ...head, headers: [...headers, ["content-length", `${body.length}`]] }),
        );
        socket.write(body);
      };
      if (flow.ended) finish();
      else flow.onEnd = finish;
      return;
    }
    const headers = defects.addsHeader
      ? [...head.headers, ["x-powered-by", "mutant"] as [string, string]]
      : defects.dropsCookie
      ? head.headers.filter(([name]) => name.toLowerCase() !== "cookie")
      : head.headers;
    socket.write(requestHead({ ...head, headers }));
    for (const bytes of flow.body) send(bytes);
    if (flow.ended) end();
    else {
      flow.onBody = send;
      flow.onEnd = end;
    }
  }
}
