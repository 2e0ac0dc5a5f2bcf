/** Health as a running part of the router: what is reported, what is asked, and who may be chosen. */
import type { JsonObject } from "../../grpc/mod.ts";
import { type Log, now } from "../../service/mod.ts";
import type { BackendHost } from "../hosts.ts";
import type { EngineLoad } from "../strategies/strategies.ts";
import { EngineBook, type EngineStats, parseEngineStats } from "./engine_stats.ts";
import { type Draw, HealthBoard, type HealthLimits, type HostState } from "./health_board.ts";
import { getFromHost, type HostAnswer, HostPoll } from "./host_poll.ts";
import { type Attempt, attemptsOf, type EndpointPlace } from "./outcome.ts";

/** How the health of hosts is found out; what became of requests is always looked at. */
export interface HealthCheckOptions {
  /** Milliseconds between two probes of a host; none when left out. */
  readonly probeMs?: number;
  /** `/health` when left out, as vLLM has it. */
  readonly probePath?: string;
  /** Milliseconds between two readings of an engine's `/metrics`; none when left out. */
  readonly engineStatsMs?: number;
  /** Roots for hosts with TLS, PEM; the system's when left out. */
  readonly ca?: string;
  readonly limits?: Partial<HealthLimits>;
}

/** Options of {@linkcode HealthMonitor}. */
export interface MonitorOptions extends HealthCheckOptions {
  /** Where the router writes into Envoy's dynamic metadata which hosts may be tried. */
  readonly place: EndpointPlace;
  /** Called with each attempt of each request, a moment after the request is over. */
  readonly onAttempt: (attempt: Attempt) => void;
  readonly log: Log;
}

/** A host that has not answered by then does not answer, in milliseconds. */
const PROBE_TIMEOUT_MS = 2_000;

/** Watches the hosts of a router until it is disposed. */
export class HealthMonitor implements AsyncDisposable {
  readonly #options: MonitorOptions;
  readonly #board: HealthBoard;
  readonly #engines = new EngineBook();
  readonly #polls: readonly HostPoll<HostAnswer>[];
  #known: ReadonlySet<string> = new Set();

  constructor(options: MonitorOptions) {
    const { log, limits } = options;
    this.#options = options;
    this.#board = new HealthBoard({
      ...limits,
      now,
      onChange: (endpoint, state, why) => log(`${endpoint} ${why} (${state})`),
    });
    this.#polls = this.#pollsOf(options);
  }

  /** Reads an `envoy.data.accesslog.v3.HTTPAccessLogEntry`: the outcome of one request. */
  logged(entry: JsonObject): void {
    const { place, onAttempt } = this.#options;
    for (const attempt of attemptsOf(entry, place)) {
      const { endpoint, outcome, restMs } = attempt;
      if (this.#known.has(endpoint)) {
        if (outcome !== undefined) this.#board.report(endpoint, outcome);
        if (restMs !== undefined) this.#board.rest(endpoint, restMs);
      }
      onAttempt(attempt);
    }
  }

  /** Watches these hosts from now on, and forgets all others. */
  follow(hosts: readonly BackendHost[]): void {
    this.#known = new Set(hosts.map(({ endpoint }) => endpoint));
    this.#board.retain(this.#known);
    this.#engines.retain(this.#known);
    for (const poll of this.#polls) poll.follow(hosts);
  }

  /** Those of the hosts that may take a request now; none when none is healthy. `draw` decides on those that return. */
  admit(hosts: readonly BackendHost[], draw?: Draw): readonly BackendHost[] {
    return this.#board.admit(hosts, draw);
  }

  state(endpoint: string): HostState {
    return this.#board.state(endpoint);
  }

  /** The engine's load as it said, and what was sent since; undefined when it did not say. */
  engine(endpoint: string): EngineLoad | undefined {
    return this.#engines.load(endpoint);
  }

  /** Notes that a request goes to a host. */
  sent(endpoint: string): void {
    this.#engines.sent(endpoint);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#polls.map((poll) => poll[Symbol.asyncDispose]()));
  }

  #pollsOf(options: HealthCheckOptions): HostPoll<HostAnswer>[] {
    const { probeMs, probePath = "/health", engineStatsMs, ca } = options;
    const { log } = this.#options;
    const get = (path: string) => (host: BackendHost, signal: AbortSignal) =>
      getFromHost(host, {
        path,
        tls: ca === undefined ? ca : { ca },
        timeoutMs: PROBE_TIMEOUT_MS,
        signal,
      });
    const polls: HostPoll<HostAnswer>[] = [];
    if (probeMs !== undefined) {
      const onAnswer = ({ endpoint }: BackendHost, answer: HostAnswer) =>
        this.#board.probed(endpoint, isUp(answer), whyDown(answer));
      polls.push(new HostPoll({ ask: get(probePath), intervalMs: probeMs, onAnswer, log }));
      polls.push(
        new HostPoll({
          ask: get(SLEEP_PATH),
          intervalMs: probeMs,
          log,
          onAnswer: ({ endpoint }, answer) => this.#board.slept(endpoint, isAsleep(answer)),
        }),
      );
    }
    if (engineStatsMs !== undefined) {
      const onAnswer = ({ endpoint }: BackendHost, answer: HostAnswer) =>
        this.#engines.read(endpoint, statsOf(answer));
      polls.push(new HostPoll({ ask: get("/metrics"), intervalMs: engineStatsMs, onAnswer, log }));
    }
    return polls;
  }
}

/** vLLM's word for an engine whose weights are not in memory (its documentation, "Sleep Mode"). */
const SLEEP_PATH = "/is_sleeping";

/** Whoever does not know of sleep is awake. */
function isAsleep(answer: HostAnswer): boolean {
  return answer.kind === "answer" && answer.status === 200 &&
    /"is_sleeping"\s*:\s*true/.test(answer.text);
}

/** A server without such a path is up all the same: it answered. */
function isUp(answer: HostAnswer): boolean {
  return answer.kind === "answer" && answer.status < 500;
}

function whyDown(answer: HostAnswer): string {
  return answer.kind === "answer" ? `status ${answer.status}` : answer.why;
}

function statsOf(answer: HostAnswer): EngineStats | undefined {
  return answer.kind === "answer" && answer.status === 200
    ? parseEngineStats(answer.text)
    : undefined;
}
