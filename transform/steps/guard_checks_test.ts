/** The checks of guards, against services that answer anything. */
import assert from "node:assert/strict";
import { StepFailure } from "../exchange.ts";
import { UsageError } from "../../service/mod.ts";
import { transformSchema } from "../transform_schema.ts";
import { checksOf, presidioCheck } from "./guard_checks.ts";

const ABOUT = { requestId: "r", tenant: "demo", model: "m" };

/** Runs with a service that answers as told; returns what it was asked. */
async function serving(
  answer: (asked: Record<string, unknown>) => unknown,
  run: (url: string) => Promise<void>,
): Promise<unknown[]> {
  const asked: unknown[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const body = await request.json();
    asked.push(body);
    const said = answer(body);
    return said instanceof Response ? said : Response.json(said);
  });
  await run(`http://127.0.0.1:${server.addr.port}/check`);
  await server.shutdown();
  return asked;
}

async function inputCheck(input: object, folder?: string) {
  const file = transformSchema.parse({ version: 1, steps: [{ guard: { input } }] });
  const settings = file.steps[0]?.guard?.input;
  assert.ok(settings);
  return await checksOf(settings, "input", { env: () => undefined, folder });
}

for (
  const [answer, expected] of [
    [{ action: "pass" }, { texts: ["a", "b"] }],
    [{ action: "block", reason: "no" }, { refused: "no" }],
    [{ action: "block" }, { refused: "a webhook refused it" }],
    [{ action: "mask", texts: ["x", "b"] }, { texts: ["x", "b"] }],
    [{ action: "mask", texts: ["x"] }, undefined],
    [{ action: "mask" }, undefined],
    [{ action: "dance" }, undefined],
    [{}, undefined],
    [new Response("no", { status: 500 }), undefined],
    [new Response("<html>"), undefined],
    [null, undefined],
  ] as const
) {
  const what = answer instanceof Response ? `status ${answer.status}` : JSON.stringify(answer);
  Deno.test(`a webhook that answers ${what}: ${JSON.stringify(expected) ?? "refused, or passed as told"}`, async () => {
    const asked = await serving(
      () => answer instanceof Response ? answer.clone() : answer,
      async (url) => {
        const strict = await inputCheck({ webhook: { url } });
        if (expected !== undefined) {
          assert.deepEqual(await strict(["a", "b"], ABOUT), expected);
          return;
        }
        await assert.rejects(
          strict(["a", "b"], ABOUT),
          (error) => error instanceof StepFailure && error.code === "guard_unavailable",
        );
        const lenient = await inputCheck({ webhook: { url, on_failure: "pass" } });
        assert.deepEqual(await lenient(["a", "b"], ABOUT), { texts: ["a", "b"] });
      },
    );
    assert.deepEqual(asked[0], {
      phase: "input",
      request_id: "r",
      tenant: "demo",
      model: "m",
      texts: ["a", "b"],
    });
  });
}

Deno.test("moderation: what is flagged is refused by its categories", async () => {
  const results = [{ flagged: false }, {
    flagged: true,
    categories: { hate: true, sexual: false },
  }];
  await serving(({ input }) => ({ results: input === undefined ? [] : results }), async (url) => {
    const check = await inputCheck({ moderation: { url } });
    assert.deepEqual(await check(["a", "b"], ABOUT), { refused: "moderation: hate" });
  });
});

Deno.test("words: a file beside the steps, in any case; one that is not there is said", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/words.txt`, "# ours\n\nApollo \r\nGemini\n");
  const check = await inputCheck({ words: { file: "words.txt" } }, folder);
  assert.ok("refused" in await check(["the APOLLO plan"], ABOUT));
  assert.ok("texts" in await check(["# ours"], ABOUT));
  await assert.rejects(inputCheck({ words: { file: "none.txt" } }, folder), UsageError);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("words: a pattern that would hang a backtracking engine is decided at once", async () => {
  const check = await inputCheck({ words: { patterns: ["(a+)+$"] } });
  assert.ok("texts" in await check([`${"a".repeat(50_000)}!`], ABOUT));
});

Deno.test("presidio: what it finds becomes a tag, by characters and not by UTF-16", async () => {
  const settings = transformSchema.parse({
    version: 1,
    steps: [{ redact: { presidio: { url: "http://127.0.0.1:1" } } }],
  }).steps[0]?.redact?.presidio;
  assert.ok(settings);
  const asked = await serving(
    () => [
      { start: 11, end: 15, entity_type: "LOCATION", score: 0.9 },
      { start: 2, end: 6, entity_type: "PERSON", score: 0.85 },
      { start: 3, end: 5, entity_type: "PERSON", score: 0.6 },
    ],
    async (url) => {
      const check = presidioCheck({ ...settings, url });
      assert.deepEqual(await check(["😀 Jane is in Oslo 😀", " "], ABOUT), {
        texts: ["😀 [PERSON] is i[LOCATION]lo 😀", " "],
      });
    },
  );
  assert.deepEqual(asked, [{
    text: "😀 Jane is in Oslo 😀",
    language: "en",
    entities: ["PERSON", "LOCATION"],
    score_threshold: 0.5,
  }]);
  await assert.rejects(presidioCheck(settings)(["Jane"], ABOUT), StepFailure);
});
