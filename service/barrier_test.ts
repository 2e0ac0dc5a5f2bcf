import assert from "node:assert/strict";
import { Barriers } from "./barrier.ts";
import { UnavailableError } from "./errors.ts";

Deno.test("Barriers.arrive() blocks until it is released", async () => {
  const barriers = new Barriers();
  let passed = false;
  const arrival = barriers.arrive("a").then(() => passed = true);
  await barriers.arrival("a");
  await Promise.resolve();
  assert.equal(passed, false);
  assert.equal(barriers.blocked("a"), 1);
  barriers.release("a");
  await arrival;
  assert.equal(barriers.blocked("a"), 0);
});

Deno.test("Barriers.release() lets exactly one arrival pass, even one to come", async () => {
  const barriers = new Barriers();
  barriers.release("a");
  await barriers.arrive("a");
  void barriers.arrive("a");
  await barriers.arrival("a", { count: 2 });
  assert.equal(barriers.blocked("a"), 1);
});

Deno.test("Barriers.arrival() rejects at its deadline", async () => {
  await assert.rejects(new Barriers().arrival("a", { deadlineMs: 1 }), UnavailableError);
});

Deno.test("Barriers.arrive() rejects when its signal aborts, and gives its place up", async () => {
  const barriers = new Barriers();
  const controller = new AbortController();
  const arrival = barriers.arrive("a", controller.signal);
  controller.abort(new Error("left"));
  await assert.rejects(arrival, /left/);
  assert.equal(barriers.blocked("a"), 0);
});

Deno.test("Barriers.releaseAll() opens every barrier for good", async () => {
  const barriers = new Barriers();
  const arrival = barriers.arrive("a");
  barriers.releaseAll();
  await arrival;
  await barriers.arrive("b");
});
