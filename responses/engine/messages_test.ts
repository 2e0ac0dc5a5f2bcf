/** A history as a model gets it, item by item. */
import assert from "node:assert/strict";
import type { Item } from "../api/objects.ts";
import { messagesOf } from "./messages.ts";
import { arranged } from "./system_messages.ts";

const IMAGE = { type: "input_image", image_url: "data:image/png;base64,AA==" };
const shownImage = { type: "image_url", image_url: { url: IMAGE.image_url } };

function call(id: string, name: string, args = "{}") {
  return { id, type: "function", function: { name, arguments: args } };
}

function shown(...items: Item[]) {
  return messagesOf(items, { reasoningField: "reasoning_content" });
}

Deno.test("images in the outputs of tools follow the last of these outputs", () => {
  const messages = shown(
    { type: "function_call", call_id: "a", name: "f", arguments: "{}" },
    { type: "function_call", call_id: "b", name: "g", arguments: "{}" },
    { type: "function_call_output", call_id: "a", output: [IMAGE] },
    {
      type: "function_call_output",
      call_id: "b",
      output: [{ type: "input_text", text: "seen" }, IMAGE],
    },
    { type: "message", role: "user", content: "and?" },
  );
  assert.deepEqual(messages.map(({ role }) => role), ["assistant", "tool", "tool", "user", "user"]);
  assert.equal(messages[2]?.content, "seen");
  const media = messages[3]?.content as { type: string }[];
  assert.deepEqual(media.filter(({ type }) => type === "image_url"), [shownImage, shownImage]);
});

Deno.test("custom, shell and computer calls are calls to the model, with what came of them", () => {
  const messages = shown(
    { type: "custom_tool_call", call_id: "a", name: "patch", input: "*** x" },
    { type: "custom_tool_call_output", call_id: "a", output: "done" },
    {
      type: "local_shell_call",
      call_id: "b",
      status: "completed",
      action: { type: "exec", command: ["ls"] },
    },
    { type: "local_shell_call_output", call_id: "b", output: "x.txt" },
    { type: "shell_call_output", call_id: "c", output: [{ stdout: "1", stderr: "" }] },
    {
      type: "computer_call_output",
      call_id: "d",
      output: { type: "computer_screenshot", ...{ image_url: IMAGE.image_url } },
    },
    {
      type: "code_interpreter_call",
      id: "ci_1",
      code: "1+1",
      outputs: [{ type: "logs", logs: "2" }],
    },
  );
  assert.deepEqual(messages.slice(0, 4), [
    { role: "assistant", content: null, tool_calls: [call("a", "patch", '{"input":"*** x"}')] },
    { role: "tool", tool_call_id: "a", content: "done" },
    {
      role: "assistant",
      content: null,
      tool_calls: [call("b", "local_shell", '{"type":"exec","command":["ls"]}')],
    },
    { role: "tool", tool_call_id: "b", content: "x.txt" },
  ]);
  const text = JSON.stringify(messages);
  for (const part of ["stdout", "AA==", "code_interpreter", '\\"code\\":\\"1+1\\"', "logs"]) {
    assert.ok(text.includes(part), part);
  }
});

Deno.test("an output without a call is told as the user's word", () => {
  const told = { type: "function_call_output", namespace: "agent", name: "goal", output: "win" };
  assert.deepEqual(shown(told), [{ role: "user", content: "goal: win" }]);
});

Deno.test("an item that nobody knows is refused, and not left out", () => {
  assert.throws(() => shown({ type: "hologram", id: "h" }), /type 'hologram'/);
  const parts = [{ type: "output_text", text: "x" }, IMAGE];
  assert.throws(() => shown({ type: "message", role: "assistant", content: parts }), /text alone/);
});

Deno.test("thoughts go back with the message or the call that followed them", () => {
  const thought = (text: string) => ({
    type: "reasoning",
    summary: [],
    content: [{ type: "reasoning_text", text }],
  });
  const messages = shown(
    { type: "message", role: "user", content: "q" },
    thought("one"),
    { type: "function_call", call_id: "a", name: "f", arguments: "{}" },
    { type: "function_call_output", call_id: "a", output: "1" },
    { type: "reasoning", summary: [{ type: "summary_text", text: "two" }], content: null },
    { type: "message", role: "assistant", content: "answer" },
    { type: "message", role: "user", content: "next" },
  );
  assert.deepEqual(messages.map((message) => message["reasoning_content"]), [
    undefined,
    "one",
    undefined,
    "two",
    undefined,
  ]);
  const none = messagesOf([thought("x"), { type: "message", role: "assistant", content: "a" }]);
  assert.deepEqual(none, [{ role: "assistant", content: "a" }]);
});

Deno.test("a call of a namespace has the name under which it was offered", () => {
  const [message] = shown({
    type: "function_call",
    call_id: "a",
    namespace: "mcp__files__",
    name: "read",
    arguments: { path: "x" },
  });
  assert.deepEqual(message?.tool_calls, [call("a", "mcp__files__read", '{"path":"x"}')]);
});

Deno.test("a refusal of a call stands where it was given", () => {
  const messages = shown(
    { type: "mcp_approval_request", id: "r", name: "rm", arguments: "{}", server_label: "s" },
    { type: "mcp_approval_response", approval_request_id: "r", approve: false },
    { type: "message", role: "assistant", content: "then not" },
  );
  assert.deepEqual(messages.map(({ role }) => role), ["assistant", "tool", "assistant"]);
});

Deno.test("system and developer messages are arranged as a template takes them", () => {
  const messages = [
    { role: "system", content: "S" },
    { role: "user", content: "a" },
    { role: "developer", content: "D" },
  ];
  assert.deepEqual(arranged(messages, "first"), [
    { role: "system", content: "S\n\nD" },
    { role: "user", content: "a" },
  ]);
  assert.deepEqual(arranged(messages, "in_place").map(({ role }) => role), [
    "system",
    "user",
    "system",
  ]);
  assert.deepEqual(arranged(messages, "developer"), messages);
});
