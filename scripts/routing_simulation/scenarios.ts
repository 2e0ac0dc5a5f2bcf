/** Scenarios that the strategies are tried on. */
import { ROUTING_LOGICS, type RoutingLogic } from "../../router/mod.ts";
import { simulate, type SimulatedHost, type SimulationResult } from "./simulation.ts";
import { traceOf, type Traffic } from "./trace.ts";

/** A situation that operators know. */
export interface Scenario {
  readonly name: string;
  readonly what: string;
  readonly hosts: readonly SimulatedHost[];
  readonly routers: number;
  readonly readMsPerKilochar: number;
  readonly traffic: Traffic;
}

const HOST: SimulatedHost = { speed: 1, batch: 4, cacheChars: 60_000 };
const FOUR = [HOST, HOST, HOST, HOST];

/** Short prompts that share nothing: only the work differs. */
const QUESTIONS: Traffic = {
  requests: 10_000,
  rate: 22,
  writeMs: 200,
  skew: 1.3,
  conversations: 100_000,
  applications: 100_000,
  systemChars: 100,
  messageChars: 200,
};

/** Long conversations of a few applications: what was read once need not be read again. */
const TALKS: Traffic = {
  requests: 10_000,
  rate: 15,
  writeMs: 200,
  skew: 0.7,
  conversations: 24,
  applications: 6,
  systemChars: 4_000,
  messageChars: 600,
};

export const SCENARIOS: readonly Scenario[] = [
  {
    name: "skewed requests",
    what: "4 equal hosts at 70 % of their capacity; most requests are short, some are very long",
    hosts: FOUR,
    routers: 1,
    readMsPerKilochar: 0,
    traffic: QUESTIONS,
  },
  {
    name: "one slow host",
    what: "the same requests at a third of that rate; one of the hosts has a quarter of its speed",
    hosts: [HOST, HOST, HOST, { ...HOST, speed: 0.25 }],
    routers: 1,
    readMsPerKilochar: 0,
    traffic: { ...QUESTIONS, rate: 8 },
  },
  {
    name: "four routers",
    what: "one slow host again, and four routers of which none knows what the others send",
    hosts: [HOST, HOST, HOST, { ...HOST, speed: 0.25 }],
    routers: 4,
    readMsPerKilochar: 0,
    traffic: { ...QUESTIONS, rate: 8 },
  },
  {
    name: "conversations",
    what: "long prompts that grow, of 6 applications; a host remembers the prompts it read lately",
    hosts: FOUR,
    routers: 1,
    readMsPerKilochar: 90,
    traffic: TALKS,
  },
];

/** Results of each strategy on a scenario. */
export type Outcome = Readonly<Record<RoutingLogic, SimulationResult>>;

/** Plays a scenario with every strategy; `requests` shortens it. */
export function playAll(scenario: Scenario, seed: number, requests?: number): Outcome {
  const { traffic, ...rest } = scenario;
  const trace = traceOf({ ...traffic, requests: requests ?? traffic.requests }, seed);
  return Object.fromEntries(
    ROUTING_LOGICS.map((logic) => [logic, simulate({ ...rest, trace, logic, seed })]),
  ) as Outcome;
}
