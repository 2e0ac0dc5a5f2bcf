/** Follows one request through ext_proc: its head, the decision on its body, and its end. */
import type { Processor } from "../ext_proc/mod.ts";
import { type Log, messageOf, now } from "../service/mod.ts";
import { decide, type Deciders, type Decision, tooLarge } from "./decision.ts";
import {
  answerOf,
  bodyOf,
  GO_ON,
  type Head,
  type HeaderNames,
  headOf,
  NO_HEAD,
} from "./exchange.ts";
import type { HealthMonitor } from "./health/monitor.ts";
import type { RouterMetrics } from "./metrics.ts";
import type { OutstandingRequests } from "./outstanding_requests.ts";

/** One decision, for people and logs. */
export interface DecisionLine {
  readonly requestId: string;
  readonly path: string;
  /** Empty where the request was refused. */
  readonly route: string;
  readonly model: string;
  readonly endpoint: string;
  /** Error code of a refusal; empty otherwise. */
  readonly code: string;
}

/** The parts of a router that its requests share. */
export interface RequestContext {
  readonly headers: HeaderNames;
  /** Returns the routes, hosts and strategy in force now. */
  deciders(): Deciders;
  readonly outstanding: OutstandingRequests;
  readonly health: HealthMonitor;
  readonly metrics: RouterMetrics;
  readonly log: Log;
  /** Called with each decision. */
  readonly onDecision: ((line: DecisionLine) => void) | undefined;
}

/** Returns the processor of one request. Its stream lives until the answer's last byte (router.yaml). */
export function requestProcessor(context: RequestContext): Processor {
  const { outstanding, health, metrics, log } = context;
  let head = NO_HEAD;
  let endpoint: string | undefined;
  let model = "";
  return {
    answer: (message) => {
      if (message.phase === "request_headers") {
        head = headOf(message, context.headers);
        if (!message.endOfStream) {
          // Said beforehand, it is refused before it is read.
          const long = tooLarge(head.contentLength, context.deciders().maxBodyBytes);
          return long === undefined ? GO_ON : answerOf(noted(context, head, long), head);
        }
      }
      const body = bodyOf(message);
      if (body === undefined || endpoint !== undefined) return GO_ON;
      const decision = decided(context, head, body);
      if (decision.kind === "route") {
        endpoint = decision.host.endpoint;
        model = decision.route.model;
        outstanding.started(endpoint);
        health.sent(endpoint);
        metrics.answers.started(model, endpoint);
      }
      return answerOf(decision, head);
    },
    end: (how, error) => {
      if (endpoint !== undefined) {
        metrics.answers.ended(model, endpoint);
        outstanding.ended(endpoint);
      }
      if (how !== "failed") return;
      metrics.failed();
      log(`A request could not be processed: ${messageOf(error)}`);
    },
  };
}

function decided(context: RequestContext, head: Head, body: Uint8Array): Decision {
  const started = now();
  const decision = decide({ ...head, body }, context.deciders());
  context.metrics.decided(now() - started);
  return noted(context, head, decision);
}

/** Counts a decision and reports it. */
function noted({ metrics, onDecision }: RequestContext, head: Head, decision: Decision): Decision {
  const line = { requestId: head.requestId, path: head.path.split("?", 1)[0] ?? "" };
  if (decision.kind === "route") {
    const { route: { name: route, model }, host: { endpoint }, fallback } = decision;
    metrics.routed({ route, model, host: endpoint }, fallback);
    onDecision?.({ ...line, route, model, endpoint, code: "" });
  } else if (decision.kind === "refuse") {
    const { code } = decision;
    metrics.refused(code);
    onDecision?.({ ...line, route: "", model: "", endpoint: "", code });
  }
  return decision;
}
