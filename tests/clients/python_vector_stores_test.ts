import { responsesProfile } from "../../gateway/profiles/mod.ts";
import assert from "node:assert/strict";
import { startTestGateway } from "../testing/stack.ts";
import { pythonOf, run } from "./python_venv.ts";

const file = (path: string) => new URL(path, import.meta.url).pathname;

Deno.test("the official Python client fills and searches a vector store through Envoy", async () => {
  await using gateway = await startTestGateway({ profile: responsesProfile() });
  const python = await pythonOf("clients");
  const facts = JSON.parse(
    await run(python, [file("vector_stores.py"), gateway.url, file("../testdata/whale.pdf")]),
  );
  assert.deepEqual(facts, {
    lifetime: 7 * 86_400,
    file: ["completed", { legs: 4 }, true],
    batch: ["completed", 2, 2],
    files: ["ant.html", "fox.txt", "whale.pdf"],
    best: [
      ["whale.pdf", "The blue whale is the largest animal.\n\nIt lives in every ocean."],
      ["ant.html", "Ants\nAn ant is small."],
    ],
    filtered: ["fox.txt"],
    threshold: facts.threshold,
    content: ["The quick brown fox jumps."],
    refused: true,
    left: 2,
    gone: "vector_store_not_found",
  });
  assert.ok(facts.threshold <= 1);
});
