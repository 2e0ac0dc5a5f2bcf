/** A copy of the profile that tells a collector of the suite's about each request. */
import type {
  Collected,
  CollectedLog,
  CollectedSpan,
  Collector,
} from "../../../../collector/mod.ts";
import type { Target, TraceFeature } from "../../../../conformance/mod.ts";
import { collectorAddOn } from "../observe/part.ts";
import { type EdgeTargetOptions, startEdgeTarget } from "./target.ts";

/** Longest wait for a trace: it leaves Envoy every 0.2 s. */
const TRACE_MS = 10_000;

/** Starts the copy. */
export async function startTraceTarget(
  options: EdgeTargetOptions,
): Promise<Target & AsyncDisposable> {
  const { promise, resolve } = Promise.withResolvers<Collector>();
  const target = await startEdgeTarget({
    concurrency: 1,
    ...options,
    features: ["trace"],
    addOns: [collectorAddOn({ onStart: resolve })],
  });
  const { expect } = target;
  return Object.assign(target, {
    expect: {
      ...expect,
      requestHeadersAdded: [...expect.requestHeadersAdded, "traceparent", "tracestate"],
    },
    trace: featureOf(await promise),
  });
}

function featureOf(collector: Collector): TraceFeature {
  const { journal } = collector;
  return {
    async of(traceId) {
      const mine = (one: Collected) => "traceId" in one && one.traceId === traceId;
      const has = (signal: string, kind?: string) =>
        journal.entries().some((one) =>
          mine(one) && one.signal === signal &&
          (kind === undefined || "kind" in one && one.kind === kind)
        );
      // Whoever tells nothing is found out by what is missing.
      await journal.waitFor(() => has("span", "server") && has("log"), { deadlineMs: TRACE_MS })
        .catch(() => {});
      const found = journal.entries().filter(mine);
      return {
        spans: found.filter((one): one is CollectedSpan => one.signal === "span"),
        log: found.find((one): one is CollectedLog => one.signal === "log"),
      };
    },
    close: () => collector.close(),
    reopen: () => collector.reopen(),
  };
}
