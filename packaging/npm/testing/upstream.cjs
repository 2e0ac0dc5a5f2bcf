// The mock model server as tests see it: what it is told to answer, and what it was asked.
"use strict";
const assert = require("node:assert/strict");

/** How long an assertion waits for requests to end, milliseconds. */
const PATIENCE_MS = 5_000;

/** How the journal says that the client left before the end. */
const LEFT = new Set(["client-fin", "client-rst", "h2-rst"]);

class UpstreamHandle {
  #program;
  #control;
  #count = 0;

  constructor(program, { url, control }) {
    this.#program = program;
    this.#control = `${control}/__mock`;
    this.url = url;
    this.baseURL = `${url}/v1`;
  }

  /** Answers what `match` fits (everything, without it) with a text, or with the fields of a reply. */
  reply(reply, match = {}) {
    return this.scenario({ match, reply });
  }

  /** Answers with an error: a status, or status, message, type, code and retry_after. */
  error(error, match = {}) {
    return this.scenario({ match, error });
  }

  /** Answers in turn: statuses, "ok", { reply }, { error } or { steps }; the last one repeats. */
  answers(answers, match = {}) {
    return this.scenario({ match, answers });
  }

  /** Answers step by step: events, cuts, sleeps, resets. */
  steps(steps, match = {}) {
    return this.scenario({ match, steps });
  }

  /** Sets a scenario as its file would hold it; what was set last is asked first. */
  async scenario(scenario, name = `test-${++this.#count}`) {
    await this.#ask("PUT", `scenarios/${encodeURIComponent(name)}`, JSON.stringify(scenario));
  }

  /** Forgets what was set and what was asked: before each test. */
  async reset() {
    await this.#ask("DELETE", "scenarios");
    await this.#ask("DELETE", "journal");
  }

  /** What was asked so far, oldest first. */
  async requests() {
    return readJournal(await this.#ask("GET", "journal"));
  }

  /** Waits until `times` requests have ended, and asserts that no more were made; returns them. */
  async asked(times = 1) {
    const text = await this.#ended(times);
    const found = readJournal(text ?? await this.#ask("GET", "journal"));
    assert.equal(found.length, times, `the model was asked ${found.length} times, not ${times}`);
    return found;
  }

  /** Asserts that the last request was cancelled by its client; waits for its end. Returns it. */
  async cancelled() {
    const before = await this.requests();
    assert.ok(before.length > 0, "the model was not asked");
    const text = await this.#ended(before.length);
    const last = readJournal(text ?? await this.#ask("GET", "journal")).at(-1);
    assert.ok(last.cancelled, `the last request ended as ${last.end ?? "none: it still runs"}`);
    return last;
  }

  close() {
    return this.#program.close();
  }

  [Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")]() {
    return this.close();
  }

  /** The journal once so many have ended, or undefined when they did not in time. */
  async #ended(count) {
    if (count === 0) return undefined;
    const query = `wait=end&count=${count}&deadline_ms=${PATIENCE_MS}`;
    return await this.#ask("GET", `journal?${query}`, undefined, [504]);
  }

  async #ask(method, path, body, empty = []) {
    const response = await fetch(`${this.#control}/${path}`, {
      method,
      // No web page can send this header without asking first.
      headers: { "x-llmgate": "testing", "content-type": "application/json" },
      ...(body === undefined ? {} : { body }),
    });
    const text = await response.text();
    if (empty.includes(response.status)) return undefined;
    if (!response.ok) throw new Error(messageOf(text));
    return text;
  }
}

function messageOf(text) {
  try {
    const { error } = JSON.parse(text);
    return error?.message ?? error ?? text;
  } catch {
    return text;
  }
}

function readJournal(text) {
  return text.split("\n").filter((line) => line !== "").map((line) => {
    const exchange = JSON.parse(line);
    const headers = Object.fromEntries(
      exchange.headers.map(([name, value]) => [name.toLowerCase(), value]),
    );
    return {
      ...exchange,
      headers,
      path: (exchange.target ?? "").split("?")[0],
      body: bodyOf(exchange.bodyText),
      cancelled: LEFT.has(exchange.end),
    };
  });
}

/** JSON as what it says; anything else as its text. */
function bodyOf(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

module.exports = { UpstreamHandle };
