/** A Responses gateway: the shape of what it makes, what it refuses, and what it keeps. */
import type { Case } from "../case.ts";
import {
  answered,
  API,
  call,
  create,
  creation,
  type Json,
  pathOf,
  refused,
  STATE,
  textOf,
} from "./responses_requests.ts";

/** Items of the conversation that is read page by page, and of a page. */
const ITEMS = 5;
const PAGE = 2;

export const RESPONSE_CASES: readonly Case[] = [
  answered({
    id: "responses.shape",
    level: "must",
    requirement: "A response is complete: its output is a message, its usage adds up",
    source: API,
    async run(t) {
      const made = await create(t);
      t.equal("object", "response", made.object);
      t.equal("status", "completed", made.status);
      t.that("id", /^resp_/.test(made.id), "resp_…", made.id);
      t.equal("created_at is whole seconds", true, Number.isInteger(made.created_at));
      t.equal("error", null, made.error);
      const message = made.output?.find(({ type }: Json) => type === "message");
      t.equal("role", "assistant", message?.role);
      t.equal("type of the content", "output_text", message?.content?.[0]?.type);
      t.that("text", textOf(made) !== "", "not empty", textOf(made));
      const { input_tokens: input, output_tokens: output, total_tokens: total } = made.usage ?? {};
      t.that("tokens", input > 0 && output > 0, "both over 0", made.usage);
      t.equal("total_tokens", input + output, total);
    },
  }),
  answered({
    id: "responses.input-items-form",
    level: "must",
    requirement: "Input may be text or a list of items, with or without their type",
    source: API,
    async run(t) {
      const content = [{ type: "input_text", text: "ping" }];
      const forms = {
        typed: [{ type: "message", role: "user", content }],
        short: [{ role: "user", content: "ping" }],
      };
      for (const [name, input] of Object.entries(forms)) {
        const part = t.fork(name);
        const made = await create(part, { input });
        t.equal(`${name}: status`, "completed", made.status);
      }
    },
  }),
  answered({
    id: "responses.echo",
    level: "must",
    requirement: "A response says what was asked for: instructions, metadata, limits",
    source: API,
    async run(t) {
      const asked = {
        instructions: "Be brief",
        metadata: { case: "echo" },
        max_output_tokens: 64,
        temperature: 0.5,
      };
      const made = await create(t, asked);
      for (const [name, value] of Object.entries(asked)) t.equal(name, value, made[name]);
    },
  }),
  answered({
    id: "responses.refusals",
    level: "must",
    requirement: "What cannot be a request is refused with 400 and OpenAI's error shape",
    source: "OpenAI API reference: error codes",
    async run(t) {
      const bodies: Readonly<Record<string, string>> = {
        "no JSON": "{",
        "no body": "",
        "no model": JSON.stringify({ input: "ping" }),
        "input of a wrong type": JSON.stringify({ model: t.target.model, input: 7 }),
      };
      for (const [name, body] of Object.entries(bodies)) {
        const transcript = await t.fork(name.replaceAll(" ", "-").toLowerCase())
          .ask(creation(t, {}, { body }));
        refused(t, transcript, [400], name);
      }
    },
  }),
  answered({
    id: "responses.stored",
    level: "must",
    requirement: "A response can be read as it was made, and its input items too",
    source: API,
    async run(t) {
      const made = await create(t, { input: "remember this" });
      const read = await call(t, "GET", pathOf(made));
      t.equal("status", 200, read.status);
      for (const name of ["id", "status", "output", "usage", "model"]) {
        t.equal(name, made[name], read.json?.[name]);
      }
      const items = await call(t, "GET", pathOf(made, "/input_items"));
      t.equal("input items: object", "list", items.json?.object);
      t.equal("input items: how many", 1, items.json?.data?.length);
      const said = JSON.stringify(items.json?.data?.[0]?.content ?? "");
      t.that("input items: text", said.includes("remember this"), "what was sent", said);
    },
  }),
  answered({
    id: "responses.deleted",
    level: "must",
    requirement: "A response that was deleted is gone",
    source: API,
    async run(t) {
      const made = await create(t);
      const gone = await call(t, "DELETE", pathOf(made));
      t.equal("status of the deletion", 200, gone.status);
      t.equal("deleted", true, gone.json?.deleted);
      t.equal("status afterwards", 404, (await call(t, "GET", pathOf(made))).status);
    },
  }),
  answered({
    id: "responses.not-stored",
    level: "must",
    requirement: "With store: false nothing is kept",
    source: API,
    async run(t) {
      const made = await create(t, { store: false });
      t.equal("store", false, made.store);
      t.equal("status of the reading", 404, (await call(t, "GET", pathOf(made))).status);
    },
  }),
  answered({
    id: "responses.unknown",
    level: "must",
    requirement: "An id that nobody has is 404; as previous response it is refused",
    source: API,
    async run(t) {
      const id = `resp_${"0".repeat(32)}`;
      refused(t, await t.ask({ method: "GET", path: pathOf({ id }) }), [404], "reading");
      const after = await t.fork("previous").ask(creation(t, { previous_response_id: id }));
      refused(t, after, [400, 404], "previous_response_id");
    },
  }),
  answered({
    id: "responses.previous",
    level: "must",
    requirement: "The turns before previous_response_id are put before the new input",
    source: STATE,
    async run(t) {
      const input = "and now?";
      const first = await create(t.fork("first"), {
        input: "My name is Ada, and I count to ten every morning before the birds wake up.",
      });
      const alone = await create(t.fork("alone"), { input });
      const next = await create(t.fork("next"), { input, previous_response_id: first.id });
      t.equal("previous_response_id", first.id, next.previous_response_id);
      const [more, less] = [next.usage?.input_tokens, alone.usage?.input_tokens];
      t.that("tokens that the model read", more > less, `more than ${less}`, more);
    },
  }),
  answered({
    id: "responses.conversation",
    level: "must",
    requirement: "A conversation holds what was asked and answered, in order",
    source: STATE,
    async run(t) {
      const { json: conversation } = await call(t, "POST", "/v1/conversations", {});
      t.equal("object", "conversation", conversation?.object);
      const made = await create(t, { input: "hello there", conversation: conversation?.id });
      const named = made.conversation?.id ?? made.conversation;
      t.equal("conversation of the response", conversation?.id, named);
      const path = `/v1/conversations/${conversation?.id}/items?order=asc`;
      const { json: items } = await call(t, "GET", path);
      const roles = items?.data?.map(({ role }: Json) => role);
      t.equal("roles of its items", ["user", "assistant"], roles);
    },
  }),
  answered({
    id: "responses.one-past",
    level: "must",
    requirement: "conversation and previous_response_id together are refused with 400",
    source: STATE,
    async run(t) {
      const first = await create(t.fork("first"));
      const { json: conversation } = await call(t, "POST", "/v1/conversations", {});
      const both = { previous_response_id: first.id, conversation: conversation?.id };
      refused(t, await t.ask(creation(t, both)), [400]);
    },
  }),
  answered({
    id: "responses.pages",
    level: "must",
    requirement: "A list is read page by page: after, limit, order and has_more fit together",
    source: "OpenAI API reference: Conversations, list items",
    async run(t) {
      const items = Array.from({ length: ITEMS }, (_, n) => ({
        type: "message",
        role: "user",
        content: [{ type: "input_text", text: `item ${n}` }],
      }));
      const { json: conversation } = await call(t, "POST", "/v1/conversations", { items });
      for (const order of ["asc", "desc"]) {
        const seen: string[] = [];
        let after = "";
        for (let page = 1; page <= ITEMS; page++) {
          const query = `limit=${PAGE}&order=${order}${after && `&after=${after}`}`;
          const path = `/v1/conversations/${conversation?.id}/items?${query}`;
          const { status, json } = await call(t, "GET", path);
          t.equal(`${order}, page ${page}: status`, 200, status);
          const data: Json[] = json?.data ?? [];
          seen.push(...data.map(({ content }) => content?.[0]?.text ?? content));
          t.equal(`${order}, page ${page}: has_more`, seen.length < ITEMS, json?.has_more);
          if (json?.has_more !== true) break;
          t.equal(`${order}, page ${page}: last_id`, data.at(-1)?.id, json.last_id);
          after = json.last_id;
        }
        const all = items.map((_, n) => `item ${n}`);
        t.equal(`${order}: every item once`, order === "asc" ? all : all.reverse(), seen);
      }
    },
  }),
];
