import assert from "node:assert/strict";
import { Journal } from "./journal.ts";
import { UnavailableError } from "./errors.ts";

Deno.test("Journal keeps the newest entries and counts what it dropped", () => {
  const journal = new Journal<number>({ limit: 3 });
  for (let n = 0; n < 10; n++) journal.append(n);
  assert.deepEqual(journal.entries(), [7, 8, 9]);
  assert.ok(journal.dropped > 0);
});

Deno.test("Journal.waitFor() finds an entry that is there already", async () => {
  const journal = new Journal<string>({ limit: 10 });
  journal.append("a");
  assert.equal(await journal.waitFor((entry) => entry === "a"), "a");
});

Deno.test("Journal.waitFor() resolves when an entry comes, or changes and is notified", async () => {
  const journal = new Journal<{ ended: boolean }>({ limit: 10 });
  const entry = { ended: false };
  journal.append(entry);
  const ended = journal.waitFor(({ ended }) => ended);
  entry.ended = true;
  journal.notify();
  assert.equal(await ended, entry);
});

Deno.test("Journal.waitFor() rejects at its deadline and names what was awaited", async () => {
  const journal = new Journal<string>({ limit: 10 });
  await assert.rejects(
    journal.waitFor(() => false, { deadlineMs: 1, what: "Wait for Godot" }),
    (error) => error instanceof UnavailableError && /Wait for Godot/.test(error.message),
  );
});

Deno.test("Journal.subscribe() hears new entries until it is disposed", () => {
  const journal = new Journal<number>({ limit: 10 });
  const heard: number[] = [];
  {
    using _subscription = journal.subscribe((entry) => heard.push(entry));
    journal.append(1);
  }
  journal.append(2);
  assert.deepEqual(heard, [1]);
});

Deno.test("Journal refuses a limit below one", () => {
  assert.throws(() => new Journal({ limit: 0 }), RangeError);
});
