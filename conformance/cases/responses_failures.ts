/** A Responses gateway: models that fail, work in the background, and other tenants. */
import type { Case } from "../case.ts";
import { jsonOf, type Transcript } from "../client/transcript.ts";
import type { CaseContext } from "../context.ts";
import {
  answered,
  API,
  call,
  create,
  creation,
  eventsOf,
  type Json,
  modelChunk,
  modelStream,
  pathOf,
  refused,
  streamed,
  STREAMING,
  TENANCY,
} from "./responses_requests.ts";
import { asTenant } from "./responses_tenants.ts";
import { jsonAnswer, STREAM_HEAD } from "./shapes.ts";

/** Last events of a stream of a response. */
const LAST = /^response\.(completed|failed|incomplete)$|^error$/;

function lastOf(transcript: Transcript): Json {
  return eventsOf(transcript).filter((event) => LAST.test(event?.type ?? "")).at(-1);
}

/** Resolves with the response once its status is one of these; each look is a request. */
async function until(t: CaseContext, made: Json, statuses: readonly string[]): Promise<Json> {
  for (;;) {
    t.signal.throwIfAborted();
    const { json } = await call(t, "GET", pathOf(made));
    if (json === undefined || statuses.includes(json.status)) return json;
  }
}

export const RESPONSE_FAILURE_CASES: readonly Case[] = [
  streamed({
    id: "responses.model-refuses",
    level: "must",
    control: "upstream",
    requirement: "A model that fails is no complete response: an error, or status failed",
    source: STREAMING,
    async run(t) {
      const broken = jsonAnswer('{"error":{"message":"out of memory","type":"server_error"}}', 500);
      for (const stream of [false, true]) {
        const part = t.fork(stream ? "streamed" : "whole");
        part.upstream.script(...broken);
        const transcript = await part.ask(creation(t, { stream }));
        const said = stream ? lastOf(transcript)?.response ?? lastOf(transcript) : undefined;
        const made = said ?? jsonOf(transcript);
        const name = stream ? "streamed" : "whole";
        t.that(`${name}: an error`, Boolean(made?.error), "error is set", made?.error);
        t.that(`${name}: status`, made?.status !== "completed", "not completed", made?.status);
      }
    },
  }),
  streamed({
    id: "responses.model-breaks",
    level: "must",
    control: "upstream",
    requirement:
      "A model that breaks off its stream ends in response.failed, and is kept as failed",
    source: STREAMING,
    async run(t) {
      t.upstream.script(STREAM_HEAD, modelChunk({ content: "half" }), { abort: "fin" });
      const transcript = await t.ask(creation(t, { stream: true }));
      const last = lastOf(transcript);
      t.equal("last event", "response.failed", last?.type);
      t.that("error", Boolean(last?.response?.error), "set", last?.response?.error);
      const read = await call(t.fork("read"), "GET", pathOf(last?.response ?? {}));
      t.equal("status that is kept", "failed", read.json?.status);
    },
  }),
  streamed({
    id: "responses.incomplete",
    level: "must",
    control: "upstream",
    requirement: "An answer that was cut at max_output_tokens is incomplete, and says why",
    source: API,
    async run(t) {
      t.upstream.script(...modelStream([{ content: "a long" }], "length"));
      const transcript = await t.ask(creation(t, { stream: true, max_output_tokens: 16 }));
      const last = lastOf(transcript);
      t.equal("last event", "response.incomplete", last?.type);
      t.equal("status", "incomplete", last?.response?.status);
      t.equal("reason", "max_output_tokens", last?.response?.incomplete_details?.reason);
    },
  }),
  answered({
    id: "responses.background",
    level: "must",
    control: "upstream",
    requirement:
      "In the background a response is answered at once, and can be read when it is done",
    source: "OpenAI API reference: background mode",
    async run(t) {
      t.upstream.script(
        STREAM_HEAD,
        modelChunk({ content: "late" }),
        { barrier: "held" },
        ...modelStream([], "stop").slice(1),
      );
      const transcript = await t.ask(creation(t, { background: true }));
      const made = jsonOf(transcript) ?? {};
      t.oneOf("status at once", ["queued", "in_progress"], made.status);
      await t.upstream.arrival("held");
      const held = await call(t.fork("held"), "GET", pathOf(made));
      t.oneOf("status while the model is held", ["queued", "in_progress"], held.json?.status);
      t.upstream.release("held");
      const done = await until(t.fork("done"), made, ["completed", "failed", "cancelled"]);
      t.equal("status in the end", "completed", done?.status);
    },
  }),
  answered({
    id: "responses.cancelled",
    level: "must",
    control: "upstream",
    requirement: "A response in the background can be cancelled, and its model is left",
    source: "OpenAI API reference: cancel a response",
    async run(t) {
      t.upstream.script(STREAM_HEAD, modelChunk({ content: "never" }), { hang: true });
      const made = jsonOf(await t.ask(creation(t, { background: true }))) ?? {};
      await t.upstream.request();
      const { status, json } = await call(t.fork("cancel"), "POST", pathOf(made, "/cancel"));
      t.equal("status of the cancellation", 200, status);
      t.equal("status of the response", "cancelled", json?.status);
      const { end } = await t.upstream.request(
        "end of the model's stream",
        (entry) => entry.endedAt !== undefined,
      );
      t.that("who ended it", /^client/.test(end ?? ""), "the gateway", end);
    },
  }),
  answered({
    id: "responses.denied",
    level: "must",
    control: "upstream",
    requirement: "Without a credential neither a response is made nor one read",
    source: "Project: default deny",
    async run(t) {
      const made = await create(t.fork("made"));
      refused(t, await t.ask(creation(t, {}, { as: "nobody" })), [401, 403], "creation");
      t.equal("requests at the model", 0, t.upstream.requests().length);
      const read = await t.fork("read")
        .ask({ method: "GET", path: pathOf(made), as: "nobody" });
      refused(t, read, [401, 403], "reading");
    },
  }),
  answered({
    id: "responses.tenants",
    level: "must",
    control: "both",
    requirement: "What one tenant made, another can neither read, use, cancel nor delete",
    source: TENANCY,
    async run(t) {
      const own = asTenant(t.fork("own"), "case-owner");
      const made = await create(own, { input: "a secret" });
      const other = () => asTenant(t.fork(`other-${forks++}`), "case-stranger");
      let forks = 0;
      for (const [method, part] of ATTEMPTS) {
        const { status } = await call(other(), method, pathOf(made, part));
        t.equal(`${method} ${part || "/"}`, 404, status);
      }
      const used = other();
      const after = await used.ask(creation(t, { previous_response_id: made.id }));
      refused(t, after, [400, 404], "previous_response_id");
      const { json: list } = await call(other(), "GET", "/v1/responses?limit=100");
      const ids = (list?.data ?? []).map(({ id }: Json) => id);
      t.equal("in a stranger's list", false, ids.includes(made.id));
      const kept = await call(asTenant(t.fork("again"), "case-owner"), "GET", pathOf(made));
      t.equal("still there for its owner", 200, kept.status);
    },
  }),
  answered({
    id: "responses.tenants-conversation",
    level: "must",
    control: "both",
    requirement: "Another tenant's conversation can be neither read nor gone on with",
    source: TENANCY,
    async run(t) {
      const own = asTenant(t.fork("own"), "case-owner");
      const { json: conversation } = await call(own, "POST", "/v1/conversations", {});
      const path = `/v1/conversations/${conversation?.id}`;
      const other = asTenant(t.fork("other"), "case-stranger");
      t.equal("reading", 404, (await call(other, "GET", path)).status);
      t.equal("reading its items", 404, (await call(other, "GET", `${path}/items`)).status);
      const gone = await other.ask(creation(t, { conversation: conversation?.id }));
      refused(t, gone, [400, 404], "going on");
      t.equal("deleting", 404, (await call(other, "DELETE", path)).status);
    },
  }),
  answered({
    id: "responses.stream-denied",
    level: "must",
    requirement: "A stream that is refused is JSON with the right status, never an event stream",
    source: API,
    async run(t) {
      const broken = creation(t, {}, { body: '{"stream":true,"model":' });
      refused(t, await t.ask(broken), [400]);
      const unknown = await t.fork("unknown").ask(
        creation(t, { stream: true, previous_response_id: `resp_${"0".repeat(32)}` }),
      );
      refused(t, unknown, [400, 404], "unknown previous response");
    },
  }),
];

/** Attempts of a stranger: method, and suffix of the response's path. */
const ATTEMPTS: readonly (readonly [string, string])[] = [
  ["GET", ""],
  ["GET", "/input_items"],
  ["POST", "/cancel"],
  ["DELETE", ""],
];
