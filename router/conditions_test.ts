/** Routes by what a request says. */
import assert from "node:assert/strict";
import { UsageError } from "../service/mod.ts";
import { loadPatterns } from "../patterns/mod.ts";
import { factsOf } from "./conditions.ts";
import { explainRoute } from "./explain.ts";
import { parseRoutes } from "./route_table.ts";

await loadPatterns();

const page = await Deno.readTextFile(new URL("../docs/router.md", import.meta.url));
const example = [...page.matchAll(/```json\n([\s\S]*?)```/g)].map(([, json = ""]) => json)
  .find((json) => json.includes('"when"')) ?? "";
const TABLE = parseRoutes(example, "docs/router.md");

const user = (content: unknown) => ({ role: "user", content });

function takenBy(body: object, path = "/v1/chat/completions"): string | undefined {
  const bytes = new TextEncoder().encode(JSON.stringify({ model: "auto", ...body }));
  return explainRoute(TABLE, { body: bytes, path }).taken;
}

const IMAGE = {
  type: "image_url",
  image_url: { url: `data:image/png;base64,${"A".repeat(90_000)}` },
};

const ROWS: readonly (readonly [what: string, body: object, route: string | undefined])[] = [
  ["a short question", { messages: [user("Hello")] }, "rest"],
  ["a picture", { messages: [user([{ type: "text", text: "What is it?" }, IMAGE])] }, "vision"],
  ["a picture of an earlier turn", { messages: [user([IMAGE]), user("And now?")] }, "vision"],
  ["a long document", { messages: [user("word ".repeat(8_000))] }, "long"],
  ["a long conversation", {
    messages: Array.from({ length: 500 }, () => user("x".repeat(100))),
  }, "long"],
  ["code", { messages: [user("Fix this:\ndef f(x): pass")] }, "code"],
  [
    "code in any case",
    { messages: [user([{ type: "text", text: "A STACK TRACE came" }])] },
    "code",
  ],
  ["code of an earlier turn", {
    messages: [user("function f() {}"), { role: "assistant", content: "function" }, user("Thanks")],
  }, "rest"],
  ["effort", { messages: [user("Prove it")], reasoning_effort: "high" }, "thinking"],
  ["effort of Responses", { input: "Prove it", reasoning: { effort: "xhigh" } }, "thinking"],
  ["a little effort", { messages: [user("Prove it")], reasoning_effort: "low" }, "rest"],
  ["the first that holds", { messages: [user("function"), user([IMAGE])], tools: [] }, "vision"],
];

for (const [what, body, route] of ROWS) {
  Deno.test(`docs/router.md: ${what} takes the route ${route}`, () => {
    assert.equal(takenBy(body), route);
  });
}

Deno.test("nothing is taken on another path, and where no condition holds", () => {
  assert.equal(takenBy({ messages: [] }, "/v1/embeddings"), undefined);
  const only = parseRoutes(
    '[{"name":"a","model":"auto","path_prefix":"/v1","when":{"has":["tools"]}}]',
    "r.json",
  );
  const body = new TextEncoder().encode('{"model":"auto"}');
  const { problem, routes } = explainRoute(only, { body, path: "/v1/x" });
  assert.deepEqual([problem, routes[0]?.conditions], [
    "The conditions of no route hold",
    [{ condition: "has tools", holds: false }],
  ]);
});

Deno.test("facts of any shape are read without a fault", () => {
  for (
    const members of [
      {},
      { messages: null },
      { messages: "x" },
      { messages: [null, 1, [["deep"]], { content: { text: "t" } }] },
      { input: [[1, 2, 3]] },
      { prompt: ["a", "b"] },
      { tools: {} },
      { reasoning: null },
    ]
  ) assert.ok(factsOf(members).tokens >= 0, JSON.stringify(members));
  assert.equal(factsOf({ messages: [user("a"), user("b")] }).prompt, "b");
  assert.equal(factsOf({ system: "s", input: "hello" }).prompt, "hello");
});

for (
  const [when, said] of [
    ["{}", /at least one condition/],
    ['{"prompt":{"regex":"("}}', /regular expression/],
    ['{"prompt":{"regex":"(?=x)"}}', /regular expression/],
    ['{"tokens":{}}', /over, under, or both/],
    ['{"has":["pictures"]}', /has/],
    ['{"weather":"good"}', /weather/],
  ] as const
) {
  Deno.test(`when: ${when} is refused at its place`, () => {
    const text = `[{"name":"a","model":"m","path_prefix":"/v1","when":${when}}]`;
    assert.throws(
      () => parseRoutes(text, "r.json"),
      (error) => error instanceof UsageError && said.test(error.message),
    );
  });
}
