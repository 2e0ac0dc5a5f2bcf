/** Responses gateways that mistake a model server's manner, forget what a request builds on, or widen what it allows. */
import { itemIn, requestIn, responseIn, type ResponsesMutant } from "./edits.ts";
import type { FrontTampering, Json } from "./front.ts";

function isCall({ type }: Json): boolean {
  return type === "function_call";
}

/** The types of input items that are left out without a word. */
function forgets(...types: string[]): FrontTampering {
  return requestIn((body) => {
    if (!Array.isArray(body.input)) return;
    body.input = body.input.filter(({ type }: Json) => !types.includes(type));
  });
}

/** Mistakes about what servers stream. */
const OF_SERVERS: readonly ResponsesMutant[] = [
  {
    id: "responses-thought-per-piece",
    defect: "each piece of a thought is an item",
    kills: ["responses.reasoning-pieces"],
    front: responseIn((response) => {
      response.output = response.output?.flatMap((item: Json) =>
        item.type === "reasoning" ? [item, item] : [item]
      );
    }),
  },
  {
    id: "responses-joins-calls",
    defect: "calls are told apart by their index alone: the second is more of the first",
    kills: [
      "responses.calls-same-index",
      "responses.calls-no-index",
      "responses.calls-no-identity",
      "responses.calls-same-id",
    ],
    front: responseIn((response) => {
      const [first, second] = response.output?.filter(isCall) ?? [];
      if (second === undefined) return;
      first.arguments += second.arguments;
      response.output = response.output.filter((item: Json) => item !== second);
    }),
  },
  {
    id: "responses-call-per-id",
    defect: "each new id begins a call",
    kills: ["responses.calls-new-ids", "responses.calls-new-ids-and-names"],
    front: responseIn((response) => {
      const call = response.output?.find(isCall);
      if (call !== undefined) response.output.push({ ...call, name: "", call_id: "again" });
    }),
  },
  {
    id: "responses-early-name",
    defect: "a call has the name that its first piece had",
    kills: ["responses.calls-late-name"],
    front: itemIn((item) => {
      if (isCall(item)) item.name = "";
    }),
  },
  {
    id: "responses-object-object",
    defect: "what is no text is made one by force",
    kills: ["responses.arguments-object", "responses.content-parts"],
    front: itemIn((item) => {
      if (isCall(item)) item.arguments = "[object Object]";
      for (const part of item.content ?? []) part.text = "[object Object]";
    }),
  },
  {
    id: "responses-empty-arguments",
    defect: "a call without arguments has an empty text for them",
    kills: ["responses.no-arguments"],
    front: itemIn((item) => {
      if (item.arguments === "{}") item.arguments = "";
    }),
  },
  {
    id: "responses-tags-are-text",
    defect: "a thought between tags stands in the answer",
    kills: ["responses.thought-tags"],
    front: responseIn((response) => {
      const [thought, message] = response.output ?? [];
      if (thought?.type !== "reasoning" || message?.type !== "message") return;
      const [said] = message.content;
      said.text = `<think>${thought.content[0].text}</think>${said.text}`;
      response.output = [message];
    }),
  },
  {
    id: "responses-last-line-lost",
    defect: "what a stream does not end with a blank line is lost",
    kills: ["responses.loose-events"],
    front: itemIn((item) => {
      if (item.content?.[0]?.text === "Hello") item.content[0].text = "Hel";
    }),
  },
  {
    id: "responses-counts-itself",
    defect: "tokens that nobody counted are estimated",
    kills: ["responses.usage-uncounted"],
    front: responseIn((response) => {
      if (response.status !== "completed") return;
      response.usage ??= { input_tokens: 8, output_tokens: 1, total_tokens: 9 };
    }),
  },
  {
    id: "responses-drops-extra",
    defect: "fields of a call that the API does not have are dropped",
    kills: ["responses.call-extra"],
    front: itemIn((item) => {
      delete item.extra_content;
    }),
  },
  {
    id: "responses-cut-call-complete",
    defect: "every call is complete, also one that was cut",
    kills: ["responses.cut-call"],
    front: itemIn((item) => {
      if (isCall(item)) item.status = "completed";
    }),
  },
];

/** Failures that are told otherwise. */
const OF_ERRORS: readonly ResponsesMutant[] = [
  {
    id: "responses-errors-are-answers",
    defect: "an error in the place of an answer is an empty answer",
    kills: ["responses.error-in-200", "responses.no-answer"],
    front: {
      status: (status) => status >= 500 ? 200 : status,
      json: (body) => {
        if (body.error) Object.assign(body, { error: null, status: "completed", output: [] });
      },
    },
  },
  {
    id: "responses-one-error",
    defect: "every error of the model server is a 502 without its words",
    kills: ["responses.error-first-event", "responses.busy"],
    front: {
      status: (status) => status === 429 || status === 503 ? 502 : status,
      json: (body) => {
        if (body.error) body.error = { message: "broke off", type: "backend_error" };
      },
    },
  },
  {
    id: "responses-ends-well",
    defect: "a stream that failed ends as complete",
    kills: ["responses.error-mid-stream", "responses.failed-finish", "responses.error-line"],
    front: {
      event: (event) => {
        if (event.type !== "response.failed") return [event];
        const response = { ...event.response, status: "completed", error: null };
        return [{ ...event, type: "response.completed", response }];
      },
    },
  },
  {
    id: "responses-makes-up-usage",
    defect: "a response that failed has tokens that nobody counted",
    kills: ["responses.failed-usage"],
    front: responseIn((response) => {
      const usage = { input_tokens: 1, output_tokens: 1, total_tokens: 2 };
      if (response.status === "failed") response.usage ??= usage;
    }),
  },
  {
    id: "responses-one-wording",
    defect: "a request that is too long is a bad request like any other",
    kills: ["responses.too-long"],
    front: {
      json: (body) => {
        if (body.error?.code === "context_length_exceeded") body.error.code = "invalid_request";
      },
    },
  },
  {
    id: "responses-never-truncates",
    defect: "truncation is ignored",
    kills: ["responses.truncation"],
    front: requestIn((body) => delete body.truncation),
  },
];

/** Mutants that lose the state that a request builds on. */
const OF_STATE: readonly ResponsesMutant[] = [
  {
    id: "responses-forgets-references",
    defect: "references to items are left out",
    kills: ["responses.item-reference"],
    front: forgets("item_reference"),
  },
  {
    id: "responses-forgets-chains",
    defect: "a chain is not followed",
    kills: ["responses.long-chain", "responses.reasoning-chain"],
    front: requestIn((body) => delete body.previous_response_id),
  },
  {
    id: "responses-forgets-thoughts",
    defect: "reasoning items of a history are not shown to the model",
    kills: ["responses.reasoning-history", "responses.reasoning-sealed"],
    front: forgets("reasoning"),
  },
  {
    id: "responses-forgets-conversations",
    defect: "a conversation is not looked up",
    kills: ["responses.conversation-in-turn"],
    front: requestIn((body) => delete body.conversation),
  },
];

/** Mutants that ignore the tools that a request offers or restricts. */
const OF_TOOLS: readonly ResponsesMutant[] = [
  {
    id: "responses-widens-choices",
    defect: "tool_choice is left out",
    kills: [
      "responses.allowed-tools",
      "responses.choice-named",
      "responses.choice-unknown",
    ],
    front: requestIn((body) => delete body.tool_choice),
  },
  {
    id: "responses-flat-names",
    defect: "a call of a namespace's tool does not say whose it is",
    kills: ["responses.namespace"],
    front: itemIn((item) => delete item.namespace),
  },
  {
    id: "responses-custom-is-function",
    defect: "a custom tool is called as a function",
    kills: ["responses.custom-tool"],
    front: itemIn((item) => {
      if (item.type === "custom_tool_call") item.type = "function_call";
    }),
  },
  {
    id: "responses-drops-unknown-tools",
    defect: "a tool of an unknown kind is taken out of the response",
    kills: ["responses.unknown-tool"],
    front: responseIn((response) => {
      response.tools = response.tools?.filter(({ type }: Json) => type === "function");
    }),
  },
  {
    id: "responses-text-outputs",
    defect: "the output of a function is its text, and nothing else",
    kills: ["responses.output-image"],
    front: requestIn((body) => {
      if (!Array.isArray(body.input)) return;
      for (const item of body.input) if (Array.isArray(item.output)) item.output = "";
    }),
  },
  {
    id: "responses-knows-functions-only",
    defect: "calls of custom tools and shells are left out of a history",
    kills: ["responses.custom-history"],
    front: forgets(
      ...["custom_tool_call", "custom_tool_call_output"],
      ...["local_shell_call", "local_shell_call_output"],
    ),
  },
];

export const STATE_MUTANTS: readonly ResponsesMutant[] = [
  ...OF_SERVERS,
  ...OF_ERRORS,
  ...OF_STATE,
  ...OF_TOOLS,
];
