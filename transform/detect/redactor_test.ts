/** Redaction: texts whole and in pieces, at every cut. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { DETECTOR_KINDS, findAll, patternFinder } from "./detectors.ts";
import { redact, StreamRedactor, TagMap } from "./redactor.ts";

const FINDERS = [patternFinder(DETECTOR_KINDS)];

const FOUND: readonly (readonly [text: string, kind: string])[] = [
  ["jane.doe+x@example.co.uk", "EMAIL"],
  ["ünï@exämple.de", "EMAIL"],
  ["jane.doe＠example.com", "EMAIL"],
  ["4111 1111 1111 1111", "CARD"],
  ["5500-0000-0000-0004", "CARD"],
  ["378282246310005", "CARD"],
  ["DE89 3704 0044 0532 0130 00", "IBAN"],
  ["GB82WEST12345698765432", "IBAN"],
  ["078-05-1120", "SSN"],
  ["203.0.113.42", "IP"],
  ["2001:db8::ff00:42:8329", "IP"],
  ["sk-proj-abcdEFGH1234abcdEFGH1234abcd", "SECRET"],
  ["AKIAIOSFODNN7EXAMPLE", "SECRET"],
];

const NOT_FOUND = [
  "v1.40.0 of 2026-11-30",
  "3.14159265358979",
  "4111 1111 1111 1112",
  "order 1234567890123",
  "127.0.0.1:8080 and 192.168.0.1",
  "user@host",
  "DE89 3704 0044 0532 0130 01",
  "000-12-3456",
  "const a = b@c;",
  "12:34:56",
];

for (const [text, kind] of FOUND) {
  Deno.test(`"${text}" is found as ${kind}`, () => {
    assert.equal(redact(`so: ${text}, yes`, FINDERS), `so: [${kind}], yes`);
  });
}

Deno.test("numbers, versions, hosts and code are left alone", () => {
  for (const text of NOT_FOUND) assert.equal(redact(text, FINDERS), text, text);
});

const word = fc.oneof(
  fc.constantFrom(...FOUND.map(([text]) => text)),
  fc.constantFrom(
    "the",
    "Card",
    "A1",
    "12",
    "4111 1111",
    "DE89",
    "a@b",
    "🐳",
    "x\n\ny",
    "sk-",
    "1.",
    "邮箱是",
    "用户@例子",
    "までお願い。",
    "@例え.",
    "東".repeat(62),
    "𠮷",
  ),
  fc.string({ maxLength: 6 }),
);
const texts = fc.array(fc.tuple(word, fc.constantFrom(" ", ", ", ".", "\n", "  ", "-", "")), {
  maxLength: 10,
}).map((pairs) => pairs.flat().join(""));

Deno.test("a stream is redacted as the whole text is, wherever it is cut (10,000 texts)", () => {
  fc.assert(
    fc.property(texts, fc.array(fc.nat(300), { maxLength: 20 }), (whole, cuts) => {
      const at = [...new Set(cuts.map((cut) => cut % (whole.length + 1)))].sort((a, b) => a - b);
      const stream = new StreamRedactor(FINDERS);
      let out = "";
      let from = 0;
      for (const cut of [...at, whole.length]) {
        out += stream.push(whole.slice(from, cut));
        from = cut;
      }
      assert.equal(out + stream.end(), redact(whole, FINDERS));
    }),
    { numRuns: 10_000 },
  );
});

Deno.test("prose is held back by one word at most", () => {
  const stream = new StreamRedactor(FINDERS);
  let sent = 0;
  let got = 0;
  for (const token of "Sure, I can help with that very soon.".split(/(?= )/)) {
    sent += token.length;
    got += stream.push(token).length;
    assert.ok(sent - got <= token.length + 1, token);
  }
});

/** Texts of languages that write without blanks, or glue to a word what follows it; the hit stands in the middle. */
const UNSPACED = [
  ["我的邮箱是", "bob@example.com", "。谢谢"],
  [
    "請把所有的文件和資料以及其他的東西都寄給我們公司的負責人然後再打電話給他確認一下收到了沒有如果沒有收到的話請再寄一次給他們他的信箱就是",
    "bob@example.com",
    "",
  ],
  ["ご連絡は", "bob@example.com", "までお願い申し上げますようよろしくお願い申し上げます"],
  ["메일은 ", "bob@example.com", "으로 보내 주세요"],
  ["กรุณาส่งอีเมลไปที่", "bob@example.com", "ขอบคุณ"],
  ["連絡先：", "用户@例子.广告", "。"],
  ["卡号", "4111111111111111", "是我的"],
  ["社会安全号码", "078-05-1120", "不要告诉别人"],
] as const;

Deno.test("a hit is found, and nothing but it, where words are written without blanks", () => {
  for (const [before, hit, after] of UNSPACED) {
    const hits = findAll(before + hit + after, FINDERS);
    assert.deepEqual(hits.map(({ start, end }) => (before + hit + after).slice(start, end)), [hit]);
    for (let cut = 0; cut <= before.length + hit.length + after.length; cut++) {
      const stream = new StreamRedactor(FINDERS);
      const whole = before + hit + after;
      const out = stream.push(whole.slice(0, cut)) + stream.push(whole.slice(cut)) + stream.end();
      assert.equal(out, redact(whole, FINDERS), `cut ${cut}`);
    }
  }
});

Deno.test("prose without blanks is held back by a clause, and by 64 characters where it has no signs", () => {
  const clauses = "今天天气很好，我们去公园吧。你觉得怎么样？";
  const endless = "東".repeat(2_000);
  for (const [text, most] of [[clauses.repeat(20), 10], [endless, 64]] as const) {
    const stream = new StreamRedactor(FINDERS);
    let sent = 0;
    let got = 0;
    for (const character of text) {
      sent++;
      got += stream.push(character).length;
      assert.ok(sent - got <= most, `${sent - got} of ${sent}`);
    }
  }
});

Deno.test("tags are given back, in pieces too, and an unknown tag stays", () => {
  const tags = new TagMap();
  const asked = redact("I am jane@a.org, not joe@b.org, jane@a.org", FINDERS, tags.replace);
  assert.equal(asked, "I am <EMAIL_1>, not <EMAIL_2>, <EMAIL_1>");
  const answer = "Dear <EMAIL_1> and <EMAIL_2>, <b> and <EMAIL_9>";
  assert.equal(tags.restore(answer), "Dear jane@a.org and joe@b.org, <b> and <EMAIL_9>");
  for (let cut = 0; cut <= answer.length; cut++) {
    const stream = tags.stream();
    const out = stream.push(answer.slice(0, cut)) + stream.push(answer.slice(cut)) + stream.end();
    assert.equal(out, tags.restore(answer));
  }
});

Deno.test("of two hits that overlap, the one that begins first is kept", () => {
  const hits = findAll("abcdef", [
    () => [{ start: 2, end: 5, kind: "B" }, { start: 1, end: 3, kind: "A" }],
  ]);
  assert.deepEqual(hits.map(({ kind }) => kind), ["A"]);
});
