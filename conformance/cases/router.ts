/** A model router: where a request goes by its model, and what is refused. */
import { BOTH, type Case } from "../case.ts";
import { jsonOf, sha256, textOf, type Transcript, valueOf } from "../client/transcript.ts";
import type { CaseContext, ChatOptions } from "../context.ts";
import type { RoutedBackend, RouterFeature, UpstreamRecord } from "../target.ts";
import { chunkText, DONE, filler, jsonAnswer, STREAM_HEAD, streamOf } from "./shapes.ts";
import { lockstep } from "./stream.ts";

export const ROUTES = "routes.json of the vLLM router: name, model, path_prefix";
const ERRORS = "OpenAI API reference: error codes";

/** Requests in a row: enough that each of three hosts would be met in turn. */
export const SEVERAL = 6;

/** Returns the target's declaration of its router; without it, nothing here can be judged. */
export function routerOf(t: CaseContext): RouterFeature {
  return t.target.router ?? t.undeclared("The router's backends are not ours");
}

/** The backends that got a request of this case. */
export function takersOf(t: CaseContext): RoutedBackend[] {
  const mine = ({ nonce }: UpstreamRecord) => nonce === t.nonce;
  return routerOf(t).backends.filter(({ journal }) => journal.entries().some(mine));
}

/** A case of the group; `feature` where it needs a router that runs in a special way. */
export function routed(one: Omit<Case, "control"> & Partial<Pick<Case, "control">>): Case {
  return { control: "upstream", feature: "router", ...one };
}

/** Asks for the chat model; `body` is put over the usual fields. */
export function chatWith(t: CaseContext, options: ChatOptions = {}): ChatOptions {
  const { chat } = routerOf(t);
  const body = typeof options.body === "string" || options.body instanceof Uint8Array
    ? options.body
    : { model: chat.model, ...options.body };
  return { path: chat.path, ...options, body };
}

/** Checks a refusal: its status and code, OpenAI's shape, and that no backend saw the request. */
function refused(
  t: CaseContext,
  transcript: Transcript,
  expected: { status: number; code: string; name?: string },
): void {
  const { status, code, name = "refusal" } = expected;
  const error = jsonOf(transcript)?.error;
  t.equal(`${name}: status`, status, transcript.head?.status);
  t.equal(`${name}: code`, code, error?.code);
  t.equal(`${name}: fields`, ["message", "type", "param", "code"], Object.keys(error ?? {}));
  const type = valueOf(transcript.head?.headers ?? [], "content-type");
  t.equal(`${name}: content-type`, "application/json", type);
  t.equal(`${name}: requests at the backends`, 0, t.upstream.requests().length);
}

export const ROUTER_CASES: readonly Case[] = [
  routed({
    id: "router.model-from-body",
    level: "must",
    requirement: "The model in the body picks the route: each model is served on its own path",
    source: ROUTES,
    axes: BOTH,
    async run(t) {
      const { chat, completion } = routerOf(t);
      for (const { model, path } of [chat, completion]) {
        const part = t.fork(path === chat.path ? "chat" : "completion");
        part.upstream.script(...jsonAnswer("{}"));
        const { head } = await part.ask({ path, body: { model, prompt: "ping" } });
        t.equal(`${model}: status`, 200, head?.status);
        t.equal(`${model}: backends that took it`, 1, takersOf(part).length);
        t.equal(`${model}: path at the backend`, path, part.upstream.requests()[0]?.target);
      }
    },
  }),
  routed({
    id: "router.host-serves-model",
    level: "must",
    requirement: "A request goes to a host that serves its model, never to another",
    source: "vLLM router: --static-models",
    async run(t) {
      const { chat, completion, backends } = routerOf(t);
      const serves = ({ models }: RoutedBackend, model: string) => models?.includes(model) ?? true;
      if (backends.every((one) => serves(one, chat.model) && serves(one, completion.model))) {
        t.unsupported("Every backend serves every model");
      }
      for (const { model, path } of [chat, completion]) {
        const part = t.fork(path === chat.path ? "chat" : "completion");
        part.upstream.script(...jsonAnswer("{}"));
        for (let n = 0; n < SEVERAL; n++) {
          const { head } = await part.ask({ path, body: { model, prompt: "ping" } });
          t.equal(`${model}, request ${n + 1}`, 200, head?.status);
        }
        const wrong = takersOf(part).filter((one) => !serves(one, model));
        t.equal(`${model}: hosts that do not serve it`, [], wrong.map(({ endpoint }) => endpoint));
      }
    },
  }),
  routed({
    id: "router.path-prefix",
    level: "must",
    requirement: "A model that has no route for the path is refused with 400, on no backend",
    source: ROUTES,
    async run(t) {
      const { chat, completion } = routerOf(t);
      const expected = { status: 400, code: "path_not_served" };
      const crossed = await t.ask(chatWith(t, { path: completion.path }));
      refused(t, crossed, { ...expected, name: "the other's path" });
      const longer = `${chat.path.split("/").slice(0, 3).join("/")}ter`;
      const part = t.fork("segment");
      const inside = await part.ask(chatWith(part, { path: longer }));
      refused(part, inside, { ...expected, name: "a prefix inside of a segment" });
    },
  }),
  routed({
    id: "router.unknown-model",
    level: "must",
    requirement: "A model without a route is 404 model_not_found, with param model",
    source: ERRORS,
    axes: BOTH,
    async run(t) {
      const transcript = await t.ask(chatWith(t, { body: { model: "nobody-serves-this" } }));
      refused(t, transcript, { status: 404, code: "model_not_found" });
      t.equal("param", "model", jsonOf(transcript)?.error?.param);
    },
  }),
  routed({
    id: "router.missing-model",
    level: "must",
    requirement: "A body without a model, or with one that is no text, is refused with 400",
    source: ERRORS,
    async run(t) {
      for (const [name, model] of Object.entries({ absent: undefined, number: 7, empty: "" })) {
        const part = t.fork(name);
        const transcript = await part.ask(chatWith(part, { body: { model } }));
        refused(part, transcript, { status: 400, code: "missing_model", name });
      }
    },
  }),
  routed({
    id: "router.bad-json",
    level: "must",
    requirement: "A body that is no JSON object is refused with 400, on no backend",
    source: ERRORS,
    async run(t) {
      const { model } = routerOf(t).chat;
      const bodies = {
        cut: `{"model":"${model}"`,
        list: `[{"model":"${model}"}]`,
        text: `"${model}"`,
        empty: "",
        tail: `{"model":"${model}"}}`,
      };
      for (const [name, body] of Object.entries(bodies)) {
        const part = t.fork(name);
        const transcript = await part.ask(chatWith(part, { body }));
        refused(part, transcript, { status: 400, code: "invalid_json", name });
      }
    },
  }),
  routed({
    id: "router.body-limit",
    level: "must",
    requirement: "A body over the declared limit is refused with 413, its length said or not",
    source: "RFC 9110 section 15.5.14",
    async run(t) {
      const maxBodyBytes = routerOf(t).maxBodyBytes ?? t.unsupported("No limit is declared");
      const pad = filler(maxBodyBytes, t.random);
      for (const framing of ["length", "chunked"] as const) {
        const part = t.fork(framing);
        const transcript = await part.ask(chatWith(part, { framing, body: { pad } }));
        t.equal(`${framing}: status`, 413, transcript.head?.status);
        t.equal(`${framing}: error.type is text`, "string", typeof jsonOf(transcript)?.error?.type);
        t.equal(`${framing}: requests at the backends`, 0, part.upstream.requests().length);
      }
    },
  }),
  routed({
    id: "router.body-identical",
    level: "must",
    requirement: "The body that the router has read reaches the backend byte for byte",
    source: "Project: bodies are forwarded as they are unless a rewrite is configured",
    axes: BOTH,
    async run(t) {
      const { model } = routerOf(t).chat;
      const sent = `{ "n":1.0,\n\t"model" :"${model}" ,"x_unknown":{"b":1,"a":[1e2,-0]},` +
        `"messages":[{"role":"user","content":"\\u00e9 é 😀"}],"n":1e0,"pad":"${
          filler(2_000_000, t.random)
        }" }\r\n \n`;
      t.upstream.script(...jsonAnswer("{}"));
      const { head } = await t.ask(chatWith(t, { body: sent }));
      t.equal("status", 200, head?.status);
      const seen = await t.upstream.request("whole body", (r) => r.bodySha256 !== undefined);
      t.equal("SHA-256", sha256(sent), seen.bodySha256);
    },
  }),
  routed({
    id: "router.stream-lockstep",
    level: "must",
    requirement: "Each event passes before the backend sends the next, and one backend sends all",
    source: "Project: streams pass event by event",
    axes: BOTH,
    async run(t) {
      t.upstream.script(...lockstep(4));
      const exchange = await t.send(t.chat(chatWith(t, { stream: true })));
      for (let n = 0; n < 4; n++) {
        const { data } = await exchange.event(n);
        t.equal(`event ${n + 1}`, n, JSON.parse(data).n);
        t.upstream.release(n < 3 ? String(n + 1) : "done");
      }
      t.equal("end", "complete", (await exchange.ended()).kind);
      t.equal("backends that took it", 1, takersOf(t).length);
    },
  }),
  routed({
    id: "router.stream-not-replayed",
    level: "must",
    requirement: "A stream that breaks ends as broken: no other backend begins it again",
    source: "Project: never a retry after a byte",
    axes: BOTH,
    async run(t) {
      t.upstream.script(
        STREAM_HEAD,
        { write: chunkText("a", 0) },
        { barrier: "break" },
        { abort: "rst" },
      );
      const exchange = await t.send(t.chat(chatWith(t, { stream: true })));
      await exchange.event(0);
      t.upstream.release("break");
      const end = await exchange.ended();
      t.that("end", end.kind !== "complete", "not a clean one", end.kind);
      t.equal("events", 1, exchange.transcript.events.length);
      t.equal("requests at the backends", 1, t.upstream.requests().length);
    },
  }),
  routed({
    id: "router.post-not-replayed",
    level: "must",
    requirement: "A request that a backend has read and dropped is not sent to another one",
    source: "RFC 9110 section 9.2.2",
    async run(t) {
      t.upstream.script({ abort: "rst" });
      const { head } = await t.ask(chatWith(t));
      t.that("status", (head?.status ?? 0) >= 500, "5xx", head?.status);
      t.equal("requests at the backends", 1, t.upstream.requests().length);
    },
  }),
  routed({
    id: "router.error-verbatim",
    level: "must",
    requirement: "A status and body of the model server pass as they are, and nothing is retried",
    source: "Project: never a retry after a status",
    async run(t) {
      for (const status of [400, 429, 500, 503]) {
        const part = t.fork(status);
        const body = `{"error":{"message":"from the backend ${status}"}}`;
        part.upstream.script(...jsonAnswer(body, status));
        const transcript = await part.ask(chatWith(part));
        t.equal(`${status}: status`, status, transcript.head?.status);
        t.equal(`${status}: body`, body, textOf(transcript));
        t.equal(`${status}: requests at the backends`, 1, part.upstream.requests().length);
      }
    },
  }),
  routed({
    id: "router.models-listed",
    level: "should",
    requirement: "GET /v1/models lists every model that has a route",
    source: "OpenAI API reference: List models",
    async run(t) {
      t.excuse("agree.answer-has-a-source", "The router answers the list itself");
      const { chat, completion } = routerOf(t);
      const transcript = await t.ask({ method: "GET", path: "/v1/models" });
      const list = jsonOf(transcript);
      const ids = (list?.data ?? []).map(({ id }: { id: string }) => id);
      t.equal("status", 200, transcript.head?.status);
      t.equal("object", "list", list?.object);
      for (const { model } of [chat, completion]) t.that(model, ids.includes(model), "there", ids);
    },
  }),
  routed({
    id: "router.session-sticky",
    level: "must",
    feature: "router_session",
    requirement: "Requests of one session go to one host; many sessions do not all go to one",
    source: "vLLM router: --routing-logic session",
    async run(t) {
      const header = routerOf(t).sessionHeader ?? t.unsupported("No session header is declared");
      const hosts = new Set<string | undefined>();
      // With two hosts, all of 20 sessions on one of them is a chance of 1 in 500,000.
      for (let session = 0; session < 20; session++) {
        const part = t.fork(`s${session}`);
        part.upstream.script(...streamOf(chunkText("a"), DONE));
        const headers: [string, string][] = [[header, `${t.nonce}-${session}`]];
        for (let n = 0; n < 3; n++) await part.ask(chatWith(part, { stream: true, headers }));
        const takers = takersOf(part).map(({ endpoint }) => endpoint);
        t.equal(`session ${session}: hosts`, 1, takers.length);
        hosts.add(takers[0]);
      }
      t.that("hosts of all sessions", hosts.size > 1, "more than one", [...hosts]);
    },
  }),
];
