import assert from "node:assert/strict";
import { main } from "../main.ts";
import { fakeHost } from "../testing.ts";
import { GUIDES, PAGES } from "./pages.ts";
import { SCHEMA_NAMES } from "./schemas.ts";
import { section, TOPICS } from "./topics.ts";

Deno.test("every topic is a section of README.md that says something", () => {
  for (const { name, title, text } of TOPICS) {
    assert.ok(text().trim().length > 100, `${name}: "${title}" is missing or empty`);
  }
});

Deno.test("section() ends at the next heading of its level, and keeps deeper ones", () => {
  const text = "# a\n\n## b\none\n### c\ntwo\n## d\nthree\n";
  assert.equal(section("b", text), "one\n### c\ntwo\n");
  assert.equal(section("d", text), "three\n");
  assert.equal(section("missing", text), "");
});

Deno.test("help prints a topic, the list of topics, and suggests the topic that was meant", async () => {
  const host = fakeHost();
  assert.equal(await main(["help", "exit-codes"], host), 0);
  assert.match(host.out(), /130/);
  assert.equal(await main(["help", "topics"], host), 0);
  for (const { name } of TOPICS) assert.ok(host.out().includes(name));
  assert.equal(await main(["help", "exit-code"], host), 2);
  assert.match(host.err(), /did you mean "exit-codes"\?/);
});

Deno.test("help --man prints roff with every command and no line that begins with an unknown macro", async () => {
  const host = fakeHost();
  assert.equal(await main(["help", "--man"], host), 0);
  const macros = host.out().split("\n").filter((line) => line.startsWith("."));
  assert.deepEqual(
    macros.map((line) => line.split(" ")[0]).filter((macro) =>
      ![".TH", ".SH", ".SS", ".PP", ".TP", ".B", ".nf", ".fi"].includes(macro ?? "")
    ),
    [],
  );
  assert.match(host.out(), /\.SS llmgate envoy validate/);
  assert.match(host.out(), /^\p{ASCII}+$/u);
});

Deno.test("every page of docs/ is a guide, and every guide says something", async () => {
  const found: string[] = [];
  for await (const { name } of Deno.readDir(new URL("../../docs/", import.meta.url))) {
    if (name.endsWith(".md")) found.push(name.replace(/\.md$/, ""));
  }
  assert.deepEqual(Object.keys(PAGES).toSorted(), found.toSorted());
  for (const { name, title, text } of GUIDES) {
    assert.ok(title !== "" && text().trim().length > 100, name);
  }
});

Deno.test("help prints guides by their name, sections by theirs, and says where a command has a guide", async () => {
  const said = async (...words: string[]) => {
    const host = fakeHost();
    assert.equal(await main(["help", ...words], host), 0, host.err());
    return host.out();
  };
  assert.match(await said("guide", "upstream"), /^# The mock upstream/);
  assert.match(await said("testing"), /llmgate_upstream/);
  const scenarios = await said("scenarios");
  assert.match(scenarios, /--strict/);
  assert.doesNotMatch(scenarios, /## Control plane/);
  assert.match(await said("upstream"), /All of it: llmgate help guide upstream/);
  const list = await said("topics");
  for (const { name } of GUIDES) assert.ok(list.includes(name), name);
});

Deno.test("help prints the JSON Schema of each kind of file", async () => {
  for (const name of SCHEMA_NAMES) {
    const host = fakeHost();
    assert.equal(await main(["help", "schema", name], host), 0);
    assert.match(JSON.parse(host.out()).title, /^llmgate /);
  }
  const host = fakeHost();
  assert.equal(await main(["help", "schema", "rule"], host), 2);
  assert.match(host.err(), /did you mean "schema rules"\?/);
});
