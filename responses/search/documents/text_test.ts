import assert from "node:assert/strict";
import { strToU8, zipSync } from "fflate";
import { pdfOf } from "./testing.ts";
import { textOf } from "./text.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** A Word document with these paragraphs, as XML. */
function docx(paragraphs: string, name = "word/document.xml"): Uint8Array {
  const xml =
    `<?xml version="1.0"?><w:document xmlns:w="x"><w:body>${paragraphs}</w:body></w:document>`;
  return zipSync({ [name]: strToU8(xml), "word/media/image1.png": new Uint8Array(10) });
}

const READ: readonly [string, string, Uint8Array, string][] = [
  ["plain text", "a.txt", bytes("Grüße\n"), "Grüße\n"],
  ["Markdown", "a.md", bytes("# Title\n"), "# Title\n"],
  ["a name without ending", "README", bytes("words"), "words"],
  ["a byte order mark", "a.txt", new Uint8Array([0xef, 0xbb, 0xbf, 0x61]), "a"],
  ["UTF-16, little end first", "a.txt", new Uint8Array([0xff, 0xfe, 0x61, 0, 0x62, 0]), "ab"],
  ["UTF-16, big end first", "a.txt", new Uint8Array([0xfe, 0xff, 0, 0x61]), "a"],
  [
    "HTML",
    "a.html",
    bytes(
      "<html><head><title>The title</title><style>p{}</style></head><body><h1>One &amp; two</h1>" +
        "<p>A <b>bold</b>\n   word<br>next</p><script>alert(1)</script><img alt='a cat'><pre> x\n  y</pre>" +
        "<table><tr><td>1</td><td>2</td></tr></table></body>",
    ),
    "The title\nOne & two\nA bold word\nnext\na cat\n x\n  y\n1 2\n",
  ],
  ["JSON on one line", "a.json", bytes('{"a":[1,"x"]}'), '{\n "a": [\n  1,\n  "x"\n ]\n}'],
  ["JSON on several lines", "a.json", bytes('{\n"a": 1}'), '{\n"a": 1}'],
  [
    "CSV",
    "a.csv",
    bytes('name,city\nAda,"London, UK"\nBob,\n'),
    "name: Ada, city: London, UK\nname: Bob, city: ",
  ],
  ["CSV with semicolons", "a.csv", bytes("a;b\n1;2\n"), "a: 1, b: 2"],
  ["CSV of one row", "a.csv", bytes("a,b"), "a, b"],
  ["PDF", "a.pdf", pdfOf(["Hello page one", "Second page"]), "Hello page one\n\nSecond page"],
  ["a PDF by its first bytes", "upload.bin", pdfOf(["By signature"]), "By signature"],
  [
    "Word",
    "a.docx",
    docx(
      "<w:p><w:r><w:t>One </w:t></w:r><w:r><w:t>line &lt;</w:t></w:r></w:p>" +
        "<w:p><w:del><w:delText>gone</w:delText></w:del><w:r><w:t>a</w:t><w:tab/><w:t>b</w:t></w:r></w:p>",
    ),
    "One line <\na\tb\n",
  ],
];

for (const [name, filename, content, expected] of READ) {
  Deno.test(`text of ${name}`, async () => {
    assert.equal(await textOf(content, filename), expected);
  });
}

/** A ZIP archive that says of its document that it unpacks to a gigabyte. */
function bomb(): Uint8Array {
  const archive = docx("<w:p/>");
  const view = new DataView(archive.buffer, archive.byteOffset);
  // The central directory is what readers go by: signature "PK\x01\x02", size unpacked at 24.
  for (let at = 0; at < archive.length - 4; at++) {
    if (view.getUint32(at, true) === 0x02014b50) view.setUint32(at + 24, 2 ** 30, true);
  }
  return archive;
}

const BROKEN: readonly [string, string, Uint8Array, string, RegExp][] = [
  ["an empty file", "a.txt", bytes(" \n"), "InvalidFileError", /no text/],
  [
    "an image",
    "a.png",
    new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0]),
    "UnsupportedFileError",
    /neither text .* pdf, docx/,
  ],
  ["Latin-1", "a.txt", new Uint8Array([0x47, 0xfc, 0x6e]), "UnsupportedFileError", /neither text/],
  [
    "a broken PDF",
    "a.pdf",
    bytes("%PDF-1.4 and nothing more"),
    "InvalidFileError",
    /The PDF cannot be read/,
  ],
  ["a PDF without text", "a.pdf", pdfOf([""]), "InvalidFileError", /no text: scanned/],
  [
    "a Word document that is no ZIP",
    "a.docx",
    bytes("hello"),
    "InvalidFileError",
    /no readable Word/,
  ],
  [
    "a ZIP without a document",
    "a.docx",
    docx("", "other.xml"),
    "InvalidFileError",
    /holds no "word\/document\.xml"/,
  ],
  [
    "a presentation",
    "a.pptx",
    docx("", "ppt/slides/slide1.xml"),
    "UnsupportedFileError",
    /nor of a kind that is read/,
  ],
  ["a Word document that unpacks to a gigabyte", "a.docx", bomb(), "InvalidFileError", /256 MiB/],
  ["broken JSON", "a.json", bytes('{"a":'), "InvalidFileError", /The JSON cannot be read/],
  [
    "CSV with an open quote",
    "a.csv",
    bytes('a,b\n"x,1\n'),
    "InvalidFileError",
    /The CSV cannot be read/,
  ],
];

for (const [name, filename, content, error, message] of BROKEN) {
  Deno.test(`${name} is refused`, async () => {
    await assert.rejects(textOf(content, filename), { name: error, message });
  });
}
