/** Repeats a run of `check` when a file that it depends on changes. */
import { differenceLine, diffReports, type Report } from "../../conformance/mod.ts";
import {
  messageOf,
  UnavailableError,
  UsageError,
  watchFile,
  watchFolder,
} from "../../service/mod.ts";

/** The files that a run depends on, and how to be told of their changes. */
export interface WatchedFiles {
  readonly rules?: string | undefined;
  readonly envoyConfig?: string | undefined;
  readonly scenarios?: string | undefined;
}

/** Changes of files, one after another. */
export interface Changes extends AsyncDisposable {
  /** Aborts at the next change that nobody has waited for. */
  readonly fresh: AbortSignal;
  /** Resolves with what changed since the last call, at once when something did. */
  next(signal: AbortSignal): Promise<string[]>;
}

/**
 * Watches the files that the flags name; the watch is in place when this returns.
 *
 * @throws {UsageError} when there is none to watch
 */
export function watchFiles({ rules, envoyConfig, scenarios }: WatchedFiles): Changes {
  const changes = new ChangeQueue();
  for (const path of [rules, envoyConfig]) {
    if (path !== undefined) changes.use(watchFile(path, () => changes.tell(path)));
  }
  if (scenarios !== undefined) {
    changes.use(watchFolder(scenarios, () => changes.tell(scenarios)));
  }
  if (changes.empty) {
    throw new UsageError(
      "Cannot use --watch: no file is named that could change: give --rules, --envoy-config or --scenarios",
    );
  }
  return changes;
}

/** Collects changes until somebody asks. */
export class ChangeQueue implements Changes {
  readonly #stack = new AsyncDisposableStack();
  readonly #changed = new Set<string>();
  #fresh = new AbortController();
  #wake: (() => void) | undefined;
  #watches = 0;

  /** Whether nothing is watched. */
  get empty(): boolean {
    return this.#watches === 0;
  }

  get fresh(): AbortSignal {
    return this.#fresh.signal;
  }

  /** Adds a watch, which ends with the queue. */
  use(watch: AsyncDisposable): void {
    this.#watches++;
    this.#stack.use(watch);
  }

  /** Notes that a file changed. */
  tell(path: string): void {
    this.#changed.add(path);
    this.#fresh.abort(new Error(`"${path}" changed`));
    this.#wake?.();
  }

  async next(signal: AbortSignal): Promise<string[]> {
    while (this.#changed.size === 0) {
      const changed = Promise.withResolvers<void>();
      this.#wake = changed.resolve;
      const stop = () => changed.reject(signal.reason);
      signal.addEventListener("abort", stop, { once: true });
      if (signal.aborted) stop();
      try {
        await changed.promise;
      } finally {
        signal.removeEventListener("abort", stop);
        this.#wake = undefined;
      }
    }
    const paths = [...this.#changed];
    this.#changed.clear();
    this.#fresh = new AbortController();
    return paths;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

/** Options of a watch. */
export interface WatchOptions {
  readonly changes: Changes;
  /** One run; it ends early when its signal aborts. */
  readonly run: (signal: AbortSignal) => Promise<Report>;
  /** A run was finished; `before` is the last one that was, none at first. */
  readonly onReport: (report: Report, before: Report | undefined) => Promise<void> | void;
  /** A run could not be made: a file is broken, or something did not start. */
  readonly onProblem: (message: string) => void;
  readonly onChange: (paths: readonly string[]) => void;
  readonly signal: AbortSignal;
}

/**
 * Runs, and again after each change, until the signal aborts. A change during a run ends that run:
 * its verdicts are about files that are gone.
 */
export async function watchRuns(options: WatchOptions): Promise<void> {
  const { changes, signal } = options;
  let before: Report | undefined;
  while (!signal.aborted) {
    const { fresh } = changes;
    try {
      const report = await options.run(AbortSignal.any([signal, fresh]));
      if (!fresh.aborted && !signal.aborted) {
        await options.onReport(report, before);
        before = report;
      }
    } catch (error) {
      if (signal.aborted) return;
      const theirs = error instanceof UsageError || error instanceof UnavailableError;
      if (!theirs && !fresh.aborted) throw error;
      if (!fresh.aborted) options.onProblem(messageOf(error));
    }
    try {
      options.onChange(await changes.next(signal));
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
  }
}

/** Returns what a watch prints after a run that was not the first: what changed, and the count. */
export function renderChanges(report: Report, before: Report): string {
  const { summary } = report;
  const lines = diffReports(before, report).map(differenceLine);
  if (lines.length === 0) lines.push("no verdict changed");
  lines.push(
    `${summary.cases} cases: ${summary.passed} passed, ${summary.failed} failed, ${summary.warned} warned`,
  );
  return lines.join("\n");
}
