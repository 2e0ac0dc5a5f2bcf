/** Calls of one answer, as servers stream them: with and without index, id and name. */
import assert from "node:assert/strict";
import type { ToolCallDelta } from "../backend/chat.ts";
import { CallAssembly } from "./call_assembly.ts";

type Piece = Partial<ToolCallDelta> & { readonly args?: string };

function assembled(pieces: readonly Piece[], names = ["f", "g", "get_weather"]) {
  const assembly = new CallAssembly((name) => names.includes(name));
  for (const { args = "", ...piece } of pieces) {
    assembly.take({ kind: "tool_call", place: { at: 0, of: 1 }, arguments: args, ...piece });
  }
  return assembly.calls.map(({ name, arguments: text }) => [name, text]);
}

const OSLO = '{"city":"Oslo"}';
const ROME = '{"city":"Rome"}';
const TWO = [["f", OSLO], ["f", ROME]];

const MANNERS: readonly [what: string, pieces: readonly Piece[], calls: string[][]][] = [
  ["OpenAI's: the index alone goes on", [
    { index: 0, id: "a", name: "f" },
    { index: 0, args: OSLO.slice(0, 5) },
    { index: 1, id: "b", name: "f" },
    { index: 0, args: OSLO.slice(5) },
    { index: 1, args: ROME },
  ], TWO],
  ["ids of their own, and the same index", [
    { index: 0, id: "a", name: "f", args: OSLO },
    { index: 0, id: "b", name: "f", args: ROME },
  ], TWO],
  ["no index", [
    { id: "a", name: "f", args: OSLO.slice(0, 5) },
    { args: OSLO.slice(5) },
    { id: "b", name: "f", args: ROME },
  ], TWO],
  ["no index, the id with each piece", [
    { id: "a", name: "f", args: OSLO.slice(0, 5) },
    { id: "b", name: "f", args: ROME.slice(0, 5) },
    { id: "a", args: OSLO.slice(5) },
    { id: "b", args: ROME.slice(5) },
  ], TWO],
  ["neither index nor id", [
    { name: "f", args: OSLO },
    { name: "f", args: ROME },
  ], TWO],
  ["one index and one id for all", [
    { index: 0, id: "call_0", name: "f", args: OSLO },
    { index: 0, id: "call_0", name: "f", args: ROME },
  ], TWO],
  ["another id with each piece", [
    { index: 0, id: "x1", name: "f" },
    { index: 0, id: "x2", args: OSLO.slice(0, 5) },
    { index: 0, id: "x3", args: OSLO.slice(5) },
    { index: 1, id: "x4", name: "f", args: ROME },
  ], TWO],
  ["another id and the name with each piece", [
    { index: 0, id: "x1", name: "f", args: OSLO.slice(0, 5) },
    { index: 0, id: "x2", name: "f", args: OSLO.slice(5) },
    { index: 0, id: "x3", name: "f", args: ROME },
  ], TWO],
  ["the name with each piece", [
    { index: 0, id: "a", name: "f", args: OSLO.slice(0, 5) },
    { index: 0, id: "a", name: "f", args: OSLO.slice(5) },
    { index: 1, id: "b", name: "f", args: ROME },
  ], TWO],
  ["a name that comes late", [
    { index: 0, id: "a", args: OSLO },
    { index: 0, name: "f" },
    { index: 1, id: "b", name: "f", args: ROME },
  ], TWO],
  ["an id that comes late", [
    { name: "f" },
    { id: "a", args: OSLO },
    { id: "b", name: "f", args: ROME },
  ], TWO],
  ["a name in pieces", [
    { index: 0, id: "a", name: "get_" },
    { index: 0, name: "weather", args: OSLO },
  ], [["get_weather", OSLO]]],
  ["calls without arguments", [
    { index: 0, id: "a", name: "f" },
    { index: 0, id: "b", name: "g" },
  ], [["f", ""], ["g", ""]]],
  ["several in a chunk that say nothing of themselves", [
    { name: "f", place: { at: 0, of: 2 } },
    { name: "g", place: { at: 1, of: 2 } },
    { args: OSLO, place: { at: 0, of: 2 } },
    { args: ROME, place: { at: 1, of: 2 } },
  ], [["f", OSLO], ["g", ROME]]],
  ["blanks after whole arguments", [
    { index: 0, id: "a", name: "f", args: OSLO },
    { index: 0, id: "b", args: "\n" },
  ], [["f", `${OSLO}\n`]]],
];

for (const [what, pieces, calls] of MANNERS) {
  Deno.test(`calls are told apart: ${what}`, () => assert.deepEqual(assembled(pieces), calls));
}

Deno.test("every call has an id of its own", () => {
  const assembly = new CallAssembly(() => true);
  for (const name of ["f", "g", "h"]) {
    const place = { at: 0, of: 1 };
    assembly.take({ kind: "tool_call", place, id: "call_0", name, arguments: "{}" });
  }
  assert.equal(new Set(assembly.calls.map(({ id }) => id)).size, 3);
});
