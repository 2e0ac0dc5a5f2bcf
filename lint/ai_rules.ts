/** Filters that read bodies for policy: models of requests and tools of MCP calls, and what gets past them. */
import { type Ingress, isObject, type LintModel, objectsAt } from "../envoy/mod.ts";
import { filters, type Hit, type LintRule } from "./rule.ts";

/** Filters of a type that stand behind policy on their way in. */
function behindPolicy(
  { ingresses }: LintModel,
  isMeant: (filter: Ingress["filters"][number]) => boolean,
): Hit[] {
  return ingresses.flatMap((ingress): Hit[] => {
    const policy = ingress.filters.findIndex(({ type }) => type === "ExtAuthz");
    if (policy < 0) return [];
    return ingress.filters.slice(policy + 1).filter(isMeant).map(({ configPath }) => ({
      path: configPath,
      found: "it reads the body when policy has decided",
    }));
  });
}

/** Whether a filter reads something of requests' bodies under this key. */
function readsKey(config: unknown, wanted: string): boolean {
  return objectsAt(config as never, "request_rules/rules/*/selectors/*")
    .some(({ key }) => key === wanted);
}

const READS_MODEL = "request_info";

/** Whether an AI protocol manager tells what requests say. */
function tellsRequests(config: unknown): boolean {
  return objectsAt(config as never, "filters/*").some(({ name }) =>
    String(name).includes(READS_MODEL)
  );
}

/** Whether a session belongs to who began it: without `validation` its id is never looked at again. */
function isEnforced(identity: unknown): boolean {
  return objectsAt({ identity } as never, "identity/validation").some(({ mode }) =>
    mode === "ENFORCE" || mode === 2
  );
}

/** Rules about policy by model and by MCP tool. */
export const AI_RULES: readonly LintRule[] = [
  {
    id: "mcp.duplicate-keys",
    severity: "error",
    why: "of two tools in one call policy hears the last, and a server may take the first",
    fix: "set `reject_duplicate_keys: true`",
    case: "mcp.duplicate-name",
    source: "Mcp.reject_duplicate_keys",
    check: (model) =>
      filters(model, "Mcp").filter(({ config }) => config.reject_duplicate_keys !== true)
        .map(({ pathOf }) => ({
          path: pathOf("reject_duplicate_keys"),
          found: "a call may name two tools",
        })),
  },
  {
    id: "mcp.pass-through",
    severity: "error",
    why: "batches, and bodies that were read in part, reach the server without policy's knowledge",
    fix: "set `traffic_mode: REJECT_NO_MCP`",
    case: "mcp.batch",
    source: "Mcp.traffic_mode",
    check: (model) =>
      filters(model, "Mcp").filter(({ config }) => config.traffic_mode !== "REJECT_NO_MCP")
        .map(({ pathOf }) => ({
          path: pathOf("traffic_mode"),
          found: "what is no single JSON-RPC request passes",
        })),
  },
  {
    id: "mcp.after-authz",
    severity: "error",
    why: "policy is asked before anybody knows which tool is called",
    fix: "put the filter in front of `ext_authz`",
    case: "mcp.tool-told",
    also: ["mcp.tool-denied", "mcp.tool-escaped"],
    source: "Mcp",
    check: (model) => behindPolicy(model, ({ type }) => type === "Mcp"),
  },
  {
    id: "mcp.session-unbound",
    severity: "warning",
    why: "a session's id is readable text: who writes one has the session of somebody else",
    fix:
      "set `session_identity` to the header or claim that names the client, with `validation: { mode: ENFORCE }`",
    source: "McpRouter.session_identity",
    check: (model) =>
      filters(model, "McpRouter").filter(({ config }) => !isEnforced(config.session_identity))
        .map(({ pathOf }) => ({
          path: pathOf("session_identity"),
          found: "sessions belong to nobody",
        })),
  },
  {
    id: "model.after-authz",
    severity: "error",
    why: "policy is asked before anybody knows which model a request names",
    fix: "put the filter, and the one that writes its header, in front of `ext_authz`",
    case: "model.told",
    also: ["model.denied"],
    source: "AiProtocolManager.filters",
    check: (model) =>
      behindPolicy(
        model,
        ({ type, config }) =>
          type === "AiProtocolManager" && tellsRequests(config) ||
          type === "JsonToMetadata" && readsKey(config, "model"),
      ),
  },
  {
    id: "model.by-metadata",
    severity: "error",
    why:
      "of two models policy hears the last, a body that says it is text is not read, and one beyond 1 MiB is refused",
    fix: "read the model by `ai_protocol_manager` with `request_info` (Envoy 1.40)",
    case: "model.duplicate-key",
    also: ["model.content-type", "model.large-body"],
    source: "JsonToMetadata.request_rules",
    check: (model) =>
      model.ingresses.flatMap((ingress): Hit[] => {
        if (!ingress.filters.some(({ type }) => type === "ExtAuthz")) return [];
        return ingress.filters
          .filter(({ type, config }) => type === "JsonToMetadata" && readsKey(config, "model"))
          .map(({ configPath }) => ({
            path: `${configPath}/request_rules`,
            found: "policy decides on a model that can be read in two ways",
          }));
      }),
  },
  {
    id: "model.body-rewritten",
    severity: "error",
    why: "each body is written anew with sorted keys: bytes differ, and prompt caches miss",
    fix: "set `request_handling: { reserialize_body: DISABLE }`",
    case: "model.bytes-unchanged",
    source: "AiProtocolManager.RequestHandling.reserialize_body",
    check: (model) =>
      filters(model, "AiProtocolManager").filter(({ config }) =>
        tellsRequests(config) &&
        !(isObject(config.request_handling) &&
          config.request_handling.reserialize_body === "DISABLE")
      ).map(({ pathOf }) => ({
        path: pathOf("request_handling/reserialize_body"),
        found: "bodies that were read are written anew",
      })),
  },
];
