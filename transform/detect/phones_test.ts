import assert from "node:assert/strict";
import { redact, StreamRedactor } from "./redactor.ts";
import { countryPhoneFinder, LOOKED_AT, phoneFinder } from "./phones.ts";

const found = (text: string, country?: string) => redact(text, [phoneFinder(country)]);

Deno.test("phoneFinder() finds numbers among digits that are none, with their extensions", () => {
  assert.equal(
    found("no. 123456789, call +1 (650) 253-0000 ext. 12345, or 2024-01-02"),
    "no. 123456789, call [PHONE], or 2024-01-02",
  );
  assert.equal(
    found("0171 2345678 and 030/1234567, room 12", "DE"),
    "[PHONE] and [PHONE], room 12",
  );
  assert.equal(found("０３０ １２３４５６７ oder ＋49 30 1234567", "DE"), "[PHONE] oder [PHONE]");
});

/** Texts of digits over which the numbering plans take seconds: every group may begin a number. */
const FLOODS = ["+1 2 3 4 5 6 7 8 9 0 ", "+1+2+3+4", "1~2/3-4.5 6x7 ", "12 34 56 78 90 "];

Deno.test("phoneFinder() looks at so much, and takes what comes behind for numbers", () => {
  for (const flood of FLOODS) {
    const text = flood.repeat(2 ** 20 / flood.length);
    assert.equal(found(`${text}; +49 30 1234567`, "US").endsWith("; [PHONE]"), true, flood);
  }
  const lines = "+49 30 1234567\n".repeat(2 * LOOKED_AT / 15);
  assert.equal(found(lines).replaceAll(/\[PHONE\]\n/g, ""), "");
});

Deno.test("phoneFinder() counts the texts of a request together", () => {
  const finder = phoneFinder("US");
  const flood = "1 2 3 4 5 6 7 8 9 0 ".repeat(LOOKED_AT / 40);
  assert.equal(redact("order 999-99-9999-1", [finder]), "order 999-99-9999-1");
  for (let i = 0; i < 3; i++) redact(flood, [finder]);
  assert.equal(redact("order 999-99-9999-1", [finder]), "order [PHONE]");
});

const NUMBERS = ["+49 30 1234567", "(+1) 650 253 0000", "+1 (650) 253-0000 ext. 123"];

Deno.test("countryPhoneFinder() finds numbers of streams at every cut, with their brackets and extensions", () => {
  for (const number of NUMBERS) {
    const said = `Call ${number}, please`;
    for (let cut = 0; cut <= said.length; cut++) {
      const stream = new StreamRedactor([countryPhoneFinder()]);
      const out = stream.push(said.slice(0, cut)) + stream.push(said.slice(cut)) + stream.end();
      assert.equal(out, "Call [PHONE], please", `${number} ${cut}`);
    }
  }
});

Deno.test("countryPhoneFinder() holds back no more of prose with plus signs than a word", () => {
  const stream = new StreamRedactor([countryPhoneFinder()]);
  let left = 0;
  for (
    const character
      of "C++ is fine (a + b = 5), +1 for that: up by +20 % (+ tax) as they all wrote "
  ) {
    left += 1 - stream.push(character).length;
    assert.ok(left <= 8, `${left}`);
  }
});
