/** The context that a case runs with. */
import { NONCE_HEADER, now } from "../service/mod.ts";
import type { Connection } from "./client/connection.ts";
import { connectTo, openConnection } from "./client/open_connection.ts";
import { authorityOf, markedPath, wirePath } from "./client/way_in.ts";
import type { Exchange, RequestSpec } from "./client/exchange.ts";
import { requestIdOf, type Transcript } from "./client/transcript.ts";
import type { Lateness } from "./run/lateness.ts";
import type { HeaderList, Protocol, Target } from "./target.ts";
import { NotJudged, TooBusy, Undeclared, Verdict } from "./verdict/verdict.ts";
import { EnvoyView, PolicyView, UpstreamView } from "./views.ts";

/** Options of a chat request of a case. */
export interface ChatOptions {
  /** Ask for server-sent events. */
  stream?: boolean;
  /** Credential that is sent; default `allow`. */
  as?: "allow" | "deny" | "nobody";
  /** More headers, after the usual ones. */
  headers?: HeaderList;
  /** More body fields, or the whole body when it is text or bytes. */
  body?: Record<string, unknown> | string | Uint8Array;
  path?: string;
  method?: string;
  manual?: true;
  framing?: "length" | "chunked" | "none";
}

/** State that all contexts of one case run share. */
export interface CaseRun {
  readonly target: Target;
  readonly protocol: Protocol;
  readonly timeScale: number;
  readonly signal: AbortSignal;
  readonly verdict: Verdict;
  readonly random: () => number;
  readonly exchanges: Exchange[];
  readonly nonces: string[];
  readonly connections: Connection[];
  /** Reasons why an invariant between the witnesses does not apply, by invariant. */
  readonly excused: Map<string, string>;
  readonly lateness: Lateness;
  /** Nonces whose Check calls the case holds at a barrier. */
  readonly held: Set<string>;
  readonly onSettled: () => void;
}

/** How long a wait inside a case lasts, milliseconds before the time scale. */
const WAIT_MS = 12_000;

/** The context of a case: traffic through the target, the witnesses scoped to its nonce, and checks. */
export class CaseContext {
  readonly nonce: string;
  readonly #run: CaseRun;

  constructor(run: CaseRun, nonce: string) {
    this.#run = run;
    this.nonce = nonce;
    run.nonces.push(nonce);
  }

  get target(): Target {
    return this.#run.target;
  }

  get protocol(): Protocol {
    return this.#run.protocol;
  }

  get signal(): AbortSignal {
    return this.#run.signal;
  }

  /** Seeded random numbers in [0, 1): the same seed gives the same case. */
  get random(): () => number {
    return this.#run.random;
  }

  /** How late this thread was, and when. */
  get lateness(): Lateness {
    return this.#run.lateness;
  }

  /** Returns milliseconds stretched by `--time-scale`. */
  ms(milliseconds: number): number {
    return milliseconds * this.#run.timeScale;
  }

  /** Our upstream, seen through this nonce. */
  get upstream(): UpstreamView {
    const upstream = this.target.upstream;
    if (!upstream) throw new NotJudged("not-measured", "The upstream is not ours");
    return new UpstreamView(upstream, this.nonce, { wait: this.#wait(), way: this.target });
  }

  /** Our policy engine, seen through this nonce. */
  get policy(): PolicyView {
    const policy = this.target.policy;
    if (!policy) throw new NotJudged("not-measured", "The policy engine is not ours");
    const onHold = () => this.#run.held.add(this.nonce);
    return new PolicyView(policy, this.nonce, { wait: this.#wait(), way: this.target, onHold });
  }

  /** Envoy's own evidence. */
  get envoy(): EnvoyView {
    const envoy = this.target.envoy;
    if (!envoy) throw new NotJudged("not-measured", "Envoy's admin interface is not reachable");
    return new EnvoyView(envoy, this.#wait());
  }

  /** Returns a context with a nonce of its own: for a second request with its own script. */
  fork(name: string | number): CaseContext {
    return new CaseContext(this.#run, `${this.nonce}-${name}`);
  }

  /** Returns a chat request with the usual headers and the nonce. */
  chat(options: ChatOptions = {}): RequestSpec {
    const { as = "allow", method = "POST", path = "/v1/chat/completions" } = options;
    const headers: HeaderList = [...this.#credentials(as), ...this.identity()];
    const withBody = method !== "GET" && method !== "HEAD" && method !== "OPTIONS";
    if (withBody && !options.headers?.some(([name]) => name.toLowerCase() === "content-type")) {
      headers.push(["content-type", "application/json"]);
    }
    headers.push(...(options.headers ?? []));
    const spec: RequestSpec = {
      method,
      path: markedPath(this.target, path, this.nonce),
      headers,
    };
    if (options.framing) spec.framing = options.framing;
    if (options.manual) spec.manual = true;
    else if (withBody) spec.body = this.#body(options);
    return spec;
  }

  /** Returns a path as it has to stand in a request line that the case writes itself. */
  wirePath(path: string): string {
    return wirePath(this.target, markedPath(this.target, path, this.nonce));
  }

  /** The value of `host` or `:authority` for a head that the case writes itself. */
  get authority(): string {
    return authorityOf(this.target);
  }

  /** Returns the headers that mark a request as this case's. */
  identity(): HeaderList {
    const { sign, carry } = this.target;
    return sign && carry !== "body" ? [[NONCE_HEADER, sign(this.nonce)]] : [];
  }

  /** Opens a connection, closed when the case is over. */
  async connect(protocol: Protocol = this.protocol): Promise<Connection> {
    if (!this.target.protocols.includes(protocol)) {
      throw new NotJudged("unsupported", `The target does not speak ${protocol}`);
    }
    const connection = await connectTo(this.target, protocol, this.#wait());
    this.#run.connections.push(connection);
    return connection;
  }

  /**
   * Opens a connection over TLS to a target with the feature `certificates`, and shows the client
   * certificate of that name, where one is named; closed when the case is over.
   *
   * @throws {UnavailableError} when the handshake is refused at once
   */
  async connectTls(client?: string): Promise<Connection> {
    const { certificates } = this.target;
    if (certificates === undefined) {
      throw new NotJudged("not-measured", "No certificates are known");
    }
    const { ca, url } = certificates;
    const identity = client === undefined ? undefined : await certificates.client(client);
    const connection = await openConnection("h1", url, { ...this.#wait(), ca, identity });
    this.#run.connections.push(connection);
    return connection;
  }

  /** Sends a request, on a new connection unless one is given. */
  async send(spec: RequestSpec, connection?: Connection): Promise<Exchange> {
    const { budget } = this.target;
    if (budget && budget.left-- <= 0) {
      // The server itself is what was to be judged; what goes through a gateway to it is an extra.
      const isServer = this.target.features.includes("model_server");
      throw new NotJudged(isServer ? "not-measured" : "skip", "--max-requests is spent");
    }
    const on = connection ?? await this.connect();
    return this.watch(on.request(spec));
  }

  /** Sends a chat request and waits until the response has ended. */
  async ask(options: ChatOptions = {}): Promise<Transcript> {
    return await (await this.send(this.chat(options))).done();
  }

  /**
   * Returns how long an exchange took, milliseconds: as the gateway logged it where it has a log, because a client on a
   * busy machine notices the end late; else from the first byte sent to the end, here.
   */
  async duration(transcript: Transcript): Promise<number> {
    const id = requestIdOf(transcript);
    if (this.target.envoy?.accessLog && id !== undefined) {
      const { durationMs } = await this.envoy.line(id);
      if (durationMs !== undefined) return durationMs;
    }
    return Math.round((transcript.end?.at ?? now()) - transcript.startedAt);
  }

  /** Makes an exchange part of the case's story. */
  watch(exchange: Exchange): Exchange {
    this.#run.exchanges.push(exchange);
    return exchange;
  }

  /** Says that the case, from now on, does not mind what happens to the policy engine. */
  settled(): void {
    this.#run.onSettled();
  }

  /** Says why an invariant between the witnesses does not hold for this case. */
  excuse(invariant: string, reason: string): void {
    this.#run.excused.set(invariant, reason);
  }

  equal(name: string, expected: unknown, observed: unknown): boolean {
    return this.#run.verdict.equal(name, expected, observed);
  }

  that(name: string, ok: boolean, expected: unknown, observed: unknown): boolean {
    return this.#run.verdict.that(name, ok, expected, observed);
  }

  oneOf(name: string, expected: readonly unknown[], observed: unknown): boolean {
    return this.#run.verdict.oneOf(name, expected, observed);
  }

  /** Ends the case: the suite itself was too late for it, as `evidence` says. It is asked again. */
  tooBusy(evidence: string): never {
    throw new TooBusy(evidence);
  }

  /** Ends the case: this target cannot be judged by it. */
  notMeasured(reason: string): never {
    throw new NotJudged("not-measured", reason);
  }

  /** Ends the case: it needs to be told what `reason` names, by a flag. */
  undeclared(reason: string): never {
    throw new Undeclared(reason);
  }

  /** Ends the case: the target does not have the feature. */
  unsupported(reason: string): never {
    throw new NotJudged("unsupported", reason);
  }

  #wait(): { signal: AbortSignal; deadlineMs: number } {
    return { signal: this.signal, deadlineMs: this.ms(WAIT_MS) };
  }

  #credentials(as: "allow" | "deny" | "nobody"): HeaderList {
    if (as === "nobody") return [];
    if (as === "allow") return this.target.credentials.allow;
    const { deny } = this.target.credentials;
    if (!deny) throw new Undeclared("No refused credential is known: --deny-header");
    return deny;
  }

  #body(options: ChatOptions): string | Uint8Array {
    const { body } = options;
    const { sign, carry, model } = this.target;
    if (typeof body === "string" || body instanceof Uint8Array) {
      if (carry !== "body") return body;
      const reason =
        "The gateway passes no unknown headers on, and this body cannot carry the nonce";
      throw new NotJudged("unsupported", reason);
    }
    return JSON.stringify({
      model,
      messages: [{ role: "user", content: "ping" }],
      ...(options.stream && { stream: true }),
      ...(carry === "body" && sign && { user: sign(this.nonce) }),
      ...body,
    });
  }
}
