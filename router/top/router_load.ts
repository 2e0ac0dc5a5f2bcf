/** The load of a router's hosts, computed from two scrapes of its metrics. Pure. */
import { hostPort } from "../../service/mod.ts";
import { type Buckets, parseSamples, quantileOf, type Sample } from "./samples.ts";

/** One model on one host, in the time between two scrapes. Durations are seconds. */
export interface LoadRow {
  /** Empty for a host that was asked for no model yet. */
  readonly model: string;
  readonly host: string;
  /** `healthy`, `ejected`, `down`, `returning`; empty where the router does not say. */
  readonly state: string;
  readonly in_flight: number;
  /** Answers per second, and those of them that failed (status 4xx, 5xx or none). */
  readonly rps: number;
  readonly errors_per_second: number;
  /** Of whole requests; null without one in that time, as are the next. */
  readonly p50: number | null;
  readonly p99: number | null;
  /** Time to the first token of a stream. */
  readonly ttft_p50: number | null;
  readonly ttft_p99: number | null;
  readonly output_tokens_per_second: number;
}

/** One scrape. */
export type RouterSamples = readonly Sample[];

/** Reads a scrape; undefined when it is not one of a router. */
export function readRouterSamples(text: string): RouterSamples | undefined {
  const samples = parseSamples(text);
  return samples.some(({ name }) => name.startsWith("llmgate_router_")) ? samples : undefined;
}

const DURATION = "gen_ai_server_request_duration_seconds_bucket";
const FIRST_TOKEN = "gen_ai_server_time_to_first_token_seconds_bucket";

/**
 * Returns a row for each model and host, by model, then by host.
 *
 * @param seconds Between the two scrapes.
 */
export function routerLoad(
  before: RouterSamples,
  after: RouterSamples,
  seconds: number,
): LoadRow[] {
  const past = new Map(before.map((sample) => [keyOf(sample), sample.value]));
  // A counter that fell was that of a router before its restart.
  const grown = after.map((sample) => {
    const was = past.get(keyOf(sample)) ?? 0;
    return { ...sample, value: sample.value >= was ? sample.value - was : sample.value };
  });
  return pairsOf(after).map(({ model, host }) => {
    const own = grown.filter(({ labels }) => isOf(labels, model, host));
    const sum = (name: string, pick: (labels: Sample["labels"]) => boolean = () => true) =>
      own.filter((one) => one.name === name && pick(one.labels))
        .reduce((total, { value }) => total + value, 0);
    const answers = "llmgate_router_answers_total";
    const duration = bucketsOf(own, DURATION);
    const firstToken = bucketsOf(own, FIRST_TOKEN);
    return {
      model,
      host,
      state: stateOf(after, host),
      in_flight: after.find(({ name, labels }) =>
        name === "llmgate_router_in_flight_requests" && isOf(labels, model, host)
      )?.value ?? 0,
      rps: sum(answers) / seconds,
      errors_per_second: sum(answers, ({ status }) =>
        !/^[123]/.test(status ?? "")) / seconds,
      p50: quantileOf(duration, 0.5) ?? null,
      p99: quantileOf(duration, 0.99) ?? null,
      ttft_p50: quantileOf(firstToken, 0.5) ?? null,
      ttft_p99: quantileOf(firstToken, 0.99) ?? null,
      output_tokens_per_second: sum("llmgate_router_tokens_total", ({ type }) =>
        type === "output") / seconds,
    };
  });
}

function keyOf({ name, labels }: Sample): string {
  return JSON.stringify([name, Object.entries(labels).sort(([a], [b]) => a < b ? -1 : 1)]);
}

/** Models and hosts that were joined by a request, and the hosts that were not. */
function pairsOf(samples: RouterSamples): { model: string; host: string }[] {
  const pairs = new Map<string, { model: string; host: string }>();
  const hosts = new Set<string>();
  for (const { name, labels: { model, host } } of samples) {
    if (host === undefined) continue;
    if (name === "llmgate_router_outstanding_requests") hosts.add(host);
    if (model !== undefined) pairs.set(JSON.stringify([model, host]), { model, host });
  }
  const met = new Set([...pairs.values()].map(({ host }) => host));
  const idle = [...hosts].filter((host) => !met.has(host)).map((host) => ({ model: "", host }));
  return [...pairs.values(), ...idle].sort((a, b) =>
    order(a.model, b.model) || order(a.host, b.host)
  );
}

/** By name; a host that was not asked comes last. */
function order(a: string, b: string): number {
  if (a === b) return 0;
  if (a === "" || b === "") return a === "" ? 1 : -1;
  return a < b ? -1 : 1;
}

/** The router's own metrics say model and host, OpenTelemetry's the model, an address and a port. */
function isOf(labels: Sample["labels"], model: string, host: string): boolean {
  const { gen_ai_request_model, server_address, server_port } = labels;
  if (gen_ai_request_model === undefined) {
    return labels["model"] === model && labels["host"] === host;
  }
  return gen_ai_request_model === model &&
    hostPort(server_address ?? "", Number(server_port)) === host;
}

/** The histogram of all label sets together. */
function bucketsOf(samples: readonly Sample[], name: string): Buckets {
  const counts = new Map<number, number>();
  for (const { name: found, labels, value } of samples) {
    if (found !== name) continue;
    const le = labels["le"] === "+Inf" ? Infinity : Number(labels["le"]);
    counts.set(le, (counts.get(le) ?? 0) + value);
  }
  return [...counts].sort(([a], [b]) => a - b);
}

function stateOf(samples: RouterSamples, host: string): string {
  return samples.find(({ name, labels, value }) =>
    name === "llmgate_router_host_state" && labels["host"] === host && value === 1
  )?.labels["state"] ?? "";
}
