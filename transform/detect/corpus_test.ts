/** Finds of the detectors in texts of people, and their silence in code, logs and numbers. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { DETECTOR_KINDS, findAll, type Finder, patternFinder } from "./detectors.ts";
import { countryPhoneFinder, phoneFinder } from "./phones.ts";
import { redact, StreamRedactor } from "./redactor.ts";

const read = async (name: string) =>
  (await Deno.readTextFile(new URL(`./testdata/${name}`, import.meta.url))).trimEnd().split("\n")
    .map((line) => line.replaceAll("\\n", "\n"));

const FINDERS = [patternFinder(DETECTOR_KINDS), phoneFinder(undefined)];
const POSITIVES = (await read("positives.tsv")).map((line) => line.split("\t", 2));
const NEGATIVES = await read("negatives.txt");

/** The least share of what is there that must be found. */
const RECALL = 0.95;

Deno.test("the corpus is large enough to say something", () => {
  assert.ok(POSITIVES.length >= 200, `${POSITIVES.length}`);
  assert.ok(NEGATIVES.length >= 500, `${NEGATIVES.length}`);
  const kinds = new Set(POSITIVES.map(([kind = ""]) => kind.toLowerCase()));
  assert.deepEqual([...kinds].toSorted(), DETECTOR_KINDS.toSorted());
});

Deno.test("of each kind at least 95 of 100 are found, and as what they are", () => {
  for (const [kind, texts] of Map.groupBy(POSITIVES, ([kind = ""]) => kind)) {
    const missed = texts.filter(([, text = ""]) =>
      !findAll(text, FINDERS).some((hit) => hit.kind === kind)
    );
    const recall = 1 - missed.length / texts.length;
    assert.ok(recall >= RECALL, `${kind} ${recall}: ${missed.map(([, text]) => text).join(" | ")}`);
  }
});

Deno.test("nothing is found in code, logs and numbers", () => {
  const found = NEGATIVES.flatMap((text) =>
    findAll(text, FINDERS).map(({ start, end, kind }) => `${kind} ${text.slice(start, end)}`)
  );
  assert.deepEqual(found, []);
});

/** Texts of the corpus in pieces, joined by what may stand between words. */
const pieces = fc.array(
  fc.tuple(
    fc.oneof(
      fc.constantFrom(...POSITIVES.map(([, text = ""]) => text)),
      fc.constantFrom(...NEGATIVES),
      fc.string({ maxLength: 8 }),
    ),
    fc.constantFrom(" ", "\n", ", ", "", "-", "  ", "."),
  ),
  { maxLength: 4 },
).map((parts) => parts.flat().join(""));

for (const kinds of [...DETECTOR_KINDS.map((kind) => [kind]), DETECTOR_KINDS]) {
  Deno.test(`a stream is redacted as the whole text is, for ${kinds.join()} (10,000 texts)`, () => {
    const findersOf = (): readonly Finder[] => [
      patternFinder(kinds),
      ...kinds.includes("phone") ? [countryPhoneFinder()] : [],
    ];
    fc.assert(
      fc.property(pieces, fc.array(fc.nat(400), { maxLength: 12 }), (whole, cuts) => {
        const stream = new StreamRedactor(findersOf());
        let out = "";
        let from = 0;
        for (const cut of cuts.map((one) => one % (whole.length + 1)).sort((a, b) => a - b)) {
          out += stream.push(whole.slice(from, cut));
          from = cut;
        }
        out += stream.push(whole.slice(from)) + stream.end();
        assert.equal(out, redact(whole, findersOf()));
      }),
      { numRuns: 10_000 },
    );
  });
}
