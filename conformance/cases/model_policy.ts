/** Cases on policy by model: what policy hears of a body's model, before anything goes on. */
import type { Case } from "../case.ts";
import { jsonOf } from "../client/transcript.ts";
import { sha256 } from "../client/transcript.ts";
import type { CaseContext } from "../context.ts";
import type { HeaderList } from "../target.ts";
import { filler } from "./shapes.ts";

/** The header in which policy is told. */
const HEADER = "x-llm-model";

/** Bytes beyond what filters hold by default. */
const LARGE = 3 << 20;

/** The model that policy heard of, if it was asked at all. */
const toldOf = (t: CaseContext) => t.policy.checks().map(({ headers }) => headers[HEADER] ?? "");

function body(model: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return { model, messages: [{ role: "user", content: "ping" }], ...more };
}

interface Described {
  readonly id: string;
  readonly requirement: string;
  run(t: CaseContext): Promise<void>;
}

function modelCase(one: Described): Case {
  return {
    ...one,
    id: `model.${one.id}`,
    level: "must",
    control: "both",
    feature: "model_policy",
    source:
      "Envoy ai_protocol_manager; Project: policy decides on the model that the upstream reads",
  };
}

/** Checks that a body which two readers could read differently goes nowhere. */
function refused(t: CaseContext, what: string, status: number | undefined): void {
  t.equal(`${what}: status`, 400, status);
  t.equal(`${what}: requests at the upstream`, 0, t.upstream.requests().length);
}

/** Rules that name a model, on a gateway that tells policy which one a body names. */
export const MODEL_POLICY_CASES: readonly Case[] = [
  modelCase({
    id: "told",
    requirement: "Policy hears the model of a request before the upstream does, streamed or not",
    async run(t) {
      for (const stream of [false, true]) {
        const part = t.fork(stream ? "stream" : "json");
        const { head } = await part.ask({ body: body("case-model", { stream }) });
        t.equal("status", 200, head?.status);
        t.equal("told", ["case-model"], toldOf(part));
      }
      const escaped = t.fork("escaped");
      const text = JSON.stringify(body("case-model")).replace("case-model", "c\\u0061se-model");
      await escaped.ask({ body: text });
      t.equal("told of an escaped name", ["case-model"], toldOf(escaped));
    },
  }),
  modelCase({
    id: "denied",
    requirement: "A model that policy refuses is not asked for, whatever else the body says",
    async run(t) {
      t.policy.script({ deny: { status: 403, code: "model_forbidden" } });
      const transcript = await t.ask({
        body: body("dear-model", { metadata: { model: "cheap" } }),
      });
      t.equal("status", 403, transcript.head?.status);
      t.equal("error.code", "model_forbidden", jsonOf(transcript)?.error?.code);
      t.equal("told", ["dear-model"], toldOf(t));
      t.equal("requests at the upstream", 0, t.upstream.requests().length);
    },
  }),
  modelCase({
    id: "duplicate-key",
    requirement: "A body that names two models is refused, for each reader takes another",
    async run(t) {
      const [start, rest] = ['{"model":"cheap",', '"messages":[{"role":"user","content":"x"}]}'];
      const first = t.fork("first");
      const one = await first.ask({ body: `${start}"model":"dear",${rest}` });
      refused(first, "side by side", one.head?.status);
      const last = t.fork("last");
      const two = await last.ask({ body: `${start}${rest.slice(0, -1)},"mod\\u0065l":"dear"}` });
      refused(last, "escaped", two.head?.status);
    },
  }),
  modelCase({
    id: "content-type",
    requirement: "A body whose type says text is refused, or its model is told",
    async run(t) {
      const headers: HeaderList = [["content-type", "text/plain"]];
      const { head } = await t.ask({ body: JSON.stringify(body("dear-model")), headers });
      const told = toldOf(t);
      const isHeard = head?.status === 400 || told.every((model) => model === "dear-model");
      t.that("told", isHeard, "dear-model, or 400", told);
    },
  }),
  modelCase({
    id: "large-body",
    requirement: "The model of a body of 3 MiB is told, and the body arrives byte for byte",
    async run(t) {
      const content = filler(LARGE, t.random);
      const text = JSON.stringify({ messages: [{ role: "user", content }], model: "case-model" });
      const { head } = await t.ask({ body: text });
      t.equal("status", 200, head?.status);
      t.equal("told", ["case-model"], toldOf(t));
      t.equal("SHA-256", sha256(text), (await t.upstream.request()).bodySha256);
    },
  }),
  modelCase({
    id: "forged-header",
    requirement: "What a client says in the header is not what policy hears",
    async run(t) {
      const headers: HeaderList = [[HEADER, "cheap"]];
      const asked = t.fork("asked");
      await asked.ask({ body: body("dear-model"), headers });
      t.equal("with a body", ["dear-model"], toldOf(asked));
      const read = t.fork("read");
      await read.ask({ method: "GET", path: "/v1/models", headers });
      t.equal("without one", [""], toldOf(read));
    },
  }),
  modelCase({
    id: "invalid-json",
    requirement: "A body that is no JSON gets 400 in OpenAI's shape, and goes nowhere",
    async run(t) {
      for (const [at, text] of ['{"model":', "hello"].entries()) {
        const part = t.fork(at);
        const transcript = await part.ask({ body: text });
        refused(part, text, transcript.head?.status);
        const error = jsonOf(transcript)?.error;
        t.equal(`${text}: error.type`, "invalid_request_error", error?.type);
      }
      t.equal("a good one", 200, (await t.fork("good").ask()).head?.status);
    },
  }),
  modelCase({
    id: "bytes-unchanged",
    requirement: "A body whose model was read arrives byte for byte",
    async run(t) {
      const text = '{ "zzz":1.0,\n\t"model" :"case-model","messages":[{"role":"user",' +
        '"content":"\\u00e9 😀"}],"n":1E+2, "x":12345678901234567890 }\r\n';
      await t.ask({ body: text });
      t.equal("told", ["case-model"], toldOf(t));
      t.equal("SHA-256", sha256(text), (await t.upstream.request()).bodySha256);
    },
  }),
];
