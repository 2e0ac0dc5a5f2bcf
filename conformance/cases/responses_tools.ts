/** A Responses gateway: what a request offers, what it rules out, and what it carries for the model. */
import type { Case } from "../case.ts";
import { functionTool, modelAnswer, rolesOf, shown } from "./responses_model.ts";
import { answered, API, create, creation, type Json, refused } from "./responses_requests.ts";

const TOOLS = [functionTool("look"), functionTool("wipe")];
const CALLING = "OpenAI API guide: function calling";
const PIXEL = "data:image/png;base64,iVBORw0KGgo=";

function namesOf({ tools }: Json): string[] {
  return (tools ?? []).map((tool: Json) => tool.function?.name);
}

/** The model calls this function. */
function calling(name: string, args: object) {
  const call = { id: "a", type: "function", function: { name, arguments: JSON.stringify(args) } };
  return modelAnswer({ tool_calls: [call] }, "tool_calls");
}

export const RESPONSE_TOOL_CASES: readonly Case[] = [
  answered({
    id: "responses.allowed-tools",
    level: "must",
    control: "upstream",
    requirement: "Tools that allowed_tools rules out are not offered, or ruled out at the model",
    source: CALLING,
    async run(t) {
      const tools = [{ type: "function", name: "look" }];
      await create(t, {
        tools: TOOLS,
        tool_choice: { type: "allowed_tools", mode: "auto", tools },
      });
      const asked = await shown(t);
      const native = typeof asked.tool_choice === "object" && asked.tool_choice !== null;
      t.that("tools of the model", native || !namesOf(asked).includes("wipe"), "look alone", asked);
    },
  }),
  answered({
    id: "responses.choice-named",
    level: "must",
    control: "upstream",
    requirement: "A tool that must be called is named to the model",
    source: CALLING,
    async run(t) {
      await create(t, { tools: TOOLS, tool_choice: { type: "function", name: "look" } });
      const wanted = { type: "function", function: { name: "look" } };
      t.equal("tool_choice", wanted, (await shown(t)).tool_choice);
    },
  }),
  answered({
    id: "responses.choice-unknown",
    level: "must",
    requirement: "A tool_choice that names a tool which is not there is refused with 400",
    source: CALLING,
    async run(t) {
      const choices = {
        function: { type: "function", name: "fly" },
        allowed: {
          type: "allowed_tools",
          mode: "auto",
          tools: [{ type: "function", name: "fly" }],
        },
      };
      for (const [name, tool_choice] of Object.entries(choices)) {
        const body = creation(t, { tools: TOOLS, tool_choice });
        refused(t, await t.fork(name).ask(body), [400], name);
      }
    },
  }),
  answered({
    id: "responses.namespace",
    level: "must",
    control: "upstream",
    requirement: "Tools of a namespace are offered, and their calls name both",
    source: "OpenAI API reference: Responses, tools, namespace",
    async run(t) {
      const inner = [functionTool("look")];
      const tools = [...TOOLS, { type: "namespace", name: "garden", tools: inner }];
      const part = t.fork("asked");
      await create(part, { tools });
      const offered = namesOf(await shown(part));
      t.equal("tools of the model", 3, new Set(offered).size);
      const name = offered.find((one) => !["look", "wipe"].includes(one)) ?? "";
      const next = t.fork("called");
      next.upstream.script(...calling(name, { city: "Oslo" }));
      const made = await create(next, { tools });
      const call = made.output?.find(({ type }: Json) => type === "function_call");
      t.equal("name of the call", "look", call?.name);
      t.equal("its namespace", "garden", call?.namespace);
    },
  }),
  answered({
    id: "responses.custom-tool",
    level: "must",
    control: "upstream",
    requirement: "A custom tool is offered, and its call is a text",
    source: "OpenAI API guide: custom tools",
    async run(t) {
      const format = { type: "grammar", syntax: "lark", definition: "start: /x+/" };
      const tools = [{ type: "custom", name: "patch", description: "Patches", format }];
      t.upstream.script(...calling("patch", { input: "line 1\nline 2" }));
      const made = await create(t, { tools });
      t.equal("tools of the model", ["patch"], namesOf(await shown(t)));
      const call = made.output?.find(({ type }: Json) => type === "custom_tool_call");
      t.equal("name of the call", "patch", call?.name);
      t.equal("its input", "line 1\nline 2", call?.input);
    },
  }),
  answered({
    id: "responses.unknown-tool",
    level: "must",
    requirement: "A kind of tool that the gateway does not know is kept, and no error",
    source: API,
    async run(t) {
      const tools = [functionTool("look"), { type: "holodeck", program: "x" }];
      const made = await create(t, { tools });
      t.equal("status", "completed", made.status);
      const types = made.tools?.map(({ type }: Json) => type);
      t.equal("tools of the response", ["function", "holodeck"], types);
    },
  }),
  answered({
    id: "responses.output-image",
    level: "must",
    control: "upstream",
    requirement: "An image in the output of a function reaches the model, or is refused",
    source: CALLING,
    async run(t) {
      const output = [{ type: "input_image", image_url: PIXEL }];
      const input = [
        { role: "user", content: "look" },
        { type: "function_call", call_id: "a", name: "look", arguments: "{}" },
        { type: "function_call_output", call_id: "a", output },
      ];
      const transcript = await t.ask(creation(t, { input, tools: TOOLS }));
      if (transcript.head?.status === 400) return;
      const said = JSON.stringify(await shown(t));
      t.equal("the image is in the request", true, said.includes(PIXEL));
    },
  }),
  answered({
    id: "responses.custom-history",
    level: "must",
    control: "upstream",
    requirement: "Calls of custom tools and of shells in a history reach the model",
    source: API,
    async run(t) {
      const input = [
        { role: "user", content: "go" },
        { type: "custom_tool_call", call_id: "a", name: "patch", input: "the patch" },
        { type: "custom_tool_call_output", call_id: "a", output: "patched it" },
        {
          type: "local_shell_call",
          id: "lsh_1",
          call_id: "b",
          status: "completed",
          action: { type: "exec", command: ["ls", "/tmp"], env: {} },
        },
        { type: "local_shell_call_output", call_id: "b", output: "a file" },
      ];
      await create(t, { input });
      const said = JSON.stringify(await shown(t));
      for (const part of ["the patch", "patched it", "/tmp", "a file"]) {
        t.that(`"${part}" is in the request`, said.includes(part), "shown", "left out");
      }
    },
  }),
  answered({
    id: "responses.system-first",
    level: "should",
    control: "upstream",
    requirement: "Instructions and developer messages are one system message, and the first",
    source: "Project: chat templates take one system message, at the beginning",
    async run(t) {
      const input = [
        { role: "developer", content: "one" },
        { role: "user", content: "a" },
        { role: "assistant", content: "b" },
        { role: "developer", content: "two" },
        { role: "user", content: "c" },
      ];
      await create(t, { input, instructions: "zero" });
      const asked = await shown(t);
      t.equal("roles", ["system", "user", "assistant", "user"], rolesOf(asked));
      const said = String(asked.messages?.[0]?.content);
      const all = ["zero", "one", "two"].every((part) => said.includes(part));
      t.that("the system message", all, "all three", said);
    },
  }),
];
