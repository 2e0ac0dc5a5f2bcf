/** Makes Python wheels (PyPA's binary distribution format; core metadata 2.4). */
import { createHash } from "node:crypto";
import { type Zippable, zipSync } from "fflate";
import { type PackageFile, textFile } from "./program.ts";

/** A wheel of pure Python to be made. */
export interface Wheel {
  /** As PyPI has it, with hyphens. */
  readonly name: string;
  readonly version: string;
  readonly summary: string;
  /** Markdown. */
  readonly description: string;
  readonly requiresPython: string;
  readonly requires: readonly string[];
  readonly license: string;
  /** Sections of `entry_points.txt`. */
  readonly entryPoints: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly files: readonly PackageFile[];
}

/** The earliest time that a zip file knows: the same parts make the same bytes. */
const TIME = new Date(1980, 0, 1);

/** Returns a wheel's file name and its bytes. */
export function makeWheel(wheel: Wheel): { name: string; bytes: Uint8Array } {
  const stem = `${wheel.name.replaceAll("-", "_")}-${wheel.version}`;
  const info = `${stem}.dist-info`;
  const files = [
    ...wheel.files,
    textFile(`${info}/METADATA`, metadata(wheel)),
    textFile(
      `${info}/WHEEL`,
      "Wheel-Version: 1.0\nGenerator: llmgate\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    ),
    textFile(`${info}/entry_points.txt`, entryPoints(wheel.entryPoints)),
    textFile(`${info}/licenses/LICENSE`, wheel.license),
  ];
  const lines = files.map(({ name, bytes }) => `${name},sha256=${digest(bytes)},${bytes.length}`);
  const record = textFile(`${info}/RECORD`, `${[...lines, `${info}/RECORD,,`].join("\n")}\n`);
  const entries: Zippable = Object.fromEntries(
    // 0644 of a plain file, in the upper half of the attributes, as Unix writes it.
    [...files, record].map(({ name, bytes }) => [
      name,
      [bytes, { mtime: TIME, os: 3, attrs: 0o100644 << 16 }],
    ]),
  );
  return { name: `${stem}-py3-none-any.whl`, bytes: zipSync(entries, { level: 9 }) };
}

function metadata(wheel: Wheel): string {
  const lines = [
    "Metadata-Version: 2.4",
    `Name: ${wheel.name}`,
    `Version: ${wheel.version}`,
    `Summary: ${wheel.summary}`,
    "License-Expression: Apache-2.0",
    "License-File: LICENSE",
    "Project-URL: Homepage, https://github.com/llmgate/llmgate",
    "Classifier: Framework :: Pytest",
    `Requires-Python: ${wheel.requiresPython}`,
    ...wheel.requires.map((requirement) => `Requires-Dist: ${requirement}`),
    "Description-Content-Type: text/markdown",
  ];
  return `${lines.join("\n")}\n\n${wheel.description}`;
}

function entryPoints(sections: Wheel["entryPoints"]): string {
  return Object.entries(sections).map(([section, points]) =>
    `[${section}]\n${
      Object.entries(points).map(([name, object]) => `${name} = ${object}\n`).join("")
    }`
  ).join("\n");
}

/** SHA-256 in base64url without padding, as RECORD has it. */
function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("base64url");
}
