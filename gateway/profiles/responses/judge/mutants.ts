/** Mutants of the Responses gateway. */
import {
  addBefore,
  header,
  headerMutation,
  lentKey,
  lua,
  removeFilter,
} from "../../../../mutants/mod.ts";
import { responseIn, type ResponsesMutant } from "./edits.ts";
import type { Json } from "./front.ts";
import { STATE_MUTANTS } from "./state_mutants.ts";

/** Lua: what is asked of vector stores and files is asked for one tenant, whoever asks. */
const SHARED_STORES = `function envoy_on_request(handle)
  local path = handle:headers():get(":path")
  if path:find("^/v1/vector_stores") or path:find("^/v1/files") then
    handle:headers():replace("x-tenant", "everybody")
  end
end`;

const MUTANTS: readonly ResponsesMutant[] = [
  {
    id: "responses-usage-off",
    defect: "total_tokens leaves out the answer",
    kills: ["responses.shape"],
    front: responseIn(({ usage }) => {
      if (usage) usage.total_tokens = usage.input_tokens;
    }),
  },
  {
    id: "responses-text-only",
    defect: "input that is a list of items is not answered",
    kills: ["responses.input-items-form", "responses.function-output"],
    front: {
      json: (body, request) => {
        if (Array.isArray(request.body?.input)) body.status = "failed";
      },
    },
  },
  {
    id: "responses-forgets-what-was-asked",
    defect: "metadata is dropped",
    kills: ["responses.echo"],
    front: responseIn((response) => response.metadata = {}),
  },
  {
    id: "responses-refuses-as-500",
    defect: "what cannot be a request is a fault of the server",
    kills: ["responses.refusals", "responses.stream-denied"],
    front: { status: (status) => status === 400 ? 500 : status },
  },
  {
    id: "responses-keeps-no-output",
    defect: "a response that is read has no output",
    kills: ["responses.stored"],
    front: {
      json: (body, { method }) => {
        if (method === "GET" && body.object === "response") body.output = [];
      },
    },
  },
  {
    id: "responses-deletes-nothing",
    defect: "a deletion is acknowledged and not done",
    kills: ["responses.deleted"],
    front: {
      answer: ({ method, path }) =>
        method === "DELETE"
          ? { id: path.split("/").at(-1), object: "response", deleted: true }
          : undefined,
    },
  },
  {
    id: "responses-stores-always",
    defect: "store: false is acknowledged and ignored",
    kills: ["responses.not-stored"],
    front: {
      request: (request) => {
        if (request.body?.store === false) [request.body.store, request.body.told] = [true, false];
      },
      json: (body, { body: asked }) => {
        if (asked?.told === false) body.store = false;
      },
    },
  },
  {
    id: "responses-finds-anything",
    defect: "an id that nobody has is an empty answer",
    kills: ["responses.unknown"],
    front: { status: (status) => status === 404 ? 200 : status },
  },
  {
    id: "responses-forgets-the-past",
    defect: "previous_response_id is repeated and not looked up",
    kills: ["responses.previous"],
    front: {
      request: ({ body }) => {
        if (!body?.previous_response_id) return;
        body.told = body.previous_response_id;
        delete body.previous_response_id;
      },
      json: (body, { body: asked }) => {
        if (asked?.told) body.previous_response_id = asked.told;
      },
    },
  },
  {
    id: "responses-conversation-forgets-answers",
    defect: "a conversation keeps only what the user said",
    kills: ["responses.conversation"],
    front: {
      json: (body) => {
        if (body.object !== "list") return;
        body.data = body.data.filter(({ role }: Json) => role !== "assistant");
      },
    },
  },
  {
    id: "responses-two-pasts",
    defect: "a conversation wins over previous_response_id, without a word",
    kills: ["responses.one-past"],
    front: {
      request: ({ body }) => {
        if (body?.conversation) delete body.previous_response_id;
      },
    },
  },
  {
    id: "responses-one-page",
    defect: "a list says that nothing follows",
    kills: ["responses.pages"],
    front: {
      json: (body) => {
        if (body.object === "list") body.has_more = false;
      },
    },
  },
  {
    id: "responses-parts-unannounced",
    defect: "a part's text comes without the part's beginning",
    kills: ["responses.events"],
    front: { event: (event) => event.type === "response.content_part.added" ? [] : [event] },
  },
  {
    id: "responses-unnumbered",
    defect: "every event has the same sequence_number",
    kills: ["responses.sequence"],
    front: { event: (event) => [{ ...event, sequence_number: 0 }] },
  },
  {
    id: "responses-trims-the-end",
    defect: "the text at the end is not what the deltas said",
    kills: ["responses.stream-adds-up"],
    front: {
      event: (event) =>
        event.type === "response.output_text.done"
          ? [{ ...event, text: event.text.slice(1) }]
          : [event],
    },
  },
  {
    id: "responses-buffers",
    defect: "a stream is sent when it is whole",
    kills: ["responses.lockstep"],
    front: { holdsBack: true },
  },
  {
    id: "responses-stays-on",
    defect: "the model is heard to its end although nobody listens",
    kills: ["responses.client-leaves"],
    front: { staysOn: true },
  },
  {
    id: "responses-cuts-arguments",
    defect: "the arguments of a call are an empty object in the end",
    kills: ["responses.function-call"],
    front: responseIn(({ output }) => {
      for (const item of output ?? []) if (item.type === "function_call") item.arguments = "{}";
    }),
  },
  {
    id: "responses-hides-failures",
    defect: "a model that failed is an empty answer that is complete",
    kills: ["responses.model-refuses", "responses.model-breaks"],
    front: {
      status: (status) => status >= 500 ? 200 : status,
      json: (body) => {
        if (body.status === "failed") body.status = "completed";
        body.error = null;
      },
      event: (event) => {
        const response = { ...event.response, status: "completed", error: null };
        return [
          /failed$|^error$/.test(event.type)
            ? { ...event, type: "response.completed", response }
            : event,
        ];
      },
    },
  },
  {
    id: "responses-cut-is-complete",
    defect: "an answer that was cut is called complete",
    kills: ["responses.incomplete"],
    front: {
      event: (event) =>
        event.type === "response.incomplete"
          ? [{
            ...event,
            type: "response.completed",
            response: { ...event.response, status: "completed", incomplete_details: null },
          }]
          : [event],
    },
  },
  {
    id: "responses-no-background",
    defect: "a response in the background is answered when it is done",
    kills: ["responses.background"],
    front: {
      request: ({ body }) => {
        if (body?.background) body.background = false;
      },
    },
  },
  {
    id: "responses-cancels-in-name",
    defect: "a cancellation is acknowledged, and the model goes on",
    kills: ["responses.cancelled"],
    front: {
      answer: ({ path }) => path.endsWith("/cancel") ? { status: "cancelled" } : undefined,
    },
  },
  {
    id: "responses-finds-worst-first",
    defect: "what a search finds comes worst first",
    kills: ["responses.vector-store-search"],
    front: {
      json: (body, { path }) => {
        if (path.endsWith("/search")) body.data?.reverse();
      },
    },
  },
  {
    id: "responses-stores-keep-files",
    defect: "a file is taken out of a vector store in name only",
    kills: ["responses.vector-store-deleted"],
    front: {
      answer: ({ method, path }) =>
        method === "DELETE" && /^\/v1\/vector_stores\/[^/]+\/files\//.test(path)
          ? { id: path.split("/").at(-1), object: "vector_store.file.deleted", deleted: true }
          : undefined,
    },
  },
  {
    id: "responses-lends-vector-stores",
    defect: "every tenant searches in all vector stores",
    kills: ["responses.tenants-vector-store"],
    edit: (config) => addBefore(config, "ext_proc", lua(SHARED_STORES)),
  },
  {
    id: "responses-without-policy",
    defect: "nobody is asked for a credential",
    kills: ["responses.denied"],
    edit: (config) => removeFilter(config, "ext_authz"),
  },
  {
    id: "responses-key-for-anybody",
    defect: "who brings no credential is lent one",
    kills: ["responses.denied"],
    edit: (config) => addBefore(config, "ext_authz", lentKey()),
  },
  {
    id: "responses-one-tenant",
    defect: "every request counts as the same tenant's",
    kills: [
      "responses.tenants",
      "responses.tenants-conversation",
      "responses.tenants-vector-store",
    ],
    edit: (config) => {
      const tenant = header("x-tenant", "everybody", "OVERWRITE_IF_EXISTS_OR_ADD");
      addBefore(config, "ext_proc", headerMutation({ append: tenant }));
    },
  },
  {
    id: "responses-ends-like-chat",
    defect: "a stream ends with the [DONE] of Chat Completions",
    kills: ["responses.no-done"],
    front: { doneAtEnd: true },
  },
];

/** Responses gateways that are broken on purpose. */
export const RESPONSES_MUTANTS: readonly ResponsesMutant[] = [...MUTANTS, ...STATE_MUTANTS].map((
  mutant,
) => mutant.front === undefined ? mutant : { ...mutant, means: "front" });
