/** The step `mcp_tools`: of the tools that an MCP server lists, a client sees those that policy would let it call. */
import type { CheckClient } from "../../ext_authz/mod.ts";
import type { Json } from "../../openai/mod.ts";
import { messageOf } from "../../service/mod.ts";
import {
  type AnswerHandler,
  type JsonObject,
  type RequestDraft,
  type Step,
  StepFailure,
  withJson,
} from "../exchange.ts";
import type { StepFile } from "../transform_schema.ts";
import { isFor } from "./when.ts";

type Settings = NonNullable<StepFile["mcp_tools"]>;

/** Headers that policy set for the list, and that it would set anew for a call. */
const OF_THE_LIST = new Set(["content-length", "x-llm-decision-id"]);

/** Returns the step. Each tool is asked about as its call would be; an engine that cannot be asked fails the list. */
export function mcpToolsStep(settings: Settings, client: CheckClient): Step {
  return {
    request(draft) {
      if (!isFor(settings.when, draft) || draft.json?.method !== "tools/list") return undefined;
      return { handler: filtering((tool) => mayCall(client, settings, { draft, tool })) };
    },
  };
}

async function mayCall(
  client: CheckClient,
  { metadata, timeout_ms: deadlineMs }: Settings,
  { draft, tool }: { readonly draft: RequestDraft; readonly tool: string },
): Promise<boolean> {
  const headers = [...draft.headers].filter(([name]) => !OF_THE_LIST.has(name));
  const called = { method: "tools/call", params: { name: tool } };
  const request = {
    attributes: {
      request: {
        http: {
          id: draft.requestId,
          method: draft.method,
          path: draft.path,
          host: draft.header(":authority") ?? "",
          headers: Object.fromEntries(headers),
        },
      },
      metadata_context: { filter_metadata: { [metadata]: called } },
    },
  };
  try {
    const { decision } = await client.verdict(request as never, { deadlineMs });
    if (decision === "error") throw new Error("it answered with an error");
    return decision === "allow";
  } catch (error) {
    throw new StepFailure("policy_unavailable", `Policy cannot be asked: ${messageOf(error)}`);
  }
}

function filtering(mayCall: (tool: string) => Promise<boolean>): AnswerHandler {
  const filtered = async (json: JsonObject): Promise<JsonObject | undefined> => {
    const result = json.result as JsonObject | undefined;
    if (!Array.isArray(result?.tools)) return undefined;
    const tools = result.tools as JsonObject[];
    const may = await Promise.all(tools.map(({ name }) => mayCall(String(name))));
    if (may.every(Boolean)) return undefined;
    return { ...json, result: { ...result, tools: tools.filter((_, at) => may[at]) as Json[] } };
  };
  return {
    mustRead: true,
    whole: filtered,
    async event(event) {
      const json = event.json && await filtered(event.json);
      return json && [withJson(event, json)];
    },
  };
}
