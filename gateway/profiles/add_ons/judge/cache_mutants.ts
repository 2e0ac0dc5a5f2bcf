/** Caches that are broken on purpose. */
import { Buffer } from "node:buffer";
import {
  answersIgnored,
  asking,
  blindTo,
  type Defect,
  handling,
  handlingAll,
  holdingAll,
  tenantless,
} from "./defects.ts";
import type { StepMutant } from "./step_mutant.ts";

// deno-lint-ignore no-explicit-any -- a body of whatever shape, broken on purpose
type Loose = any;

const EXT_PROC = "envoy.filters.http.ext_proc";
const EXT_AUTHZ = "envoy.filters.http.ext_authz";

/** The connection manager of the base configuration. */
function manager({ static_resources: { listeners } }: Loose): Loose {
  return listeners[0].filter_chains[0].filters[0].typed_config;
}

/** Defects of the cache, and of streams that pass it. */
export const CACHE_MUTANTS: readonly StepMutant[] = [
  {
    id: "cache-for-all-tenants",
    defect: "the key names no tenant",
    on: "cache",
    kills: ["cache.tenant-isolated"],
    breaks: tenantless("cache"),
  },
  {
    id: "cache-by-known-fields",
    defect: "the key knows the usual fields alone",
    on: "cache",
    kills: ["cache.tools-differ", "cache.unknown-field-differs"],
    breaks: blindTo("cache", ["tools", "x_style"]),
  },
  {
    id: "cache-by-prompt",
    defect: "the key knows no parameters",
    on: "cache",
    kills: ["cache.params-differ"],
    breaks: asking("cache", async (draft, step) => {
      const json = draft.json as Loose;
      const kept = { ...json };
      if (json) Object.assign(json, { model: "", seed: 1, max_tokens: 1 });
      const outcome = await step.request(draft);
      for (const key of Object.keys(json ?? {})) delete json[key];
      Object.assign(json ?? {}, kept);
      return outcome;
    }),
  },
  {
    id: "cache-blind-to-stream",
    defect: "streams and whole answers have one key",
    on: "cache",
    kills: ["cache.stream-differs"],
    breaks: blindTo("cache", ["stream"]),
  },
  {
    id: "cache-by-order",
    defect: "the order of fields is part of the key",
    on: "cache",
    kills: ["cache.key-order-same"],
    breaks: asking("cache", async (draft, step) => {
      const json = draft.json as Loose;
      if (json) json.x_order = Object.keys(json).join();
      const outcome = await step.request(draft);
      delete json?.x_order;
      return outcome;
    }),
  },
  {
    id: "cache-keeps-errors",
    defect: "errors are kept like answers",
    on: "cache",
    kills: ["cache.error-not-stored"],
    breaks: handling("cache", (handler) => ({
      ...handler,
      sent: (bytes, last, head) =>
        head.status === 200
          ? handler.sent?.(bytes, last, head)
          : handler.sent?.(Buffer.from("{}"), last, { ...head, status: 200 }),
    })),
  },
  {
    id: "cache-keeps-halves",
    defect: "a stream that broke off is kept like a whole one",
    on: "cache",
    kills: ["cache.incomplete-not-stored"],
    breaks: handling("cache", (handler) => {
      let isOver = false;
      let head: Loose;
      const rest = 'data: {"choices":[{"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n';
      return {
        ...handler,
        sent(bytes, last, to) {
          head = to;
          isOver = last;
          return handler.sent?.(bytes, last, to);
        },
        over() {
          if (!isOver && head?.isStream) {
            Promise.resolve(handler.sent?.(Buffer.from(rest), true, head)).catch(() => {});
          }
          handler.over?.();
        },
      };
    }),
  },
  {
    id: "cache-before-policy",
    defect: "the cache is asked before policy",
    kills: ["cache.deny-first"],
    on: "cache",
    edit(config) {
      const { http_filters: filters } = manager(config);
      const at = (name: string) => filters.findIndex((one: Loose) => one.name === name);
      const [processor] = filters.splice(at(EXT_PROC), 1);
      filters.splice(at(EXT_AUTHZ), 0, processor);
    },
  },
  {
    id: "cache-minds-no-client",
    defect: "what clients say about caching is ignored",
    on: "cache",
    kills: ["cache.no-store", "cache.max-age"],
    breaks: asking("cache", (draft, step) => {
      const { header } = draft;
      draft.header = (name) => name === "cache-control" ? undefined : header.call(draft, name);
      return step.request(draft);
    }),
  },
  {
    id: "cache-lets-the-crowd-through",
    defect: "equal requests at once all ask the upstream",
    on: "cache",
    kills: ["cache.stampede"],
    breaks: asideFromCrowds(),
  },
  {
    id: "cache-waits-for-the-dead",
    defect: "a request that failed keeps those who wait for it waiting",
    on: "cache",
    kills: ["cache.leader-fails"],
    breaks: handling("cache", ({ over: _, ...handler }) => handler),
  },
  {
    id: "cache-never-hits",
    defect: "what was kept is never given",
    on: "cache",
    kills: ["cache.hit-json", "cache.hit-sse-bytes"],
    breaks: answersIgnored("cache"),
  },
  {
    id: "steps-hold-streams",
    defect: "a stream is held back until its end",
    on: "cache",
    kills: ["cache.stream-miss-cadence"],
    breaks: handlingAll(holdingAll),
  },
  {
    id: "redact-holds-streams",
    defect: "a stream is held back until its end",
    on: "redact",
    kills: ["redact.sse-cadence"],
    breaks: handlingAll(holdingAll),
  },
  {
    id: "context-holds-streams",
    defect: "a stream is held back until its end",
    on: "context",
    kills: ["context.stream-cadence"],
    breaks: handlingAll(holdingAll),
  },
];

/** Lets a request pass by the cache while an equal one is on its way. */
function asideFromCrowds(): Defect {
  const running = new Map<string, number>();
  const count = (key: string, by: number) => running.set(key, (running.get(key) ?? 0) + by);
  return asking("cache", async (draft, step) => {
    const key = Buffer.from(draft.bytes).toString();
    if ((running.get(key) ?? 0) > 0) return undefined;
    const outcome = await step.request(draft);
    if (outcome === undefined || !("handler" in outcome)) return outcome;
    count(key, 1);
    const { handler } = outcome;
    return {
      handler: {
        ...handler,
        over() {
          count(key, -1);
          handler.over?.();
        },
      },
    };
  });
}
