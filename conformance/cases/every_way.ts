/** Cases on every way of asking: methods and forms of a path by which somebody could get around policy. */
import { BOTH, type Case } from "../case.ts";
import type { CaseContext } from "../context.ts";

const FILTERED = "Project: no method, path form or connection is exempt from policy";

/** Calls of the OpenAI API's clients, read-only ones included; deny.every-route asks what a target routes. */
const CALLS: readonly (readonly [method: string, path: string])[] = [
  ["GET", "/v1/models"],
  ["HEAD", "/v1/models"],
  ["GET", "/v1/models/gpt-4o-mini"],
  ["DELETE", "/v1/models/ft-1"],
  ["GET", "/v1/files"],
  ["POST", "/v1/files"],
  ["GET", "/v1/files/file-1/content"],
  ["DELETE", "/v1/files/file-1"],
  ["GET", "/v1/chat/completions"],
  ["GET", "/v1/responses/resp-1"],
  ["DELETE", "/v1/responses/resp-1"],
  ["POST", "/v1/responses/resp-1/cancel"],
  ["POST", "/v1/moderations"],
  ["POST", "/v1/audio/speech"],
  ["POST", "/v1/audio/transcriptions"],
  ["PUT", "/v1/chat/completions"],
  ["PATCH", "/v1/chat/completions"],
];

/** Ways to write a path that some reader takes for `/v1/models`. */
const FORMS: Readonly<Record<string, string>> = {
  "trailing slash": "/v1/models/",
  "two slashes": "/v1//models",
  "two slashes first": "//v1/models",
  "dot segment": "/v1/./models",
  "parent segment": "/v1/x/../models",
  "encoded letter": "/v1/%6dodels",
  "encoded dots": "/v1/x/%2e%2e/models",
  "encoded slash": "/v1%2fmodels",
  "encoded slash at the end": "/v1/models%2f",
  "back slash": "/v1\\models",
  "upper case": "/V1/MODELS",
  "path parameter": "/v1/models;a=b",
  "empty query": "/v1/models?",
  "query with a path": "/v1/models?path=/healthz",
};

/** Sends one request without a credential, and the same with it: the first is refused, wherever the second goes. */
async function refusedUnlessAllowed(
  t: CaseContext,
  label: string,
  request: { method: string; path: string },
): Promise<void> {
  const bare = t.fork("nobody");
  const { head, end } = await bare.ask({ ...request, as: "nobody" });
  const status = head?.status;
  // A request line that is no request is answered by closing; a redirect asks for another request, which is judged itself.
  const refused = status === undefined ? end?.kind !== "complete" : status >= 300;
  t.that(`${label}: refused without a credential`, refused, "300 or above", status ?? end?.kind);
  if (!t.target.upstream) return;
  t.equal(`${label}: requests at the upstream without`, 0, bare.upstream.requests().length);
  // The witnesses tell whether policy was shown a request with a credential before it went upstream.
  await t.fork("allowed").ask(request);
}

/** Every way of asking for the same thing: a gateway that shows policy only some of them is found. */
export const EVERY_WAY_CASES: readonly Case[] = [
  {
    id: "deny.every-call",
    level: "must",
    control: "none",
    requirement:
      "Every call of the API, read-only ones too, is refused without a credential, and shown to policy with one",
    source: `${FILTERED}; OpenAI API reference`,
    axes: BOTH,
    async run(t) {
      for (const [n, [method, path]] of CALLS.entries()) {
        await refusedUnlessAllowed(t.fork(n), `${method} ${path}`, { method, path });
      }
    },
  },
  {
    id: "deny.every-path-form",
    level: "must",
    control: "none",
    requirement:
      "A path is refused without a credential, however it is written, and shown to policy with one",
    source: `${FILTERED}; RFC 3986 section 6.2.2`,
    axes: BOTH,
    async run(t) {
      for (const [n, [form, path]] of Object.entries(FORMS).entries()) {
        await refusedUnlessAllowed(t.fork(n), form, { method: "GET", path });
      }
    },
  },
  {
    id: "deny.reused-connection",
    level: "must",
    control: "none",
    requirement:
      "On a connection that carried allowed requests, one without a credential is refused like any other",
    source: `${FILTERED}; RFC 9110 section 3.3: each request stands for itself`,
    axes: BOTH,
    async run(t) {
      const connection = await t.connect();
      for (const [n, as] of (["allow", "nobody", "allow", "allow", "nobody"] as const).entries()) {
        const part = t.fork(n);
        const exchange = await part.send(part.chat({ as }), connection);
        const { head } = await exchange.done();
        const label = `request ${n + 1}`;
        if (as === "allow") t.equal(`${label}, allowed`, 200, head?.status);
        else {
          t.oneOf(`${label}, nobody's`, [401, 403], head?.status);
          if (!t.target.upstream) continue;
          t.equal(`${label}: requests at the upstream`, 0, part.upstream.requests().length);
        }
      }
    },
  },
];
