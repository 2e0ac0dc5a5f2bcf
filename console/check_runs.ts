/** Runs of the conformance suite that the page asks for: one at a time, with progress while it runs. */
import { messageOf, UsageError } from "../service/mod.ts";
import { HEADERS } from "./headers.ts";
import { NotThere } from "./not_there.ts";
import type { CheckState } from "./shown.ts";

/** A run of the suite that goes on elsewhere. */
export interface RunningCheck extends AsyncDisposable {
  /** Lines of its progress, as `llmgate check` prints them. */
  readonly lines: AsyncIterable<string>;
  /** Resolves when it is over; `html` is empty when it wrote no report. */
  readonly ended: Promise<{ readonly code: number; readonly html: string; readonly error: string }>;
}

/** Starts a run; `cases` is a glob of ids, empty for all. */
export type StartCheck = (cases: string) => Promise<RunningCheck>;

const NONE: CheckState = {
  state: "none",
  cases: "",
  done: 0,
  total: 0,
  says: "",
  found: [],
  passed: 0,
  code: null,
  has_report: false,
};

/** A line about one case: `3/20 passed       allow.basic   must   h1   12 ms`. */
const CASE =
  /^\s*(\d+)\/(\d+) (passed|FAILED|warned|skipped|unsupported|not measured) +(\S+)\s*(.*)$/;

/** The runs of a console. */
export class CheckRuns implements AsyncDisposable {
  readonly #start: StartCheck | undefined;
  #state: CheckState = NONE;
  #running: RunningCheck | undefined;
  #html = "";

  constructor(start: StartCheck | undefined) {
    this.#start = start;
  }

  /** The newest run. */
  state(): CheckState {
    return this.#state;
  }

  /** Starts a run. Throws `UsageError` while one runs, and where none can be started. */
  async start(cases: string): Promise<CheckState> {
    if (this.#start === undefined) throw new UsageError("Cannot run the suite from here");
    if (this.#state.state === "running") throw new UsageError("Cannot start a run: one is running");
    this.#state = { ...NONE, state: "running", cases };
    this.#html = "";
    try {
      this.#running = await this.#start(cases);
    } catch (error) {
      this.#state = { ...this.#state, state: "ended", says: messageOf(error), code: 4 };
      return this.#state;
    }
    this.#follow(this.#running).catch((error) => {
      this.#state = { ...this.#state, state: "ended", says: messageOf(error), code: 4 };
      this.#running = undefined;
    });
    return this.#state;
  }

  /** Ends the run. */
  async stop(): Promise<CheckState> {
    await this.#running?.[Symbol.asyncDispose]();
    return this.#state;
  }

  /** The report of the newest run, as a page. */
  report(): Response {
    if (this.#html === "") throw new NotThere("There is no report: run the suite first");
    // The report brings a policy of its own, by the hashes of its style and script.
    const policy = /http-equiv="Content-Security-Policy" content="([^"]+)"/.exec(this.#html)?.[1];
    return new Response(this.#html, {
      headers: {
        ...HEADERS,
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": `${policy ?? "default-src 'none'"}; frame-ancestors 'none'`,
      },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running?.[Symbol.asyncDispose]();
  }

  async #follow(run: RunningCheck): Promise<void> {
    for await (const line of run.lines) this.#hear(line);
    const { code, html, error } = await run.ended;
    this.#html = html;
    this.#state = {
      ...this.#state,
      state: "ended",
      code,
      has_report: html !== "",
      ...(error !== "" && { says: error }),
    };
    this.#running = undefined;
  }

  #hear(line: string): void {
    const [, done, total, status = "", id = "", rest = ""] = CASE.exec(line) ?? [];
    if (done === undefined) {
      if (line.trim() !== "") this.#state = { ...this.#state, says: line.trim() };
      return;
    }
    const isPass = status === "passed";
    this.#state = {
      ...this.#state,
      done: Number(done),
      total: Number(total),
      passed: this.#state.passed + (isPass ? 1 : 0),
      found: isPass ? this.#state.found : [...this.#state.found, { id, status, says: rest.trim() }],
    };
  }
}
