/**
 * A discrete-event simulation of routers in front of model servers. It runs the router's own
 * strategies, on a clock that jumps from event to event; the same input gives the same output.
 */
import {
  type BackendHost,
  type EngineLoad,
  parseHosts,
  type RoutingLogic,
  type Situation,
  strategyOf,
} from "../../router/mod.ts";
import { EventQueue } from "./event_queue.ts";
import { seeded, type SimulatedRequest } from "./trace.ts";

/** A model server: a batch of fixed size, a queue before it, and a prefix cache. */
export interface SimulatedHost {
  /** 1 does a millisecond's work in a millisecond. */
  readonly speed: number;
  /** Requests that are worked on at once, each at full speed. */
  readonly batch: number;
  /** Characters of prompts that its prefix cache holds. */
  readonly cacheChars: number;
}

/** Settings of a simulation. */
export interface Simulation {
  readonly hosts: readonly SimulatedHost[];
  /** Routers that count alone; requests go to them in turn. */
  readonly routers: number;
  /** Milliseconds to read a thousand characters of a prompt that are not in the cache. */
  readonly readMsPerKilochar: number;
  readonly trace: readonly SimulatedRequest[];
  readonly logic: RoutingLogic;
  readonly seed: number;
}

/** Results of a simulation. Times are milliseconds, from the arrival to the last byte. */
export interface SimulationResult {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  /** Characters of prompts that were found in a cache, 0..1. */
  readonly cached: number;
  /** Share of the requests that the slowest host got, 0..1. */
  readonly slowest: number;
}

/** How often each router reads the engines' numbers, as `--engine-stats-interval` has it. */
const STATS_MS = 1_000;

/** Plays a trace and returns what came of it. */
export function simulate(simulation: Simulation): SimulationResult {
  const { trace, seed, logic } = simulation;
  const servers = simulation.hosts.map((host, index) => new Server(host, index));
  const routers = Array.from(
    { length: simulation.routers },
    (_, index) => new SimulatedRouter(logic, servers, seeded(seed + index)),
  );
  const events = new EventQueue();
  const latencies: number[] = [];
  const finish = (server: Server, router: SimulatedRouter, request: SimulatedRequest) => {
    latencies.push(events.now - request.at);
    router.finished(server);
    server.running--;
    const next = server.queue.shift();
    if (next !== undefined) start(server, next.router, next.request);
  };
  const start = (server: Server, router: SimulatedRouter, request: SimulatedRequest) => {
    server.running++;
    const read = server.read(request.messages) * simulation.readMsPerKilochar / 1_000;
    const ms = (read + request.writeMs) / server.host.speed;
    events.at(events.now + ms, () => finish(server, router, request));
  };
  trace.forEach((request, index) =>
    events.at(request.at, () => {
      const router = routers[index % routers.length] as SimulatedRouter;
      const server = router.choose(request);
      server.taken++;
      if (server.running < server.host.batch) start(server, router, request);
      else server.queue.push({ router, request });
    })
  );
  const end = trace.at(-1)?.at ?? 0;
  for (let at = 0; at < end; at += STATS_MS) {
    events.at(at, () => routers.forEach((router) => router.readEngines()));
  }
  events.run();
  return summary(servers, latencies.sort((a, b) => a - b));
}

function summary(servers: readonly Server[], sorted: readonly number[]): SimulationResult {
  const quantile = (share: number) => sorted[Math.ceil(sorted.length * share) - 1] ?? NaN;
  const sum = (of: (server: Server) => number) =>
    servers.reduce((total, server) => total + of(server), 0);
  const slowest = servers.reduce((a, b) => b.host.speed < a.host.speed ? b : a);
  return {
    p50: quantile(0.5),
    p95: quantile(0.95),
    p99: quantile(0.99),
    cached: sum(({ found }) => found) / sum(({ seen }) => seen),
    slowest: slowest.taken / sum(({ taken }) => taken),
  };
}

class Server {
  readonly host: SimulatedHost;
  readonly backend: BackendHost;
  readonly queue: { router: SimulatedRouter; request: SimulatedRequest }[] = [];
  running = 0;
  taken = 0;
  /** Characters of prompts, and those of them that were in the cache. */
  seen = 0;
  found = 0;
  /** Beginnings of prompts, by their last message, with their length; used latest is last. */
  readonly #cache = new Map<string, number>();
  #cached = 0;

  constructor(host: SimulatedHost, index: number) {
    this.host = host;
    this.backend = parseHosts(`host-${index}:8000`)[0] as BackendHost;
  }

  get load(): Omit<EngineLoad, "sentSince"> {
    const kvCacheUsage = Math.min(1, this.running / this.host.batch * 0.8);
    return { waiting: this.queue.length, running: this.running, kvCacheUsage };
  }

  /** Characters that must be read anew; the whole prompt is in the cache afterwards. */
  read(messages: readonly string[]): number {
    const known = messages.findIndex((message) => !this.#cache.has(message));
    const hit = messages.slice(0, known < 0 ? messages.length : known);
    const length = (list: readonly string[]) => list.reduce((sum, text) => sum + text.length, 0);
    this.seen += length(messages);
    this.found += length(hit);
    // Longest first, so that the end of a prompt is forgotten before its beginning.
    for (const message of messages.toReversed()) this.#keep(message);
    return length(messages) - length(hit);
  }

  #keep(message: string): void {
    if (!this.#cache.delete(message)) this.#cached += message.length;
    this.#cache.set(message, message.length);
    for (const [oldest, length] of this.#cache) {
      if (this.#cached <= this.host.cacheChars) break;
      this.#cache.delete(oldest);
      this.#cached -= length;
    }
  }
}

/** One router: it knows what it sent itself, and what the engines said last. */
class SimulatedRouter {
  readonly #pick;
  readonly #servers: readonly Server[];
  readonly #outstanding = new Map<string, number>();
  readonly #engines = new Map<string, { -readonly [Key in keyof EngineLoad]: EngineLoad[Key] }>();

  constructor(logic: RoutingLogic, servers: readonly Server[], random: () => number) {
    this.#pick = strategyOf(logic, random);
    this.#servers = servers;
  }

  choose({ conversation, messages }: SimulatedRequest): Server {
    const situation: Situation = {
      outstanding: (endpoint) => this.#outstanding.get(endpoint) ?? 0,
      engine: (endpoint) => this.#engines.get(endpoint),
      session: conversation,
      members: { messages },
      group: "m",
    };
    const { endpoint } = this.#pick(this.#servers.map(({ backend }) => backend), situation);
    this.#count(endpoint, 1);
    const engine = this.#engines.get(endpoint);
    if (engine !== undefined) engine.sentSince++;
    return this.#servers.find(({ backend }) => backend.endpoint === endpoint) as Server;
  }

  finished({ backend }: Server): void {
    this.#count(backend.endpoint, -1);
  }

  readEngines(): void {
    for (const { backend, load } of this.#servers) {
      this.#engines.set(backend.endpoint, { ...load, sentSince: 0 });
    }
  }

  #count(endpoint: string, by: number): void {
    this.#outstanding.set(endpoint, (this.#outstanding.get(endpoint) ?? 0) + by);
  }
}
